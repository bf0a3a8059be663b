package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// Agent is the slave of a group, as it was last heard of.
type Agent struct {
	Host          string          `json:"host" bun:",pk"`
	ServiceType   api.ServiceType `json:"service_type" bun:",pk"`
	AgentVersion  string          `json:"agent_version"`
	ConfigVersion int64           `json:"config_version"` // that it says it runs
	Status        string          `json:"status"`         // ready, degraded or starting
	Metadata      map[string]any  `json:"metadata"`
	LastSeen      time.Time       `json:"last_seen"` // last heartbeat or ack

	// From acks: the newest snapshot that was applied, and the newest that failed.
	AppliedSnapshotID int64      `json:"applied_snapshot_id"`
	AppliedVersion    int64      `json:"applied_version"`
	AppliedAt         *time.Time `json:"applied_at"`
	FailedSnapshotID  int64      `json:"failed_snapshot_id"`
	FailedStage       string     `json:"failed_stage"`
	FailedError       string     `json:"failed_error"`
	FailedAt          *time.Time `json:"failed_at"`
}

// Agents returns all agents, by host and service type.
func (s *Store) Agents(ctx context.Context) ([]Agent, error) {
	rows := []Agent{}
	err := s.db.NewSelect().Model(&rows).OrderBy("host", bun.OrderAsc).OrderBy("service_type", bun.OrderAsc).Scan(ctx)
	return rows, err
}

// Beat stores a heartbeat.
func (s *Store) Beat(ctx context.Context, group fleet.Group, beat api.Heartbeat) error {
	return s.changeAgent(ctx, group, func(a *Agent) {
		a.AgentVersion, a.ConfigVersion, a.Status = beat.AgentVersion, int64(beat.CurrentConfigVersion), beat.Status
		a.Metadata = beat.Metadata
	})
}

func (s *Store) changeAgent(ctx context.Context, group fleet.Group, change func(*Agent)) error {
	return s.report(ctx, func(ctx context.Context, tx bun.IDB) error { return changeAgent(ctx, tx, group, change) })
}

func changeAgent(ctx context.Context, tx bun.IDB, group fleet.Group, change func(*Agent)) error {
	// Not the row's lock: there may be no row yet.
	if err := lock(ctx, tx, fmt.Sprintf("uhd agent %s %s", group.Host, group.ServiceType)); err != nil {
		return err
	}
	a := &Agent{Host: group.Host, ServiceType: group.ServiceType}
	if err := tx.NewSelect().Model(a).WherePK().Scan(ctx); err != nil && !errors.Is(explain(err), ErrNotFound) {
		return fmt.Errorf("read agent: %w", err)
	}
	change(a)
	a.LastSeen = now()
	if a.Metadata == nil {
		a.Metadata = map[string]any{}
	}
	_, err := tx.NewInsert().Model(a).On("CONFLICT (host, service_type) DO UPDATE").Exec(ctx)
	if err != nil {
		return fmt.Errorf("store agent: %w", err)
	}
	return nil
}

// acknowledge notes an acked distribution on its agent, unless it is older than what was noted.
func acknowledge(ctx context.Context, tx bun.IDB, d *Distribution) error {
	return changeAgent(ctx, tx, d.Group(), func(a *Agent) {
		if d.Status == DistributionApplied && d.SnapshotID >= a.AppliedSnapshotID {
			a.AppliedSnapshotID, a.AppliedVersion, a.AppliedAt = d.SnapshotID, d.Version, d.AckedAt
		}
		if d.Status == DistributionFailed && d.SnapshotID >= a.FailedSnapshotID {
			a.FailedSnapshotID, a.FailedStage, a.FailedError, a.FailedAt = d.SnapshotID, d.Stage, d.Error, d.AckedAt
		}
	})
}
