// Package conductor carries rollouts out: it publishes what was scheduled, waits for the canaries' acks, watches
// how they do, and gives what they have to the others, or takes it back.
//
// All it knows is in the database, and each step is one transaction that first looks whether the rollout still is
// where the step begins. So it goes on after a crash, and with several replicas whichever has the lock works;
// should two of them work at once, one finds the step done.
package conductor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/publish"
	"github.com/uhdadmin/media-gateway/master/internal/rollout"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// Config of a Conductor.
type Config struct {
	Store     *store.Store
	Publisher *publish.Publisher
	Telemetry *bun.DB // Reader of a telemetry.Database
	Registry  prometheus.Registerer
	Log       *slog.Logger
	Now       func() time.Time // nil: time.Now
}

// Conductor carries rollouts out. Its Run must run.
type Conductor struct {
	cfg     Config
	metrics metrics
	wake    chan struct{}

	mu      sync.Mutex
	changed chan struct{} // closed at the next change of any rollout
	judged  map[int64]time.Time
}

// New returns a Conductor and registers its metrics.
func New(cfg Config) *Conductor {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Conductor{
		cfg: cfg, metrics: newMetrics(cfg.Registry), wake: make(chan struct{}, 1),
		changed: make(chan struct{}), judged: map[int64]time.Time{},
	}
}

// Times of the work.
const (
	// lookEvery is how often rollouts are looked at.
	lookEvery = time.Second
	// retryAfter follows a failure.
	retryAfter = 5 * time.Second
	// judgeEvery is how often telemetry is asked about canaries that soak, at least; short soaks more often.
	judgeEvery = 10 * time.Second
	// tooLate is how long after its time a scheduled publish still makes sense: masters may be restarted, but
	// what was meant for the night must not come at noon.
	tooLate = time.Hour
)

// Changed is called when a rollout may have changed, by whichever replica.
func (c *Conductor) Changed() {
	c.mu.Lock()
	close(c.changed)
	c.changed = make(chan struct{})
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default: // Run will look
	}
}

// Watch returns a channel that is closed when any rollout's state changes from now on. Acks are no such change.
func (c *Conductor) Watch() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// Run works until ctx ends.
func (c *Conductor) Run(ctx context.Context) error {
	for {
		wait := lookEvery
		if err := c.look(ctx); err != nil && ctx.Err() == nil {
			c.metrics.failures.Inc()
			c.cfg.Log.Error("Rollouts not carried on, tried again", "error", err, "retry_in", retryAfter)
			wait = retryAfter
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-c.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// look carries on every rollout that has not ended, if no other replica does.
func (c *Conductor) look(ctx context.Context) error {
	active, err := c.cfg.Store.ActiveRollouts(ctx)
	if err != nil {
		return err
	}
	c.metrics.tell(active)
	if !c.due(active) {
		return nil
	}
	_, err = c.cfg.Store.Alone(ctx, "rollouts", func(ctx context.Context) error {
		var errs []error
		for i := range active {
			if err := c.carryOn(ctx, &active[i]); err != nil {
				errs = append(errs, fmt.Errorf("rollout %d: %w", active[i].ID, err))
			}
		}
		return errors.Join(errs...)
	})
	return err
}

// due reports whether there is anything to do but wait for a time.
func (c *Conductor) due(active []store.Rollout) bool {
	for i := range active {
		if active[i].State != rollout.Scheduled || !active[i].DueAt.After(c.cfg.Now()) {
			return true
		}
	}
	return false
}

// carryOn takes the next step of a rollout if it is time for it. One that somebody else has taken is none.
func (c *Conductor) carryOn(ctx context.Context, r *store.Rollout) error {
	var err error
	switch r.State {
	case rollout.Scheduled:
		err = c.publish(ctx, r)
	case rollout.Canary:
		err = c.awaitAcks(ctx, r)
	case rollout.Soaking:
		err = c.soak(ctx, r)
	}
	if _, done := errors.AsType[*store.StateError](err); done {
		return nil
	}
	return err
}

// publish publishes what was scheduled, once its time has come.
func (c *Conductor) publish(ctx context.Context, r *store.Rollout) error {
	now := c.cfg.Now()
	if r.DueAt.After(now) {
		return nil
	}
	if now.Sub(*r.DueAt) > tooLate {
		return c.fail(ctx, r, "no master was running at its time: publish it by hand, or schedule it anew")
	}
	_, err := c.cfg.Publisher.Publish(ctx, publish.Request{Order: r.Order, Note: r.Note, By: r.RequestedBy, Rollout: r.ID})
	if publish.Refused(err) || errors.Is(err, store.ErrNotFound) {
		return c.fail(ctx, r, err.Error())
	}
	return err
}

func (c *Conductor) fail(ctx context.Context, r *store.Rollout, reason string) error {
	_, err := c.cfg.Store.ChangeRollout(ctx, r.ID, "fail", func(r *store.Rollout) { r.End(rollout.Failed, reason) }, rollout.Scheduled)
	if err == nil {
		c.metrics.ended.WithLabelValues(string(rollout.Failed)).Inc()
		c.cfg.Log.Error("Scheduled publish failed", "rollout", r.ID, "reason", reason)
	}
	return err
}

// Cancel takes a scheduled rollout back. A *store.StateError when it is none any more.
func (c *Conductor) Cancel(ctx context.Context, id int64) (*store.Rollout, error) {
	row, err := c.cfg.Store.ChangeRollout(ctx, id, "cancel", func(r *store.Rollout) { r.End(rollout.Cancelled, "") }, rollout.Scheduled)
	return row, c.count(err, rollout.Cancelled)
}

// Promote gives the others what the canaries have, without waiting any longer.
func (c *Conductor) Promote(ctx context.Context, id int64) (*store.Rollout, error) {
	row, err := c.cfg.Publisher.Promote(ctx, id)
	return row, c.count(err, rollout.Done)
}

// Halt gives the canaries back what they had.
func (c *Conductor) Halt(ctx context.Context, id int64, reason string) (*store.Rollout, error) {
	row, err := c.cfg.Publisher.Halt(ctx, id, reason)
	return row, c.count(err, rollout.Halted)
}

func (c *Conductor) count(err error, state rollout.State) error {
	if err == nil {
		c.metrics.ended.WithLabelValues(string(state)).Inc()
	}
	return err
}
