package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/account"
)

func (s *Store) users() Table[account.User] {
	return Table[account.User]{
		s:    s,
		name: "users",
		stamp: func(r *account.User) Stamp {
			return Stamp{&r.ID, &r.CreatedAt, &r.UpdatedAt, &r.Revision}
		},
		search:  []string{"username"},
		filters: []string{"enabled", "role"},
		check: func(ctx context.Context, tx bun.IDB, old, row *account.User) error {
			if err := row.Validate(); err != nil {
				return err
			}
			if old != nil && governs(*old) && !governs(*row) {
				return anotherGoverns(ctx, tx, row.ID)
			}
			return nil
		},
		hidden: func(old, row *account.User) []string {
			var changed []string
			if old.PasswordHash != row.PasswordHash {
				changed = append(changed, "password")
			}
			if row.SessionsEndedAt != nil && (old.SessionsEndedAt == nil || !old.SessionsEndedAt.Equal(*row.SessionsEndedAt)) {
				changed = append(changed, "sessions_ended_at")
			}
			return changed
		},
		release: func(ctx context.Context, tx bun.IDB, row *account.User) error {
			if !governs(*row) {
				return nil
			}
			return anotherGoverns(ctx, tx, row.ID)
		},
	}
}

// governs reports whether u can manage users.
func governs(u account.User) bool { return u.Enabled && u.Role == account.Admin }

// anotherGoverns refuses to lock everybody out.
func anotherGoverns(ctx context.Context, tx bun.IDB, id int64) error {
	found, err := tx.NewSelect().Model((*account.User)(nil)).
		Where("enabled = ?", true).Where("role = ?", account.Admin).Where("id <> ?", id).Exists(ctx)
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("%w: the last enabled admin; make another one first", ErrInUse)
	}
	return nil
}

// UserByName returns the user with the name, or ErrNotFound.
func (s *Store) UserByName(ctx context.Context, username string) (*account.User, error) {
	user, err := userByName(ctx, s.db, username)
	return user, explain(err)
}

func userByName(ctx context.Context, db bun.IDB, username string) (*account.User, error) {
	user := new(account.User)
	err := db.NewSelect().Model(user).Where("username = ?", username).Scan(ctx)
	return user, err
}

// PutUser makes the user, or gives the one of that name the role and password hash and enables it. It
// reports whether the user is new.
func (s *Store) PutUser(ctx context.Context, username string, role account.Role, passwordHash string) (bool, error) {
	var isNew bool
	err := s.write(ctx, func(ctx context.Context, tx bun.IDB) error {
		user, err := userByName(ctx, tx, username)
		if err = explain(err); errors.Is(err, ErrNotFound) {
			isNew = true
			return s.Users.create(ctx, tx, &account.User{
				Username: username, Role: role, PasswordHash: passwordHash, Enabled: true,
			})
		}
		if err != nil {
			return err
		}
		_, err = s.Users.update(ctx, tx, user.ID, 0, func(u *account.User) error {
			u.Role, u.PasswordHash, u.Enabled = role, passwordHash, true
			return nil
		})
		return err
	})
	return isNew, err
}

// HasUsers reports whether anybody can log in.
func (s *Store) HasUsers(ctx context.Context) (bool, error) { return hasUsers(ctx, s.db) }

func hasUsers(ctx context.Context, db bun.IDB) (bool, error) {
	return db.NewSelect().Model((*account.User)(nil)).Exists(ctx)
}

// PutFirstAdmin makes the admin that a new database starts with. It reports false, and does nothing, when
// there is a user already: of replicas that start together one makes it.
func (s *Store) PutFirstAdmin(ctx context.Context, username, passwordHash string) (made bool, err error) {
	err = s.write(ctx, func(ctx context.Context, tx bun.IDB) error {
		has, err := hasUsers(ctx, tx)
		if made = !has; err != nil || has {
			return err
		}
		return s.Users.create(ctx, tx, &account.User{
			Username: username, Role: account.Admin, PasswordHash: passwordHash, Enabled: true,
		})
	})
	return made, err
}

func (s *Store) apiKeys() Table[account.APIKey] {
	return Table[account.APIKey]{
		s:    s,
		name: "api-keys",
		stamp: func(r *account.APIKey) Stamp {
			return Stamp{&r.ID, &r.CreatedAt, &r.UpdatedAt, &r.Revision}
		},
		search:  []string{"name", "prefix"},
		filters: []string{"enabled", "role"},
		check: func(_ context.Context, _ bun.IDB, _, row *account.APIKey) error {
			row.SetDefaults()
			return row.Validate()
		},
	}
}

// APIKeyByHash returns the API key with the hash (hex SHA-256), or ErrNotFound.
func (s *Store) APIKeyByHash(ctx context.Context, hash string) (*account.APIKey, error) {
	key := new(account.APIKey)
	err := s.db.NewSelect().Model(key).Where("hash = ?", hash).Scan(ctx)
	return key, explain(err)
}

// TouchAPIKey notes when the key was last used.
func (s *Store) TouchAPIKey(ctx context.Context, id int64, at time.Time) error {
	return s.report(ctx, func(ctx context.Context, tx bun.IDB) error {
		_, err := tx.NewUpdate().Model((*account.APIKey)(nil)).
			Set("last_used_at = ?", at.UTC()).Where("id = ?", id).Exec(ctx)
		return err
	})
}
