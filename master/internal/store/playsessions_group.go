package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
)

// beatChunk is how many sessions one transaction renews: some ten milliseconds, for check-ins wait behind
// it on SQLite.
const beatChunk = 250

// GroupSessions returns what is known of a slave's sessions, in no order.
func (s *Store) GroupSessions(ctx context.Context, group fleet.Group, now time.Time) ([]PlaySession, error) {
	var rows []PlaySession
	err := s.db.NewSelect().Model(&rows).Where("host = ?", group.Host).Where("service_type = ?", group.ServiceType).
		Where("until > ?", now).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read sessions of %s: %w", group.Host, err)
	}
	return rows, nil
}

// BeatSessions stores live sessions as their slave last reported them. What has become a ghost or was kicked
// meanwhile stays so.
func (s *Store) BeatSessions(ctx context.Context, rows []PlaySession) error {
	slices.SortFunc(rows, func(a, b PlaySession) int { return cmp.Compare(a.Key, b.Key) })
	for chunk := range slices.Chunk(rows, beatChunk) {
		err := s.report(ctx, func(ctx context.Context, tx bun.IDB) error {
			_, err := tx.NewInsert().Model(&chunk).ExcludeColumn("id").On("CONFLICT (key) DO UPDATE").
				Set("item_id = EXCLUDED.item_id").Set("client_ip = EXCLUDED.client_ip").Set("bytes = EXCLUDED.bytes").
				Set("is_paused = EXCLUDED.is_paused").Set("seen_at = EXCLUDED.seen_at").Set("until = EXCLUDED.until").
				Where("?TableAlias.state = ?", SessionLive).Returning("NULL").Exec(ctx)
			return err
		})
		if err != nil {
			return fmt.Errorf("renew sessions: %w", err)
		}
	}
	return nil
}

// EndSessions makes live sessions ghosts, or any of them kicked, and returns how many it did.
func (s *Store) EndSessions(ctx context.Context, ids []int64, end SessionEnd) (ended int64, err error) {
	for chunk := range slices.Chunk(ids, beatChunk) {
		var n int64
		err := s.report(ctx, func(ctx context.Context, tx bun.IDB) (err error) {
			n, err = s.endSessions(ctx, tx, chunk, end)
			return err
		})
		if err != nil {
			return ended, err
		}
		ended += n
	}
	return ended, nil
}

// ReviveSessions makes ghosts live that go on; they last until until.
func (s *Store) ReviveSessions(ctx context.Context, ids []int64, seen, until time.Time) error {
	for chunk := range slices.Chunk(ids, beatChunk) {
		err := s.report(ctx, func(ctx context.Context, tx bun.IDB) error {
			_, err := tx.NewUpdate().Model((*PlaySession)(nil)).
				Set("state = ?", SessionLive).Set("over_at = NULL").Set("seen_at = ?", seen).Set("until = ?", until).
				Where("id IN (?)", bun.List(chunk)).Where("state = ?", SessionGhost).Exec(ctx)
			return err
		})
		if err != nil {
			return fmt.Errorf("revive sessions: %w", err)
		}
	}
	return nil
}

// KickedSessions returns the sessions that slaves must refuse now, by id.
func (s *Store) KickedSessions(ctx context.Context, now time.Time) ([]PlaySession, error) {
	var rows []PlaySession
	err := s.db.NewSelect().Model(&rows).Where("state = ?", SessionKicked).Where("until > ?", now).
		OrderBy("id", bun.OrderAsc).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read kicked sessions: %w", err)
	}
	return rows, nil
}

// LiveSessions returns a page of the sessions that count.
func (s *Store) LiveSessions(ctx context.Context, q Query, now time.Time) (Page[PlaySession], error) {
	return Table[PlaySession]{
		s: s, search: []string{"user_id", "device_name", "client_name", "client_ip"}, filters: LiveSessionFilters,
		stamp: func(r *PlaySession) Stamp { return Stamp{ID: &r.ID} },
		only: func(q *bun.SelectQuery) {
			q.Where("state = ?", SessionLive).Where("until > ?", now)
		},
	}.List(ctx, q)
}

// LiveSessionFilters are the columns that LiveSessions may be filtered by.
var LiveSessionFilters = []string{"client_ip", "client_name", "device_id", "host", "item_id", "play_session_id", "scope", "service_type", "user_id"}

// PlaySession returns the session with the id, or ErrNotFound.
func (s *Store) PlaySession(ctx context.Context, id int64) (*PlaySession, error) {
	row, err := get[PlaySession](ctx, s.db, id)
	return row, explain(err)
}

// CountSessions returns how many sessions count.
func (s *Store) CountSessions(ctx context.Context, now time.Time) (int64, error) {
	return s.db.NewSelect().Model((*PlaySession)(nil)).Where("state = ?", SessionLive).Where("until > ?", now).Count(ctx)
}

// ForgetSessions removes the rows whose Until has passed, and returns how many live ones were among them:
// those that a slave fell silent about.
func (s *Store) ForgetSessions(ctx context.Context, now time.Time) (silent int, err error) {
	for {
		var gone []PlaySession
		err := s.report(ctx, func(ctx context.Context, tx bun.IDB) error {
			gone = gone[:0]
			err := tx.NewSelect().Model(&gone).Column("id", "state").Where("until <= ?", now).
				OrderBy("id", bun.OrderAsc).Limit(beatChunk).Scan(ctx)
			if err != nil || len(gone) == 0 {
				return err
			}
			ids := make([]int64, len(gone))
			for i := range gone {
				ids[i] = gone[i].ID
			}
			_, err = tx.NewDelete().Model((*PlaySession)(nil)).Where("id IN (?)", bun.List(ids)).Where("until <= ?", now).Exec(ctx)
			return err
		})
		if err != nil {
			return silent, fmt.Errorf("forget sessions: %w", err)
		}
		for i := range gone {
			if gone[i].State == SessionLive {
				silent++
			}
		}
		if len(gone) < beatChunk {
			return silent, nil
		}
	}
}

// SessionIDs returns the ids of the sessions with the keys that are there.
func (s *Store) SessionIDs(ctx context.Context, keys []string) ([]int64, error) {
	var ids []int64
	for chunk := range slices.Chunk(keys, beatChunk) {
		var some []int64
		if err := s.db.NewSelect().Model((*PlaySession)(nil)).Column("id").Where("key IN (?)", bun.List(chunk)).Scan(ctx, &some); err != nil {
			return nil, fmt.Errorf("find sessions: %w", err)
		}
		ids = append(ids, some...)
	}
	return ids, nil
}
