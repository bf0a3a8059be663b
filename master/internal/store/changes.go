package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/uptrace/bun"
	"golang.org/x/sync/errgroup"

	"github.com/uhdadmin/media-gateway/master/internal/postgres"
)

// Change names what replicas keep in memory of the database.
type Change string

// What Watch tells of.
const (
	ChangePublished Change = "published" // distributions
	ChangeSlaves    Change = "slaves"    // servers and their tokens
	ChangeLimits    Change = "limits"    // rate limit rules, stream rules and enforcements
	ChangeKicks     Change = "kicks"     // play sessions that slaves must end
	ChangeRollouts  Change = "rollouts"  // states of rollouts
)

// watchInterval is how often replicas look for changes that nobody told them of: PostgreSQL's
// notifications end with their connection, and a pooler may swallow them.
const watchInterval = 2 * time.Second

// listenPause is the time between two attempts to listen.
const listenPause = time.Second

// changeChannel is the channel of PostgreSQL's NOTIFY.
const changeChannel = "uhd_changes"

type revision struct {
	Name     Change `bun:",pk"`
	Revision int64
}

// bump notes in tx that what c names has changed. The row stays locked until tx ends, so it suits
// transactions that are rare, as those of operators are.
func (s *Store) bump(ctx context.Context, tx bun.IDB, c Change) error {
	_, err := tx.NewInsert().Model(&revision{c, 1}).
		On("CONFLICT (name) DO UPDATE").Set("revision = ?TableAlias.revision + 1").Exec(ctx)
	if err == nil && onPostgres(tx) {
		_, err = tx.ExecContext(ctx, "NOTIFY "+changeChannel)
	}
	if err != nil {
		return fmt.Errorf("note change of %s: %w", c, err)
	}
	s.dirty.Store(true)
	return nil
}

// Revisions returns how often each Change has happened, over all replicas; those missing never have.
func (s *Store) Revisions(ctx context.Context) (map[Change]int64, error) {
	var rows []revision
	if err := s.db.NewSelect().Model(&rows).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read revisions: %w", err)
	}
	revisions := make(map[Change]int64, len(rows))
	for _, r := range rows {
		revisions[r.Name] = r.Revision
	}
	return revisions, nil
}

// Watch calls changed after each Change, whichever replica made it: at once where PostgreSQL or this
// process tells, within watchInterval else; and for all of them when it starts. What changed fails for
// is tried again. It ends with ctx.
func (s *Store) Watch(ctx context.Context, changed func(context.Context, Change) error) error {
	group, ctx := errgroup.WithContext(ctx)
	if s.pool != nil {
		group.Go(func() error {
			s.listen(ctx)
			return nil
		})
	}
	group.Go(func() error {
		seen := map[Change]int64{}
		tick := time.NewTicker(watchInterval)
		defer tick.Stop()
		for {
			if err := s.look(ctx, seen, changed); err != nil && ctx.Err() == nil {
				s.metrics.failures.Inc()
				s.log.Warn("Changes of other replicas not taken over yet", "error", err)
			}
			select {
			case <-s.changes:
			case <-tick.C:
			case <-ctx.Done():
				return nil
			}
		}
	})
	return group.Wait()
}

// look calls changed for what is no longer as it was seen.
func (s *Store) look(ctx context.Context, seen map[Change]int64, changed func(context.Context, Change) error) error {
	revisions, err := s.Revisions(ctx)
	if err != nil {
		return err
	}
	for _, c := range slices.Sorted(maps.Keys(revisions)) {
		if seen[c] == revisions[c] {
			continue
		}
		if e := changed(ctx, c); e != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", c, e))
			continue
		}
		seen[c] = revisions[c]
	}
	return err
}

// wake makes Watch look.
func (s *Store) wake() {
	select {
	case s.changes <- struct{}{}:
	default: // it will anyhow
	}
}

// listen wakes Watch whenever another replica notifies, until ctx ends.
func (s *Store) listen(ctx context.Context) {
	for ctx.Err() == nil {
		err := s.listenOnce(ctx)
		s.metrics.listens.Set(0)
		if ctx.Err() != nil {
			return
		}
		s.log.Warn("Connection that listens for changes is lost; looking for them meanwhile", "error", err, "every", watchInterval)
		select {
		case <-time.After(listenPause):
		case <-ctx.Done():
		}
	}
}

func (s *Store) listenOnce(ctx context.Context) error {
	return postgres.WithConn(ctx, s.pool, func(conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, "LISTEN "+changeChannel); err != nil {
			return err
		}
		s.metrics.listens.Set(1)
		for {
			s.wake() // also at the start: what was told before went unheard
			if _, err := conn.WaitForNotification(ctx); err != nil {
				return err
			}
		}
	})
}
