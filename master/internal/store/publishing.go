package store

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
)

// Configured returns what a publish would render now, as of one moment; in Atomically, with what that has written.
func (s *Store) Configured(ctx context.Context) (Content, error) {
	if tx := joined(ctx); tx != nil {
		return (&PublishTx{tx}).Content(ctx)
	}
	var content Content
	options := &sql.TxOptions{}
	if onPostgres(s.db) {
		options = &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	}
	err := s.db.RunInTx(ctx, options, func(ctx context.Context, tx bun.Tx) (err error) {
		content, err = (&PublishTx{tx}).Content(ctx)
		return err
	})
	return content, err
}

// ReadSnapshot returns what a snapshot keeps, or ErrNotFound.
func (s *Store) ReadSnapshot(ctx context.Context, id int64) (Content, error) {
	return readSnapshot(ctx, s.reader(ctx), id)
}

// ReadSnapshot is Store.ReadSnapshot.
func (p *PublishTx) ReadSnapshot(ctx context.Context, id int64) (Content, error) {
	return readSnapshot(ctx, p.tx, id)
}

func readSnapshot(ctx context.Context, db bun.IDB, id int64) (Content, error) {
	var content Content
	row := new(snapshotContent)
	if err := db.NewSelect().Model(row).Where("snapshot_id = ?", id).Scan(ctx); err != nil {
		return content, explain(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(row.Content))
	if err == nil {
		err = json.NewDecoder(r).Decode(&content)
	}
	if err != nil {
		return content, fmt.Errorf("read snapshot %d: %w", id, err)
	}
	return content, nil
}

// Snapshot is Store.Snapshot.
func (p *PublishTx) Snapshot(ctx context.Context, id int64) (*Snapshot, error) {
	row, err := get[Snapshot](ctx, p.tx, id)
	return row, explain(err)
}

// CopySnapshot stores a snapshot that has the content of another one.
func (p *PublishTx) CopySnapshot(ctx context.Context, row *Snapshot, from int64) error {
	kept := new(snapshotContent)
	if err := p.tx.NewSelect().Model(kept).Where("snapshot_id = ?", from).Scan(ctx); err != nil {
		return fmt.Errorf("content of snapshot %d: %w", from, explain(err))
	}
	return p.AddSnapshot(ctx, row, kept.Content)
}

// Document is Store.Document.
func (p *PublishTx) Document(ctx context.Context, distributionID int64) ([]byte, error) {
	row := new(document)
	err := p.tx.NewSelect().Model(row).Where("distribution_id = ?", distributionID).Scan(ctx)
	return row.Body, explain(err)
}

// Distribution returns the distribution with the id, or ErrNotFound.
func (p *PublishTx) Distribution(ctx context.Context, id int64) (*Distribution, error) {
	row, err := get[Distribution](ctx, p.tx, id)
	return row, explain(err)
}

// Agents is Store.Agents.
func (p *PublishTx) Agents(ctx context.Context) ([]Agent, error) {
	rows := []Agent{}
	err := p.tx.NewSelect().Model(&rows).Scan(ctx)
	return rows, err
}

// Hosts returns the hosts that have servers now.
func (p *PublishTx) Hosts(ctx context.Context) ([]string, error) {
	hosts := []string{}
	err := p.tx.NewSelect().Model((*fleet.Server)(nil)).ColumnExpr("DISTINCT host").Scan(ctx, &hosts)
	return hosts, err
}

// SnapshotDistributions returns all distributions of a snapshot.
func (s *Store) SnapshotDistributions(ctx context.Context, snapshotID int64) ([]Distribution, error) {
	rows := []Distribution{}
	err := s.db.NewSelect().Model(&rows).Where("snapshot_id = ?", snapshotID).OrderBy("id", bun.OrderAsc).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("distributions of snapshot %d: %w", snapshotID, err)
	}
	return rows, nil
}

// Running returns what each group runs as far as is known: the distribution that its slave said it applied,
// else the last one that it fetched. Groups of which neither is known are missing.
func (s *Store) Running(ctx context.Context) (map[fleet.Group]Distribution, error) {
	running := map[fleet.Group]Distribution{}
	for _, which := range []string{
		"(host, service_type, version) IN (SELECT host, service_type, MAX(version) FROM distributions WHERE status <> 'pending' GROUP BY host, service_type)",
		"EXISTS (SELECT 1 FROM agents a WHERE a.host = distribution.host AND a.service_type = distribution.service_type AND a.applied_at IS NOT NULL AND a.applied_snapshot_id = distribution.snapshot_id)",
	} {
		var rows []Distribution
		if err := s.db.NewSelect().Model(&rows).Where(which).Scan(ctx); err != nil {
			return nil, fmt.Errorf("read what runs: %w", err)
		}
		for _, d := range rows {
			running[d.Group()] = d
		}
	}
	return running, nil
}
