// Package events tells those who look at live pages which of what they see has changed.
//
// Nothing reports changes to it. While anybody listens it looks once a second at a few sums of the database
// (store.Pulse), and tells which are no longer what they were. So what a slave has reported to another replica counts as
// what an operator has done at this one, reports of slaves cost nothing more, and a fleet that nobody looks at is not looked at.
package events

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// Topic is something that pages show.
type Topic string

// What listeners are told of.
const (
	Sessions      Topic = "sessions"      // streams that run
	Distributions Topic = "distributions" // publishes, and how far they are at each host
	Rollouts      Topic = "rollouts"      // scheduled publishes and canaries
	Servers       Topic = "servers"       // servers and their slaves' tokens
	Hosts         Topic = "hosts"         // heartbeats of slaves
	Limits        Topic = "limits"        // rate limit rules, stream rules and enforcements
	Minute        Topic = "minute"        // a minute has passed: what tells how long ago something was is old
)

// Topics are all of them.
var Topics = []Topic{Sessions, Distributions, Rollouts, Servers, Hosts, Limits, Minute}

// lookEvery is how often the database is looked at while somebody listens.
const lookEvery = time.Second

// pause is for how long a topic is not told again. Heartbeats come all the time in a large fleet.
func (t Topic) pause() time.Duration {
	switch t {
	case Sessions:
		return 2 * time.Second
	case Hosts:
		return 10 * time.Second
	}
	return lookEvery
}

// perListener bounds the streams that one user, or one API key, has at a time: windows that are visible, each with one.
const perListener = 16

// Errors of Listen.
var (
	ErrTooMany = errors.New("too many event streams at a time: end one of them")
	ErrClosed  = errors.New("master is stopping")
)

// Config of a Hub; every field is needed.
type Config struct {
	Pulse func(ctx context.Context, now time.Time) (store.Pulse, error) // see store.Store
	Log   *slog.Logger
}

// Hub tells listeners of changes while its Run runs. Its methods may be called from any goroutine.
type Hub struct {
	cfg     Config
	arrived chan struct{} // somebody has begun to listen

	mu        sync.Mutex
	listeners map[*Listener]struct{}
	closed    bool
}

// New returns a Hub that nobody listens to.
func New(cfg Config) *Hub {
	return &Hub{cfg: cfg, arrived: make(chan struct{}, 1), listeners: map[*Listener]struct{}{}}
}

// Run looks for changes until ctx ends; then no listener hears any more.
func (h *Hub) Run(ctx context.Context) error {
	defer h.close()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	w := watch{told: map[Topic]time.Time{}, due: map[Topic]bool{}}
	for {
		if err := h.look(ctx, &w, time.Now()); err != nil && ctx.Err() == nil {
			h.cfg.Log.Warn("Changes not looked for: live pages stand still", "error", err)
		}
		select {
		case <-tick.C:
		case <-h.arrived:
		case <-ctx.Done():
			return nil
		}
	}
}

// look tells listeners what has changed since the last look, and new ones everything: what they have read before may be old.
func (h *Hub) look(ctx context.Context, w *watch, now time.Time) error {
	if !h.heard() {
		w.seen = nil
		return nil
	}
	pulse, err := h.cfg.Pulse(ctx, now)
	if err != nil {
		return err
	}
	changed := w.changes(pulse, now)
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.listeners {
		if l.begun {
			l.tell(changed)
		} else if l.asked.Before(now) {
			l.begun = true
			l.tell(Topics)
		}
	}
	return nil
}

func (h *Hub) heard() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.listeners) > 0
}

func (h *Hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for l := range h.listeners {
		close(l.ready)
	}
	clear(h.listeners)
}
