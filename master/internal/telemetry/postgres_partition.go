package telemetry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// dayOfID returns the day of an event from its id.
func dayOfID(id int64) Millis { return Millis(id >> numberBits * second).Day() }

// partitionName is that of the access logs of a day, as in access_logs_20261122.
func partitionName(day Millis) string { return "access_logs_" + day.Time().Format("20060102") }

// ensurePartition makes the partition of a day. With today's it makes those of the next two days, so that
// midnight finds its own there.
func (p *postgresDB) ensurePartition(ctx context.Context, of Millis) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.partitions[of] {
		return nil
	}
	days := []Millis{of}
	if of == MillisOf(time.Now()).Day() {
		days = append(days, of+day, of+2*day)
	}
	for _, d := range days {
		if err := pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error { return makePartition(ctx, tx, d) }); err != nil {
			return fmt.Errorf("make partition %s: %w", partitionName(d), err)
		}
		p.partitions[d] = true
	}
	return nil
}

// makePartition makes a table and attaches it. CREATE TABLE … PARTITION OF would be one statement, but
// waits for everybody who reads or writes access_logs, and they for it.
func makePartition(ctx context.Context, tx pgx.Tx, day Millis) error {
	if err := lockPartitions(ctx, tx); err != nil {
		return err
	}
	name := partitionName(day)
	var exists bool
	if err := tx.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", name).Scan(&exists); err != nil || exists {
		return err
	}
	if _, err := tx.Exec(ctx, "CREATE TABLE "+name+" (LIKE access_logs INCLUDING ALL)"); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, fmt.Sprintf("ALTER TABLE access_logs ATTACH PARTITION %s FOR VALUES FROM (%d) TO (%d)", name, ID(day, 0), ID(day+24*hour, 0)))
	return err
}

// lockPartitions keeps other replicas from making or dropping partitions until tx ends.
func lockPartitions(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended('uhd partitions', 0))")
	return err
}

// dropPartition drops the oldest partition if all in it is older than before, and returns how many rows it
// had, roughly, but at least 1; 0: there was none to drop.
func (p *postgresDB) dropPartition(ctx context.Context, before Millis) (rows int64, err error) {
	err = pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error {
		// It waits for those who read all of access_logs, and new ones for it, but not for long: there
		// is another hour.
		if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '2s'"); err != nil {
			return err
		}
		if err := lockPartitions(ctx, tx); err != nil {
			return err
		}
		var name string
		err := tx.QueryRow(ctx, "SELECT c.relname, greatest(c.reltuples, 1)::bigint FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid"+
			" WHERE inhparent = 'access_logs'::regclass AND c.relname < $1 ORDER BY c.relname LIMIT 1", partitionName(before)).Scan(&name, &rows)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "DROP TABLE "+name)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("drop the oldest partition of access_logs: %w", err)
	}
	p.forgetPartitions()
	return rows, nil
}

func (p *postgresDB) forgetPartitions() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.partitions)
}
