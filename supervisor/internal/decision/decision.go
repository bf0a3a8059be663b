// Package decision holds what nginx's workers are to do to single addresses, users, devices or sessions
// beside the rules, and keeps nginx in step with it: the whole set is pushed whenever it changes, and
// again when nginx was started anew and has forgotten it.
package decision

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
)

// KickedFor is how long a kicked session stays refused. Its player tries again at once, and would be the
// newest session then, which kicks the one it had to make room for.
const KickedFor = 10 * time.Minute

// Sources of decisions beside kicks, see Replace.
const (
	Quota       = "quota"       // who is over a quota, by this slave's count or the master's
	Enforcement = "enforcement" // bans and throttles of the master
)

// most bounds the set: 10,000 decisions fit the admin socket's largest body. Kicks that end first make room,
// and then what a source named last.
const most = 10_000

// Pusher is nginx.
type Pusher interface {
	// PushDecisions makes set what workers go by; nginx.ErrDown when there is none.
	PushDecisions(ctx context.Context, version int64, set []nginx.Decision) error
}

// Config of a Set.
type Config struct {
	Nginx      Pusher
	Now        func() time.Time // nil: time.Now
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Set is the decisions in force. Its methods may be called from any goroutine.
type Set struct {
	cfg     Config
	metrics *metrics
	wake    chan struct{} // nginx is behind

	mu      sync.Mutex                  // guards what follows
	items   map[key]nginx.Decision      // kicks
	sources map[string][]nginx.Decision // all that each decides
	version int64                       // of items
	pushed  int64                       // what nginx has; 0: nothing
	starts  int                         // of nginx
	failure string
}

// key is what at most one decision is about.
type key struct{ dimension, scope, value string }

// New returns an empty set; Run keeps nginx in step with it.
func New(cfg Config) (*Set, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Set{cfg: cfg, wake: make(chan struct{}, 1), items: map[key]nginx.Decision{}, sources: map[string][]nginx.Decision{}}
	s.metrics = newMetrics(s)
	if err := cfg.Registerer.Register(s.metrics); err != nil {
		return nil, fmt.Errorf("register decision metrics: %w", err)
	}
	return s, nil
}

// Kick refuses a play session of one media server, and ends its transfers, for KickedFor.
func (s *Set) Kick(scope, session string) {
	s.KickUntil(scope, session, s.cfg.Now().Add(KickedFor))
}

// KickUntil does so until a time.
func (s *Set) KickUntil(scope, session string, end time.Time) {
	until := end.Unix()
	s.put(nginx.Decision{
		Dimension: "session", Scope: scope, Value: session, Action: "reject", Reason: "kicked", Until: &until,
	})
}

// Kicked reports whether a play session is refused because it was kicked.
func (s *Set) Kicked(scope, session string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.items[key{"session", scope, session}]
	return ok && !s.ended(d)
}

// Replace makes set all that source decides, in place of what it decided before.
func (s *Set) Replace(source string, set []nginx.Decision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if same(s.sources[source], set) {
		return
	}
	s.sources[source] = slices.Clone(set)
	s.change()
}

func (s *Set) put(d nginx.Decision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.items[key{d.Dimension, d.Scope, d.Value}] = d
	if len(s.items) > most {
		s.prune()
	}
	s.change()
}

// change makes the set a newer one. mu is held.
func (s *Set) change() {
	// Workers of an nginx that outlives this process must take its versions for newer ones.
	s.version = max(s.version+1, s.cfg.Now().UnixMilli())
	s.nudge()
}

// Restarted says that nginx was started anew and knows no decision.
func (s *Set) Restarted() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pushed = 0
	s.starts++
	s.nudge()
}

func (s *Set) nudge() {
	select {
	case s.wake <- struct{}{}:
	default: // Run will see it all
	}
}

// Status is what /status shows.
type Status struct {
	Count     int    `json:"count"`
	Version   int64  `json:"version"` // Unix milliseconds or above
	Pushed    int64  `json:"pushed"`  // the version that nginx has; 0: none since it was started
	LastError string `json:"last_error,omitempty"`
}

// Status returns the set's state.
func (s *Set) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prune()
	return Status{s.count(), s.version, s.pushed, s.failure}
}

// Run pushes until ctx ends. What cannot be pushed is tried again: after retryAfter, and when nginx is up.
func (s *Set) Run(ctx context.Context) error {
	for {
		var retry <-chan time.Time
		if err := s.push(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, nginx.ErrDown) {
			retry = time.After(retryAfter)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		case <-retry:
		}
	}
}

const retryAfter = 2 * time.Second
