package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// The two schemes of the Authorization header by which slaves come. Agents of the App scheme get their
// answers in an api.Envelope.
const (
	SchemeBearer = "Bearer"
	SchemeApp    = "App"
)

// ScopeMediaSlave begins the scope of a slave's token; the server's id follows after a colon.
const ScopeMediaSlave = "media_slave"

// touchInterval is how often a token's last use is written, at most.
const touchInterval = time.Minute

// maxUnknown bounds what is remembered about tokens that do not exist.
const maxUnknown = 10_000

// Slave is who made a request of the slave API.
type Slave struct {
	store.SlaveIdentity
	Scheme string // SchemeBearer or SchemeApp; Bearer when the header names neither
}

// Slaves lets slaves in by their tokens, answering from memory: thousands of slaves ask for their
// version all the time, and tokens change rarely.
type Slaves struct {
	store *store.Store
	log   *slog.Logger
	now   func() time.Time

	mu      sync.Mutex
	known   map[string]store.SlaveIdentity // by token hash
	unknown map[string]struct{}            // hashes without a token
	epoch   int                            // of the cache; rises with Invalidate
	used    map[int64]time.Time            // token id → last use, not yet written
}

// NewSlaves returns an authenticator over st. Its Run must run for tokens' last use to be kept.
func NewSlaves(st *store.Store, log *slog.Logger) *Slaves {
	s := &Slaves{store: st, log: log, now: time.Now, used: map[int64]time.Time{}}
	s.Invalidate()
	return s
}

// Invalidate forgets what is cached. It must be called after every write to servers and tokens.
func (s *Slaves) Invalidate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	s.known = map[string]store.SlaveIdentity{}
	s.unknown = map[string]struct{}{}
}

// Authenticate returns who makes the request. The error wraps api.ErrUnauthorized for a missing,
// unknown, revoked or expired token, api.ErrForbidden for one without the scope or a disabled server; the
// Slave's Scheme is set even then.
func (s *Slaves) Authenticate(r *http.Request) (Slave, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	slave := Slave{Scheme: SchemeBearer}
	switch {
	case strings.EqualFold(scheme, SchemeApp):
		slave.Scheme = SchemeApp
	case !strings.EqualFold(scheme, SchemeBearer):
		return slave, fmt.Errorf("%w: send `Authorization: Bearer uhd_…`", api.ErrUnauthorized)
	}
	token = strings.TrimSpace(token)
	if !strings.HasPrefix(token, SlaveTokenPrefix) {
		return slave, fmt.Errorf("%w: a slave's token begins with uhd_", api.ErrUnauthorized)
	}
	identity, err := s.identity(r.Context(), hashSecret(token))
	if err != nil {
		return slave, err
	}
	slave.SlaveIdentity = identity
	return slave, s.admit(identity)
}

func (s *Slaves) admit(id store.SlaveIdentity) error {
	now := s.now()
	switch {
	case id.RevokedAt != nil:
		return fmt.Errorf("%w: this one was revoked", api.ErrUnauthorized)
	case id.ExpiresAt != nil && !id.ExpiresAt.After(now):
		return fmt.Errorf("%w: this one has expired", api.ErrUnauthorized)
	case !scoped(id):
		return fmt.Errorf("%w: it needs %s:%d", api.ErrForbidden, ScopeMediaSlave, id.ServerID)
	case !id.ServerEnabled:
		return fmt.Errorf("%w: server %d is disabled", api.ErrForbidden, id.ServerID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used[id.TokenID] = now
	return nil
}

// scoped reports whether the token may act as its server's slave.
func scoped(id store.SlaveIdentity) bool {
	return slices.Contains(id.Scopes, ScopeMediaSlave) ||
		slices.Contains(id.Scopes, fmt.Sprintf("%s:%d", ScopeMediaSlave, id.ServerID))
}

func (s *Slaves) identity(ctx context.Context, hash string) (store.SlaveIdentity, error) {
	s.mu.Lock()
	id, isKnown := s.known[hash]
	_, isUnknown := s.unknown[hash]
	epoch := s.epoch
	s.mu.Unlock()
	if isKnown {
		return id, nil
	}
	if isUnknown {
		return id, api.ErrUnauthorized
	}
	id, err := s.store.SlaveByToken(ctx, hash)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return id, fmt.Errorf("look up token: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case epoch != s.epoch: // read before a write that came in between: good for this request only
	case err == nil:
		s.known[hash] = id
	case len(s.unknown) < maxUnknown:
		s.unknown[hash] = struct{}{}
	}
	if err != nil {
		return id, api.ErrUnauthorized
	}
	return id, nil
}

// Run writes down, once a minute and at the end, when tokens were last used, until ctx ends.
func (s *Slaves) Run(ctx context.Context) error {
	tick := time.NewTicker(touchInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.flush(ctx)
		case <-ctx.Done():
			stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			s.flush(stop)
			return nil
		}
	}
}

func (s *Slaves) flush(ctx context.Context) {
	s.mu.Lock()
	used := maps.Clone(s.used)
	clear(s.used)
	s.mu.Unlock()
	if len(used) == 0 {
		return
	}
	if err := s.store.TouchTokens(ctx, used); err != nil {
		s.log.Warn("Last use of tokens not written", "error", err)
	}
}
