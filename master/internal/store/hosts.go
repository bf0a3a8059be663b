package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// Host is one group as operators look at it: its servers, its slave, and how far its configuration has
// come.
type Host struct {
	Host        string          `json:"host"`
	ServiceType api.ServiceType `json:"service_type"`
	Servers     []HostServer    `json:"servers"`
	Agent       *HostAgent      `json:"agent"` // null: never heard of
	Release     HostRelease     `json:"release"`
}

// HostServer is a server of a Host.
type HostServer struct {
	ID         int64  `json:"id"`
	Name       string `json:"name"`
	ServerName string `json:"server_name"`
	ProfileID  *int64 `json:"profile_id"` // null: the default one
	Enabled    bool   `json:"enabled"`
}

// HostAgent is a group's slave, as it was last heard of.
type HostAgent struct {
	Version  string         `json:"version"`
	Status   string         `json:"status"` // ready, degraded or starting
	LastSeen time.Time      `json:"last_seen"`
	Metadata map[string]any `json:"metadata"`
	// Certificates that the slave serves with, those that end first before others; null: it does not tell, as older ones.
	Certificates []HostCertificate `json:"certificates"`
}

// HostCertificate is one that a slave serves with.
type HostCertificate struct {
	api.Certificate
	ServerNames []string `json:"server_names"` // of the enabled servers that use it; none: custom nginx does
}

// HostRelease says what a group should run, what it runs, and what went wrong.
type HostRelease struct {
	Published   *Distribution `json:"published"`    // in force; null: nothing was published
	Applied     int64         `json:"applied"`      // version that the slave says it runs, with each heartbeat; 0: none
	Proven      *HostProven   `json:"proven"`       // the newest that it acknowledged as applied
	LastFailure *HostFailure  `json:"last_failure"` // the newest that it could not apply; it may lie before Proven
}

// HostProven is the last release that a slave proved.
type HostProven struct {
	SnapshotID int64      `json:"snapshot_id"`
	Version    int64      `json:"version"`
	At         *time.Time `json:"at"`
}

// HostFailure is the last release that a slave could not apply, and why.
type HostFailure struct {
	SnapshotID int64      `json:"snapshot_id"`
	Stage      string     `json:"stage"`
	Error      string     `json:"error"`
	At         *time.Time `json:"at"`
}

// Hosts returns all groups that have servers, or once had something published, by host and service
// type.
func (s *Store) Hosts(ctx context.Context) ([]Host, error) {
	var servers []fleet.Server
	if err := s.db.NewSelect().Model(&servers).OrderBy("id", bun.OrderAsc).Scan(ctx); err != nil {
		return nil, fmt.Errorf("hosts: %w", err)
	}
	agents, err := s.Agents(ctx)
	if err != nil {
		return nil, fmt.Errorf("hosts: %w", err)
	}
	published, err := s.CurrentDistributions(ctx)
	if err != nil {
		return nil, fmt.Errorf("hosts: %w", err)
	}
	groups := map[fleet.Group]*Host{}
	host := func(g fleet.Group) *Host {
		if groups[g] == nil {
			groups[g] = &Host{Host: g.Host, ServiceType: g.ServiceType, Servers: []HostServer{}}
		}
		return groups[g]
	}
	users := map[certificateFile][]string{}
	for _, r := range servers {
		if r.Enabled {
			at := certificateFile{fleet.Group{Host: r.Host, ServiceType: r.ServiceType}, r.SSLCertPath}
			users[at] = append(users[at], r.ServerName)
		}
		h := host(fleet.Group{Host: r.Host, ServiceType: r.ServiceType})
		h.Servers = append(h.Servers, HostServer{r.ID, r.Name, r.ServerName, r.ProfileID, r.Enabled})
	}
	for i := range published {
		host(published[i].Group()).Release.Published = &published[i]
	}
	for _, a := range agents {
		g := fleet.Group{Host: a.Host, ServiceType: a.ServiceType}
		host(g).add(a)
		for i := range groups[g].Agent.Certificates {
			c := &groups[g].Agent.Certificates[i]
			c.ServerNames = append([]string{}, users[certificateFile{g, c.Path}]...)
		}
	}
	hosts := make([]Host, 0, len(groups))
	for _, h := range groups {
		hosts = append(hosts, *h)
	}
	slices.SortFunc(hosts, func(a, b Host) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.ServiceType, b.ServiceType))
	})
	return hosts, nil
}

func (h *Host) add(a Agent) {
	h.Agent = &HostAgent{a.AgentVersion, a.Status, a.LastSeen, a.Metadata, certificatesOf(a.Metadata)}
	h.Release.Applied = a.ConfigVersion
	if a.AppliedAt != nil {
		h.Release.Proven = &HostProven{a.AppliedSnapshotID, a.AppliedVersion, a.AppliedAt}
	}
	if a.FailedAt != nil {
		h.Release.LastFailure = &HostFailure{a.FailedSnapshotID, a.FailedStage, a.FailedError, a.FailedAt}
	}
}

// Host returns one of Hosts, or ErrNotFound.
func (s *Store) Host(ctx context.Context, group fleet.Group) (*Host, error) {
	hosts, err := s.Hosts(ctx)
	if err != nil {
		return nil, err
	}
	for i := range hosts {
		if hosts[i].Host == group.Host && hosts[i].ServiceType == group.ServiceType {
			return &hosts[i], nil
		}
	}
	return nil, ErrNotFound
}

// ChangeServersOf changes all servers of a group, or none when one of them may not become what change makes of it. ErrNotFound: the group has
// none.
func (s *Store) ChangeServersOf(ctx context.Context, group fleet.Group, change func(*fleet.Server) error) error {
	return s.write(ctx, func(ctx context.Context, tx bun.IDB) error {
		var ids []int64
		err := tx.NewSelect().Model((*fleet.Server)(nil)).Column("id").
			Where("host = ?", group.Host).Where("service_type = ?", group.ServiceType).OrderBy("id", bun.OrderAsc).Scan(ctx, &ids)
		if err != nil {
			return fmt.Errorf("read servers of %s: %w", group.Host, err)
		}
		if len(ids) == 0 {
			return ErrNotFound
		}
		for _, id := range ids {
			if _, err := s.Servers.update(ctx, tx, id, 0, change); err != nil {
				return err
			}
		}
		return nil
	})
}

// certificatesOf reads what a heartbeat says of certificates; nil where it says nothing that is understood.
func certificatesOf(metadata map[string]any) []HostCertificate {
	text, err := json.Marshal(metadata["certificates"])
	if err != nil {
		return nil
	}
	var list []HostCertificate
	if err := json.Unmarshal(text, &list); err != nil {
		return nil
	}
	return list
}

// certificateFile is a file on a slave.
type certificateFile struct {
	fleet.Group
	path string
}
