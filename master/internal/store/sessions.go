package store

import (
	"context"
	"time"

	"github.com/uptrace/bun"
)

// Sessions keeps the login sessions of the admin API; it is an scs.CtxStore.
type Sessions struct{ s *Store }

// Sessions returns the store of login sessions.
func (s *Store) Sessions() *Sessions { return &Sessions{s} }

type session struct {
	Token  string    `bun:",pk"`
	Data   []byte    // as scs encodes it
	Expiry time.Time // not valid from here on
}

// FindCtx returns the session's data, and whether there is one that has not expired.
func (ss *Sessions) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	var rows []session
	err := ss.s.db.NewSelect().Model(&rows).Where("token = ?", token).Where("expiry > ?", now()).Scan(ctx)
	if err != nil || len(rows) == 0 {
		return nil, false, err
	}
	return rows[0].Data, true, nil
}

// CommitCtx stores a session, over an older one of that token.
func (ss *Sessions) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	row := session{token, data, expiry.UTC()}
	return ss.s.report(ctx, func(ctx context.Context, tx bun.IDB) error {
		_, err := tx.NewInsert().Model(&row).
			On("CONFLICT (token) DO UPDATE").Set("data = EXCLUDED.data").Set("expiry = EXCLUDED.expiry").Exec(ctx)
		return err
	})
}

// DeleteCtx removes a session, if it is there.
func (ss *Sessions) DeleteCtx(ctx context.Context, token string) error {
	return ss.s.report(ctx, func(ctx context.Context, tx bun.IDB) error {
		_, err := tx.NewDelete().Model((*session)(nil)).Where("token = ?", token).Exec(ctx)
		return err
	})
}

// DeleteExpired removes what Find no longer returns.
func (ss *Sessions) DeleteExpired(ctx context.Context) error {
	return ss.s.report(ctx, func(ctx context.Context, tx bun.IDB) error {
		_, err := tx.NewDelete().Model((*session)(nil)).Where("expiry <= ?", now()).Exec(ctx)
		return err
	})
}

// Find is FindCtx for callers without a context, as scs asks for.
func (ss *Sessions) Find(token string) ([]byte, bool, error) {
	return ss.FindCtx(context.Background(), token)
}

// Commit is CommitCtx for callers without a context.
func (ss *Sessions) Commit(token string, data []byte, expiry time.Time) error {
	return ss.CommitCtx(context.Background(), token, data, expiry)
}

// Delete is DeleteCtx for callers without a context.
func (ss *Sessions) Delete(token string) error { return ss.DeleteCtx(context.Background(), token) }
