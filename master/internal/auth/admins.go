package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// SessionCookie is the name of the cookie that holds a login session.
const SessionCookie = "uhd_session"

// sessionLife is how long a login lasts.
const sessionLife = 24 * time.Hour

// Names of what a session holds.
const (
	sessionUser     = "user"     // id
	sessionPassword = "password" // fingerprint of the password hash: a new password ends all sessions
)

// ErrLogin is for wrong user names and wrong passwords alike.
var ErrLogin = errors.New("user name or password is wrong")

// ThrottledError says that a user name was tried too often from an address.
type ThrottledError struct{ RetryAfter time.Duration }

func (e *ThrottledError) Error() string {
	return fmt.Sprintf("too many failed logins: try again in %s", e.RetryAfter.Round(time.Second))
}

// Principal is who makes a request of the admin API.
type Principal struct {
	Name   string       `json:"name"` // of the user or API key
	Role   account.Role `json:"role"`
	UserID int64        `json:"user_id,omitempty"` // 0 for an API key
	KeyID  int64        `json:"key_id,omitempty"`  // 0 for a user
	Scopes []string     `json:"scopes,omitempty"`  // of an API key; none: all that its role may do
}

// May reports whether the scopes let who makes the request read a resource, or write it too.
func (p Principal) May(resource string, write bool) bool {
	return (&account.APIKey{Scopes: p.Scopes}).May(resource, write)
}

// Admins lets people and programs into the admin API.
type Admins struct {
	store     *store.Store
	passwords *Passwords
	throttle  *throttle
	sessions  *scs.SessionManager
	rows      *store.Sessions
	now       func() time.Time
	log       *slog.Logger
}

// NewAdmins returns an authenticator over st. secure marks cookies for HTTPS only.
func NewAdmins(st *store.Store, passwords *Passwords, secure bool, log *slog.Logger) *Admins {
	// Not scs.New, which starts a goroutine for a store in memory that nobody uses or ends.
	sessions := &scs.SessionManager{
		Store:            st.Sessions(),
		Codec:            scs.GobCodec{},
		Lifetime:         sessionLife,
		HashTokenInStore: true,
		Cookie: scs.SessionCookie{
			Name: SessionCookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: secure, Persist: true,
		},
		ErrorFunc: func(w http.ResponseWriter, _ *http.Request, err error) {
			log.Error("Session not kept", "error", err)
			w.Header().Set("Content-Type", api.ContentTypeProblem)
			w.WriteHeader(http.StatusInternalServerError)
			_ = json.NewEncoder(w).Encode(api.Problem{ // the client is gone
				Title: "Internal Server Error", Status: http.StatusInternalServerError,
				Detail: "the session could not be read or written: the master's log has the cause",
			})
		},
	}
	return &Admins{
		store: st, passwords: passwords, throttle: newThrottle(time.Now), sessions: sessions,
		rows: st.Sessions(), now: time.Now, log: log,
	}
}

// Sessions is the middleware that loads and saves login sessions; Login, Logout and Authenticate need it.
func (a *Admins) Sessions(next http.Handler) http.Handler { return a.sessions.LoadAndSave(next) }

// Login starts a session. Errors: ErrLogin, *ThrottledError.
func (a *Admins) Login(ctx context.Context, username, password, address string) (Principal, error) {
	try := newAttempt(username, address)
	if wait := a.throttle.take(try); wait > 0 {
		return Principal{}, &ThrottledError{wait}
	}
	user, err := a.store.UserByName(ctx, username)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return Principal{}, fmt.Errorf("log in: %w", err)
	}
	ok, err := a.passwords.Verify(ctx, user.PasswordHash, password)
	if err != nil {
		return Principal{}, fmt.Errorf("log in %s: %w", username, err)
	}
	if !ok || !user.Enabled {
		return Principal{}, ErrLogin
	}
	a.throttle.forgive(try)
	if err := a.sessions.RenewToken(ctx); err != nil { // against a token planted before the login
		return Principal{}, fmt.Errorf("start session: %w", err)
	}
	a.sessions.Put(ctx, sessionUser, user.ID)
	a.sessions.Put(ctx, sessionPassword, fingerprint(user))
	return principal(user), nil
}

// Logout ends the session of the request, if it has one.
func (a *Admins) Logout(ctx context.Context) error { return a.sessions.Destroy(ctx) }

// Authenticate returns who makes the request whose Authorization header is given; without one, its
// session counts. The error wraps api.ErrUnauthorized.
func (a *Admins) Authenticate(ctx context.Context, authorization string) (Principal, error) {
	if authorization != "" {
		return a.byKey(ctx, authorization)
	}
	id := a.sessions.GetInt64(ctx, sessionUser)
	if id == 0 {
		return Principal{}, errUnknown
	}
	user, err := a.store.Users.Get(ctx, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return Principal{}, fmt.Errorf("read user of session: %w", err)
	}
	if err != nil || !user.Enabled || a.sessions.GetString(ctx, sessionPassword) != fingerprint(user) {
		return Principal{}, errUnknown
	}
	return principal(user), nil
}

// errUnknown says how to come in. Its sentinel speaks of tokens, so the text is its own.
var errUnknown = &unknown{}

type unknown struct{}

func (*unknown) Error() string {
	return "log in at /api/v1/admin/auth/login or send `Authorization: Bearer uha_…`"
}

func (*unknown) Unwrap() error { return api.ErrUnauthorized }

// Run removes expired sessions, once an hour on one of the replicas, until ctx ends.
func (a *Admins) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if _, err := a.store.Alone(ctx, "expired sessions", a.rows.DeleteExpired); err != nil && ctx.Err() == nil {
			a.log.Warn("Expired sessions not removed", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func principal(u *account.User) Principal {
	return Principal{Name: u.Username, Role: u.Role, UserID: u.ID}
}

// fingerprint names what a session of the user holds with, without telling anything about it: another
// password ends sessions, and so does the user's wish.
func fingerprint(u *account.User) string {
	text := u.PasswordHash
	if u.SessionsEndedAt != nil {
		text += u.SessionsEndedAt.UTC().Format(time.RFC3339Nano)
	}
	return hashSecret(text)[:16]
}
