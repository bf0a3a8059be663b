package store

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// Statuses of a distribution, in the order in which it passes them; the last two are the slave's word.
const (
	DistributionPending   = "pending"
	DistributionDelivered = "delivered"
	DistributionApplied   = api.AckApplied
	DistributionFailed    = api.AckFailed
)

// Distribution is a snapshot on its way to one group, and what became of it there.
type Distribution struct {
	ID          int64           `json:"id" bun:",pk,autoincrement"`
	SnapshotID  int64           `json:"snapshot_id"`
	Host        string          `json:"host"`
	ServiceType api.ServiceType `json:"service_type"`
	Version     int64           `json:"version"` // strictly rising per host
	ConfigHash  string          `json:"config_hash"`
	ServerCount int             `json:"server_count"`
	Status      string          `json:"status"`
	Stage       string          `json:"stage,omitempty"` // that failed
	Error       string          `json:"error,omitempty"`
	Times       `json:"times"`
}

// Times of a distribution.
type Times struct {
	CreatedAt   time.Time        `json:"created_at"`
	DeliveredAt *time.Time       `json:"delivered_at"` // when the slave first fetched it
	AckedAt     *time.Time       `json:"acked_at"`     // when it last reported
	Timings     map[string]int64 `json:"steps"`        // milliseconds by pipeline step, as the slave measured
}

// Group returns which group the distribution is for.
func (d *Distribution) Group() fleet.Group {
	return fleet.Group{Host: d.Host, ServiceType: d.ServiceType}
}

type document struct {
	DistributionID int64  `bun:",pk"`
	Body           []byte // gzip of the JSON of an api.Config
}

// DistributionFilters are the columns that Distributions may be filtered by.
var DistributionFilters = []string{"host", "service_type", "snapshot_id", "status"}

// Distributions returns a page of distributions, the newest first.
func (s *Store) Distributions(ctx context.Context, q Query) (Page[Distribution], error) {
	return Table[Distribution]{
		s: s, search: []string{"host"}, filters: DistributionFilters, newest: true,
		stamp: func(r *Distribution) Stamp { return Stamp{ID: &r.ID, CreatedAt: &r.CreatedAt} },
	}.List(ctx, q)
}

// CurrentDistributions returns the distribution in force of each group: the one of the highest version.
func (s *Store) CurrentDistributions(ctx context.Context) ([]Distribution, error) {
	return currentDistributions(ctx, s.reader(ctx))
}

func currentDistributions(ctx context.Context, db bun.IDB) ([]Distribution, error) {
	var rows []Distribution
	err := inForce(db.NewSelect().Model(&rows)).OrderBy("id", bun.OrderAsc).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read current distributions: %w", err)
	}
	return rows, nil
}

// inForce narrows a query of distributions to the one of the highest version of each group.
func inForce(q *bun.SelectQuery) *bun.SelectQuery {
	return q.Where("(host, service_type, version) IN (SELECT host, service_type, MAX(version) FROM distributions GROUP BY host, service_type)")
}

// Document returns a distribution's document, gzip of an api.Config's JSON, or ErrNotFound.
func (s *Store) Document(ctx context.Context, distributionID int64) ([]byte, error) {
	row := new(document)
	err := s.db.NewSelect().Model(row).Where("distribution_id = ?", distributionID).Scan(ctx)
	return row.Body, explain(err)
}

// MarkDelivered notes that the slave has fetched the distribution; one that was acked stays as it is.
func (s *Store) MarkDelivered(ctx context.Context, id int64) error {
	return s.report(ctx, func(ctx context.Context, tx bun.IDB) error {
		_, err := tx.NewUpdate().Model((*Distribution)(nil)).
			Set("status = ?", DistributionDelivered).Set("delivered_at = ?", now()).
			Where("id = ?", id).Where("status = ?", DistributionPending).Exec(ctx)
		return err
	})
}

// Acknowledge notes what the group's slave says became of a snapshot, on its distribution and on the
// agent. It returns ErrNotFound when that snapshot was never for this group. Acks may come late and out
// of order: one about an older snapshot changes that snapshot's distribution only.
func (s *Store) Acknowledge(ctx context.Context, group fleet.Group, ack api.Ack) error {
	return s.report(ctx, func(ctx context.Context, tx bun.IDB) error {
		d := new(Distribution)
		err := forUpdate(tx, tx.NewSelect().Model(d).Where("snapshot_id = ?", int64(ack.SnapshotID)).
			Where("host = ?", group.Host).Where("service_type = ?", group.ServiceType)).Scan(ctx)
		if err != nil {
			return err
		}
		at := now()
		d.Status, d.Stage, d.Error, d.Timings, d.AckedAt = ack.Status, ack.Stage, ack.Error, ack.Timings, &at
		if d.Timings == nil {
			d.Timings = map[string]int64{}
		}
		if d.DeliveredAt == nil {
			d.DeliveredAt = &at
		}
		_, err = tx.NewUpdate().Model(d).Column("status", "stage", "error", "timings", "acked_at", "delivered_at").WherePK().Exec(ctx)
		if err != nil {
			return fmt.Errorf("store ack: %w", err)
		}
		return acknowledge(ctx, tx, d)
	})
}
