package publish

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/preflight"
	"github.com/uhdadmin/media-gateway/master/internal/render"
	"github.com/uhdadmin/media-gateway/master/internal/rollout"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// groupConfig is a group's configuration with its content hash, but without its place in time.
type groupConfig struct {
	group fleet.Group
	*api.Config
	origins render.Origins
	asked   preflight.Key
	changed bool // it is another than what the group has now
}

// encode returns what a snapshot keeps of content, and its hash, which is the ETag of what is configured.
func encode(content store.Content) (kept []byte, hash string, err error) {
	if kept, err = json.Marshal(content); err != nil {
		return nil, "", fmt.Errorf("encode snapshot: %w", err)
	}
	sum := sha256.Sum256(kept)
	return kept, hex.EncodeToString(sum[:]), nil
}

// renderGroups renders what an order covers, by host and service type.
func (p *Publisher) renderGroups(content store.Content, order rollout.Order) ([]groupConfig, error) {
	r, err := p.renderer(content)
	if err != nil {
		return nil, err
	}
	var configs []groupConfig
	for _, group := range groupsOf(content.Servers) {
		if len(order.Hosts) > 0 && !slices.Contains(order.Hosts, group.Host) {
			continue
		}
		c, err := r.render(group, order.AllowShrink)
		if err != nil {
			return nil, err
		}
		configs = append(configs, c)
	}
	return configs, nil
}

// cover returns those of the rendered groups that are published: every group that has servers, enabled or not,
// but for those that are empty and were never published.
func cover(content store.Content, rendered []groupConfig, current []store.Distribution, order rollout.Order) ([]groupConfig, error) {
	has := map[fleet.Group]*store.Distribution{}
	for i := range current {
		has[current[i].Group()] = &current[i]
	}
	var configs []groupConfig
	var errs fleet.FieldErrors
	for _, c := range rendered {
		now := has[c.group]
		if c.SiblingCount == 0 {
			if now == nil || now.ServerCount == 0 {
				continue
			}
			if !order.AllowShrink {
				errs.Add("allow_shrink", fmt.Sprintf("must be true to publish no server at all to %s (%s), whose servers are all disabled", c.group.Host, c.group.ServiceType))
			}
		}
		c.changed = now == nil || now.ConfigHash != c.ConfigHash
		configs = append(configs, c)
	}
	for i, host := range order.Hosts {
		if !slices.ContainsFunc(content.Servers, func(s fleet.Server) bool { return s.Host == host }) {
			errs.Add(fmt.Sprintf("hosts[%d]", i), "names no host with servers")
		}
	}
	if len(configs) == 0 && len(errs) == 0 {
		errs.Add("hosts", "has nothing to publish: no server is enabled; add or enable one")
	}
	return configs, errs.ErrorOrNil()
}

func groupsOf(servers []fleet.Server) []fleet.Group {
	seen := map[fleet.Group]bool{}
	var groups []fleet.Group
	for i := range servers {
		if g := (fleet.Group{Host: servers[i].Host, ServiceType: servers[i].ServiceType}); !seen[g] {
			seen[g] = true
			groups = append(groups, g)
		}
	}
	slices.SortFunc(groups, compareGroups)
	return groups
}

// serversOf returns the ids of the group's enabled servers.
func serversOf(content store.Content, group fleet.Group) []int64 {
	ids := []int64{}
	for _, s := range content.Servers {
		if s.Enabled && s.Host == group.Host && s.ServiceType == group.ServiceType {
			ids = append(ids, s.ID)
		}
	}
	return ids
}
