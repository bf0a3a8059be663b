package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/postgres"
)

// maxRepeats bounds how often a transaction is tried that others get in the way of.
const maxRepeats = 10

// work is what a transaction does, with its tx only. It may run more than once, and only the last run
// counts: all that it keeps elsewhere it must set anew.
type work func(ctx context.Context, tx bun.IDB) error

// txKey is where a context holds the transaction of Atomically.
type txKey struct{}

// Atomically runs fn, whose reads and writes of tables, with the context that it gets, are one transaction: an
// error undoes all of them. fn may run more than once, and only the last run counts.
func (s *Store) Atomically(ctx context.Context, fn func(context.Context) error) error {
	return s.write(ctx, func(ctx context.Context, tx bun.IDB) error {
		return fn(context.WithValue(ctx, txKey{}, tx))
	})
}

// Try is Atomically, but all that fn has written is undone in any case, and nobody hears of it: what counts is what
// fn finds out.
func (s *Store) Try(ctx context.Context, fn func(context.Context) error) error {
	err := s.Atomically(ctx, func(ctx context.Context) error {
		if err := fn(ctx); err != nil {
			return err
		}
		return errTried
	})
	if errors.Is(err, errTried) {
		return nil
	}
	return err
}

// errTried undoes the transaction of Try.
var errTried = errors.New("tried")

// joined returns the transaction that ctx is part of, or nil.
func joined(ctx context.Context) bun.IDB {
	tx, _ := ctx.Value(txKey{}).(bun.IDB)
	return tx
}

// reader is where rows are read: what the transaction of Atomically has written is there.
func (s *Store) reader(ctx context.Context) bun.IDB {
	if tx := joined(ctx); tx != nil {
		return tx
	}
	return s.db
}

// write runs fn in the one transaction of all replicas that changes what operators edit: what fn reads
// of that cannot change until what it writes is committed. An error of fn undoes all.
func (s *Store) write(ctx context.Context, fn work) error {
	if tx := joined(ctx); tx != nil {
		return explain(fn(ctx, tx))
	}
	select {
	case s.writing <- struct{}{}: // in line here, not each on a connection of its own
		defer func() { <-s.writing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.transact(ctx, func(ctx context.Context, tx bun.IDB) error {
		if err := lock(ctx, tx, writerLock); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}

// report runs fn in a transaction beside others: for what slaves and sessions write all the time, each
// its own rows. What fn reads to write it again it must lock, by lock or forUpdate.
func (s *Store) report(ctx context.Context, fn work) error {
	if !onPostgres(s.db) || joined(ctx) != nil { // SQLite has one writer
		return s.write(ctx, fn)
	}
	return s.transact(ctx, fn)
}

func (s *Store) transact(ctx context.Context, fn work) error {
	for try := 1; ; try++ {
		err := s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error { return fn(ctx, tx) })
		if s.dirty.Swap(false) {
			s.wake()
		}
		if try == maxRepeats || !mustRepeat(err) {
			return explain(err)
		}
		s.metrics.repeats.Inc()
	}
}

// Alone runs fn unless another replica is running one of that name, and reports whether it did. It is
// for periodic work, which must bear that two run at once: a replica whose connection breaks loses its
// lock without knowing.
func (s *Store) Alone(ctx context.Context, name string, fn func(context.Context) error) (ran bool, err error) {
	if s.pool == nil {
		return true, fn(ctx)
	}
	err = postgres.WithConn(ctx, s.pool, func(conn *pgx.Conn) error {
		err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock(hashtextextended($1, 0))", "uhd "+name).Scan(&ran)
		if err != nil || !ran {
			return err
		}
		return fn(ctx)
	})
	return ran, err
}
