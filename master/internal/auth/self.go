package auth

import (
	"context"
	"fmt"

	"github.com/uhdadmin/media-gateway/master/internal/account"
)

// ChangePassword gives the user of the session another password. It ends all of the user's other sessions. Errors:
// ErrLogin when current is not the password, *ThrottledError, fleet.FieldErrors about the new one.
func (a *Admins) ChangePassword(ctx context.Context, who Principal, current, password, address string) error {
	try := newAttempt(who.Name, address)
	if wait := a.throttle.take(try); wait > 0 {
		return &ThrottledError{wait}
	}
	user, err := a.store.Users.Get(ctx, who.UserID)
	if err != nil {
		return fmt.Errorf("change password: %w", err)
	}
	ok, err := a.passwords.Verify(ctx, user.PasswordHash, current)
	if err != nil {
		return fmt.Errorf("change password: %w", err)
	}
	if !ok {
		return ErrLogin
	}
	a.throttle.forgive(try)
	if err := account.CheckPassword(password); err != nil {
		return err
	}
	hash, err := a.passwords.Hash(ctx, password)
	if err != nil {
		return fmt.Errorf("change password: %w", err)
	}
	user, err = a.store.Users.Update(ctx, who.UserID, 0, func(u *account.User) error {
		u.PasswordHash = hash
		return nil
	})
	if err != nil {
		return err
	}
	if err := a.sessions.RenewToken(ctx); err != nil {
		return fmt.Errorf("renew session: %w", err)
	}
	a.sessions.Put(ctx, sessionPassword, fingerprint(user))
	return nil
}

// EndSessions ends all sessions of a user; store.ErrNotFound when there is no such user.
func (a *Admins) EndSessions(ctx context.Context, userID int64) error {
	_, err := a.store.Users.Update(ctx, userID, 0, func(u *account.User) error {
		u.SessionsEndedAt = new(a.now().UTC())
		return nil
	})
	return err
}
