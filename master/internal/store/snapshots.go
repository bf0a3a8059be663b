package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// Snapshot is one publish: what the fleet and the library were at that moment. It never changes.
type Snapshot struct {
	ID          int64     `json:"id" bun:",pk,autoincrement"`
	Hash        string    `json:"hash"`  // hex SHA-256 of its content
	Epoch       int64     `json:"epoch"` // of the database it was made in
	Note        string    `json:"note"`
	PublishedBy string    `json:"published_by"`
	CreatedAt   time.Time `json:"created_at"`
}

// Content is what a snapshot keeps: everything configurations are rendered from.
type Content struct {
	Servers       []fleet.Server         `json:"servers"`
	Profiles      []library.Profile      `json:"profiles"`
	Players       []library.Player       `json:"players"`
	URIRules      []library.URIRule      `json:"uri_rules"`
	LocationRules []library.LocationRule `json:"location_rules"`
	NginxMaps     []library.NginxMap     `json:"nginx_maps"`
	ProxyHeaders  []library.ProxyHeader  `json:"proxy_headers"`
	Settings      []library.Setting      `json:"settings"`
	RateLimits    api.RateLimits         `json:"rate_limits"`
}

type snapshotContent struct {
	SnapshotID int64  `bun:",pk"`
	Content    []byte // gzip of the JSON of a Content
}

// PublishTx is the transaction of one publish.
type PublishTx struct{ tx bun.IDB }

// Publish runs fn in one transaction, alone: what it reads cannot change until what it adds is
// committed. Tables that are used with the context of fn are part of it. An error of fn undoes all. fn may run
// more than once, and only the last run counts.
func (s *Store) Publish(ctx context.Context, fn func(ctx context.Context, tx *PublishTx) error) error {
	return s.write(ctx, func(ctx context.Context, tx bun.IDB) error {
		if err := fn(context.WithValue(ctx, txKey{}, tx), &PublishTx{tx}); err != nil {
			return err
		}
		return s.bump(ctx, tx, ChangePublished)
	})
}

// Content reads everything configurations are rendered from, each list in the order of ids.
func (p *PublishTx) Content(ctx context.Context) (Content, error) {
	c := Content{
		Servers: []fleet.Server{}, Profiles: []library.Profile{}, Players: []library.Player{}, URIRules: []library.URIRule{},
		LocationRules: []library.LocationRule{}, NginxMaps: []library.NginxMap{}, ProxyHeaders: []library.ProxyHeader{}, Settings: []library.Setting{},
	}
	for _, rows := range []any{&c.Servers, &c.Profiles, &c.Players, &c.URIRules, &c.LocationRules, &c.NginxMaps, &c.ProxyHeaders, &c.Settings} {
		if err := p.tx.NewSelect().Model(rows).OrderBy("id", bun.OrderAsc).Scan(ctx); err != nil {
			return c, fmt.Errorf("read what to publish: %w", err)
		}
	}
	limits, err := rateLimits(ctx, p.tx)
	// What a quota made is of the moment; slaves hear of it live.
	limits.Enforcements = slices.DeleteFunc(limits.Enforcements, func(e api.Enforcement) bool { return e.Automatic != nil })
	limits.Pardons = nil
	c.RateLimits = limits
	return c, err
}

// Epoch returns the identity of this database.
func (p *PublishTx) Epoch(ctx context.Context) (int64, error) { return epoch(ctx, p.tx) }

// LastVersions returns the highest version that each host was ever given.
func (p *PublishTx) LastVersions(ctx context.Context) (map[string]int64, error) {
	var rows []struct {
		Host    string
		Version int64
	}
	err := p.tx.NewSelect().Table("distributions").Column("host").ColumnExpr("MAX(version) AS version").Group("host").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("read versions: %w", err)
	}
	versions := make(map[string]int64, len(rows))
	for _, r := range rows {
		versions[r.Host] = r.Version
	}
	return versions, nil
}

// Current returns the distributions in force, as Store.CurrentDistributions does.
func (p *PublishTx) Current(ctx context.Context) ([]Distribution, error) {
	return currentDistributions(ctx, p.tx)
}

// AddSnapshot stores a snapshot with its content (gzip) and gives it its id.
func (p *PublishTx) AddSnapshot(ctx context.Context, row *Snapshot, content []byte) error {
	row.CreatedAt = now()
	if _, err := p.tx.NewInsert().Model(row).Exec(ctx); err != nil {
		return fmt.Errorf("store snapshot: %w", err)
	}
	if _, err := p.tx.NewInsert().Model(&snapshotContent{row.ID, content}).Exec(ctx); err != nil {
		return fmt.Errorf("store content of snapshot %d: %w", row.ID, err)
	}
	return note(ctx, p.tx, AuditEntry{Action: "publish", Resource: "snapshots", ResourceID: row.ID}, nil, row)
}

// AddDistribution stores a distribution with its document (gzip) and gives it its id.
func (p *PublishTx) AddDistribution(ctx context.Context, row *Distribution, body []byte) error {
	row.Status, row.CreatedAt, row.Timings = DistributionPending, now(), map[string]int64{}
	if _, err := p.tx.NewInsert().Model(row).Exec(ctx); err != nil {
		return fmt.Errorf("store distribution to %s: %w", row.Host, err)
	}
	if _, err := p.tx.NewInsert().Model(&document{row.ID, body}).Exec(ctx); err != nil {
		return fmt.Errorf("store document for %s: %w", row.Host, err)
	}
	return nil
}

// Snapshots returns a page of snapshots, the newest first.
func (s *Store) Snapshots(ctx context.Context, q Query) (Page[Snapshot], error) {
	return Table[Snapshot]{
		s: s, search: []string{"note", "published_by"}, newest: true,
		stamp: func(r *Snapshot) Stamp { return Stamp{ID: &r.ID, CreatedAt: &r.CreatedAt} },
	}.List(ctx, q)
}

// Snapshot returns the snapshot with the id, or ErrNotFound.
func (s *Store) Snapshot(ctx context.Context, id int64) (*Snapshot, error) {
	row, err := get[Snapshot](ctx, s.db, id)
	return row, explain(err)
}

// SnapshotContent returns the content of a snapshot, gzip of a Content's JSON, or ErrNotFound.
func (s *Store) SnapshotContent(ctx context.Context, id int64) ([]byte, error) {
	row := new(snapshotContent)
	err := s.db.NewSelect().Model(row).Where("snapshot_id = ?", id).Scan(ctx)
	return row.Content, explain(err)
}

// Epoch returns the identity of this database: Unix seconds of its creation.
func (s *Store) Epoch(ctx context.Context) (int64, error) { return epoch(ctx, s.db) }

func epoch(ctx context.Context, db bun.IDB) (int64, error) {
	var value string
	if err := db.NewSelect().Table("meta").Column("value").Where("name = ?", "epoch").Scan(ctx, &value); err != nil {
		return 0, fmt.Errorf("read epoch: %w", err)
	}
	return strconv.ParseInt(value, 10, 64)
}
