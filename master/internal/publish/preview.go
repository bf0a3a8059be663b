package publish

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"golang.org/x/sync/errgroup"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/preflight"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// Question says what a preview is of. Without Host and Profile it is of all hosts.
type Question struct {
	Host     string
	Profile  int64 // the hosts that have a server with this profile
	Snapshot int64 // of its content, as a rollback would publish it; 0: of what is configured now
	// InFull is how many groups are returned with their files and what differs: those first that nginx refuses, then those that
	// change. Of the others only that is told. 0: all.
	InFull int
	// Amend is done to what is configured before it is looked at, and then undone; nil: nothing.
	Amend Amendment
}

// Preview is what a publish would do.
type Preview struct {
	Hash   string         `json:"hash" doc:"of what is configured: the ETag for If-Match of a publish"`
	Groups []GroupPreview `json:"groups"`
}

// GroupPreview is what a publish would do to one group.
type GroupPreview struct {
	fleet.Group
	ServerCount   int                      `json:"server_count"`
	ConfigHash    string                   `json:"config_hash"`
	Changed       bool                     `json:"changed" doc:"whether it is another than what runs"`
	Against       *store.Distribution      `json:"against" doc:"what runs: what the slave said it applied, else what it fetched last; null: neither is known"`
	RenderedNginx string                   `json:"rendered_nginx" doc:"this and what follows is empty of groups beyond in_full, all but preflight"`
	RenderedLua   string                   `json:"rendered_lua" doc:"empty: the built-in access.lua"`
	LuaConfigs    map[string]api.LuaConfig `json:"lua_configs" doc:"by profile id"`
	Diff          string                   `json:"diff" doc:"unified, of server.conf, access.lua and rules.json; empty: nothing changes"`
	Preflight     preflight.Verdict        `json:"preflight"`
}

// Preview renders what is configured, compares it with what runs and asks nginx about it. Nothing is stored. What
// cannot be rendered wraps render.ErrInvalid; a snapshot that is not there is store.ErrNotFound.
func (p *Publisher) Preview(ctx context.Context, q Question) (*Preview, error) {
	content, guard, err := p.proposed(ctx, q.Amend)
	if err != nil {
		return nil, err
	}
	preview := &Preview{Hash: guard}
	if q.Snapshot != 0 {
		kept, err := p.cfg.Store.ReadSnapshot(ctx, q.Snapshot)
		if err != nil {
			return nil, err
		}
		content = revive(kept, content)
	}
	groups, err := asked(content, q)
	if err != nil {
		return nil, err
	}
	running, err := p.cfg.Store.Running(ctx)
	if err != nil {
		return nil, err
	}
	r, err := p.renderer(content)
	if err != nil {
		return nil, err
	}
	preview.Groups = make([]GroupPreview, len(groups))
	looks := make([]look, len(groups))
	err = sideBySide(ctx, len(groups), func(ctx context.Context, i int) (err error) {
		looks[i], err = p.preview(ctx, r, groups[i], running, &preview.Groups[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	full := firstOf(preview.Groups, q.InFull)
	return preview, sideBySide(ctx, len(full), func(ctx context.Context, i int) error {
		return p.fill(ctx, looks[full[i]], &preview.Groups[full[i]])
	})
}

// sideBySide runs do for 0 to n-1, a few at a time, until one fails.
func sideBySide(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(8)
	for i := range n {
		work.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return do(ctx, i)
		})
	}
	return work.Wait()
}

// firstOf returns the places of the first groups that people want to see, in_full of them; 0: of all.
func firstOf(groups []GroupPreview, n int) []int {
	places := make([]int, len(groups))
	for i := range places {
		places[i] = i
	}
	if n == 0 || n >= len(places) {
		return places
	}
	slices.SortStableFunc(places, func(a, b int) int { return cmp.Compare(groups[a].rank(), groups[b].rank()) })
	return places[:n]
}

// rank is how soon people want to see the group.
func (g *GroupPreview) rank() int {
	switch {
	case g.Preflight.Status == preflight.Failed:
		return 0
	case g.Changed:
		return 1
	}
	return 2
}

// asked returns the groups that a question is about.
func asked(content store.Content, q Question) ([]fleet.Group, error) {
	fallback := map[int64]api.ServiceType{} // default profiles
	known := q.Profile == 0
	for _, profile := range content.Profiles {
		known = known || profile.ID == q.Profile
		if profile.IsDefault {
			fallback[profile.ID] = profile.ServiceType
		}
	}
	if !known {
		return nil, fleet.FieldErrors{{Field: "profile_id", Message: "is no profile's"}}
	}
	var servers []fleet.Server
	for _, s := range content.Servers {
		uses := q.Profile == 0 || s.ProfileID != nil && *s.ProfileID == q.Profile || s.ProfileID == nil && fallback[q.Profile] == s.ServiceType
		if uses && (q.Host == "" || s.Host == q.Host) {
			servers = append(servers, s)
		}
	}
	if len(servers) == 0 && q.Host != "" {
		return nil, fleet.FieldErrors{{Field: "host", Message: "names no host with such servers"}}
	}
	return groupsOf(servers), nil
}

// preview tells what a publish would do to a group, all but what fill adds.
func (p *Publisher) preview(ctx context.Context, r *renderer, group fleet.Group, running map[fleet.Group]store.Distribution, into *GroupPreview) (look, error) {
	seen, err := r.look(group)
	if err != nil {
		return look{}, err
	}
	*into = GroupPreview{Group: group, ServerCount: seen.servers, ConfigHash: seen.hash, Changed: true}
	if d, ok := running[group]; ok {
		into.Against, into.Changed = &d, d.ConfigHash != seen.hash
	}
	var known bool
	if into.Preflight, known = p.verdict(seen.asked); known {
		return seen, nil
	}
	c, err := seen.config()
	if err != nil {
		return look{}, err
	}
	into.Preflight, err = p.preflight(ctx, r.content, c)
	return seen, err
}

// fill adds a group's files, and what differs in them.
func (p *Publisher) fill(ctx context.Context, seen look, into *GroupPreview) error {
	c, err := seen.config()
	if err != nil {
		return err
	}
	into.RenderedNginx, into.RenderedLua, into.LuaConfigs = c.RenderedNginx, c.RenderedLua, c.LuaConfigs
	if !into.Changed {
		return nil
	}
	from := &api.Config{}
	if into.Against != nil {
		if from, err = p.document(ctx, into.Against.ID); err != nil {
			return err
		}
	}
	into.Diff = diff(from, c.Config)
	return nil
}

// document returns the configuration of a distribution.
func (p *Publisher) document(ctx context.Context, id int64) (*api.Config, error) {
	compressed, err := p.cfg.Store.Document(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("document of distribution %d: %w", id, err)
	}
	doc, err := openDocument(compressed)
	if err != nil {
		return nil, fmt.Errorf("document of distribution %d: %w", id, err)
	}
	config := &api.Config{}
	return config, json.Unmarshal(doc.JSON(), config)
}

// diff compares what two configurations make of a slave's files.
func diff(from, to *api.Config) string {
	var b strings.Builder
	for _, file := range []struct{ name, from, to string }{
		{"server.conf", from.RenderedNginx, to.RenderedNginx},
		{"access.lua", from.RenderedLua, to.RenderedLua},
		{"rules.json", rulesOf(from), rulesOf(to)},
	} {
		b.WriteString(udiff.Unified("a/"+file.name, "b/"+file.name, file.from, file.to))
	}
	return b.String()
}

// rulesOf writes a configuration's rules so that a line is a value.
func rulesOf(c *api.Config) string {
	if c.LuaConfigs == nil {
		return ""
	}
	text, _ := json.MarshalIndent(map[string]any{"profiles": c.LuaConfigs, "rate_limit": c.RateLimitConfig}, "", "  ") // of plain structs: cannot fail
	return string(text) + "\n"
}
