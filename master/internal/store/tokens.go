package store

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
)

func (s *Store) tokens() Table[fleet.Token] {
	return Table[fleet.Token]{
		s:       s,
		name:    "tokens",
		stamp:   func(r *fleet.Token) Stamp { return Stamp{ID: &r.ID, CreatedAt: &r.CreatedAt} },
		search:  []string{"name", "prefix"},
		filters: []string{"server_id"},
		change:  ChangeSlaves,
		check: func(ctx context.Context, tx bun.IDB, _, row *fleet.Token) error {
			_, err := get[fleet.Server](ctx, tx, row.ServerID)
			return err
		},
	}
}

// RevokeToken ends a token of the server for good; ErrNotFound when it has no such token.
func (s *Store) RevokeToken(ctx context.Context, serverID, id int64) error {
	return s.write(ctx, func(ctx context.Context, tx bun.IDB) error {
		token, err := tokenOf(ctx, tx, serverID, id)
		if err != nil || token.RevokedAt != nil {
			return err
		}
		was, at := *token, now()
		token.RevokedAt = &at
		if _, err := tx.NewUpdate().Model(token).Column("revoked_at").WherePK().Exec(ctx); err != nil {
			return err
		}
		return s.Tokens.changed(ctx, tx, "revoke", &was, token)
	})
}

// RotateToken stores successor, which gets the old token's server, name, scopes and expiry, and lets
// the old one live until until. ErrInUse when the old one has already ended.
func (s *Store) RotateToken(ctx context.Context, serverID, id int64, until time.Time, successor *fleet.Token) error {
	return s.write(ctx, func(ctx context.Context, tx bun.IDB) error {
		old, err := tokenOf(ctx, tx, serverID, id)
		if err != nil {
			return err
		}
		if old.RevokedAt != nil || old.ExpiresAt != nil && !old.ExpiresAt.After(now()) {
			return ErrEnded
		}
		successor.ServerID, successor.Name, successor.Scopes = old.ServerID, old.Name, old.Scopes
		successor.ExpiresAt = old.ExpiresAt
		if err := s.Tokens.create(ctx, tx, successor); err != nil {
			return err
		}
		was := *old
		if old.ExpiresAt == nil || until.Before(*old.ExpiresAt) {
			old.ExpiresAt = &until
		}
		if _, err := tx.NewUpdate().Model(old).Column("expires_at").WherePK().Exec(ctx); err != nil {
			return err
		}
		return s.Tokens.changed(ctx, tx, "rotate", &was, old)
	})
}

// ErrEnded is what rotating a revoked or expired token gives.
var ErrEnded = errors.New("token is revoked or expired")

func tokenOf(ctx context.Context, tx bun.IDB, serverID, id int64) (*fleet.Token, error) {
	token := new(fleet.Token)
	err := tx.NewSelect().Model(token).Where("id = ?", id).Where("server_id = ?", serverID).Scan(ctx)
	return token, err
}

// TouchTokens notes when tokens were last used, by token id.
func (s *Store) TouchTokens(ctx context.Context, used map[int64]time.Time) error {
	ids := slices.Sorted(maps.Keys(used)) // in one order, so that replicas do not lock each other out
	return s.report(ctx, func(ctx context.Context, tx bun.IDB) error {
		for _, id := range ids {
			_, err := tx.NewUpdate().Model((*fleet.Token)(nil)).Set("last_used_at = ?", used[id].UTC()).
				Where("id = ?", id).Where("last_used_at IS NULL OR last_used_at < ?", used[id].UTC()).Exec(ctx)
			if err != nil {
				return err
			}
		}
		return nil
	})
}
