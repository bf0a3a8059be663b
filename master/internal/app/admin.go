package app

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/auth"
	"github.com/uhdadmin/media-gateway/master/internal/settings"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// FirstAdmin is the user that a new database starts with.
type FirstAdmin struct {
	Username string
	Password string // to be shown once; "" when it came from ADMIN_PASSWORD
}

// ensureAdmin makes the first admin when there is no user at all, and returns it then.
func ensureAdmin(ctx context.Context, st *store.Store, passwords *auth.Passwords, cfg settings.Settings) (*FirstAdmin, error) {
	has, err := st.HasUsers(ctx)
	if err != nil || has {
		return nil, err
	}
	first := &FirstAdmin{Username: cfg.AdminUsername}
	password := cfg.AdminPassword
	if password == "" {
		password = rand.Text()
		first.Password = password
	}
	hash, err := passwords.Hash(ctx, password)
	if err != nil {
		return nil, fmt.Errorf("make the first admin: %w", err)
	}
	made, err := st.PutFirstAdmin(ctx, cfg.AdminUsername, hash)
	if err != nil {
		return nil, fmt.Errorf("make the first admin: %w", err)
	}
	if !made { // another replica has, meanwhile
		return nil, nil
	}
	return first, nil
}

// PutUser makes a user, or resets its password and role and enables it. It reports whether the user is
// new.
func PutUser(ctx context.Context, st *store.Store, passwords *auth.Passwords, username, password string, role account.Role) (bool, error) {
	if err := account.CheckPassword(password); err != nil {
		return false, err
	}
	hash, err := passwords.Hash(ctx, password)
	if err != nil {
		return false, err
	}
	return st.PutUser(ctx, username, role, hash)
}
