// Package audit forgets entries of the audit log when their time is over. What writes them is the store, in
// the transaction of the change that they tell of.
package audit

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// every is the time between two rounds.
const every = time.Hour

// Janitor removes old entries.
type Janitor struct {
	store   *store.Store
	keep    time.Duration
	log     *slog.Logger
	now     func() time.Time
	expired prometheus.Counter
	failed  prometheus.Counter
}

// Config of a Janitor.
type Config struct {
	Store    *store.Store
	Keep     time.Duration // 0: for ever
	Log      *slog.Logger
	Registry prometheus.Registerer
}

// New returns a Janitor that does nothing yet.
func New(cfg Config) *Janitor {
	j := &Janitor{
		store: cfg.Store, keep: cfg.Keep, log: cfg.Log, now: time.Now,
		expired: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "uhd_audit_expired_entries_total", Help: "Entries of the audit log removed since RETENTION_AUDIT was over.",
		}),
		failed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "uhd_audit_retention_failures_total", Help: "Rounds in which old entries of the audit log could not be removed.",
		}),
	}
	cfg.Registry.MustRegister(j.expired, j.failed)
	return j
}

// Run removes what is due, once an hour on one of the replicas, until ctx ends.
func (j *Janitor) Run(ctx context.Context) error {
	if j.keep <= 0 {
		return nil
	}
	// Masters that start together do not clean up together.
	wait := time.NewTimer(time.Minute + rand.N(every/10))
	defer wait.Stop()
	for {
		select {
		case <-wait.C:
		case <-ctx.Done():
			return nil
		}
		if _, err := j.store.Alone(ctx, "audit retention", j.Round); err != nil && ctx.Err() == nil {
			j.failed.Inc()
			j.log.Error("Old entries of the audit log not removed", "error", err)
		}
		wait.Reset(every + rand.N(every/10))
	}
}

// Round removes all that is due now.
func (j *Janitor) Round(ctx context.Context) error {
	for {
		n, more, err := j.store.ForgetAudit(ctx, j.now().Add(-j.keep))
		j.expired.Add(float64(n))
		if err != nil || !more {
			return err
		}
	}
}
