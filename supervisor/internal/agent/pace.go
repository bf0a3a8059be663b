package agent

import (
	"context"
	"maps"
	"time"

	"github.com/uhdadmin/media-gateway/supervisor/internal/masterclient"
	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
	"github.com/uhdadmin/media-gateway/supervisor/internal/release"
)

// A reload leaves its workers to the streams they serve, which last for hours, and each generation of
// them holds its own memory. So there is a number from which on reloads wait for one to end, but not for
// longer than an operator would understand.
const (
	maxOldGenerations = 8
	longestDeferral   = 10 * time.Minute
	deferralCheck     = time.Second
)

// pace waits until a reload may happen: the first at once, then one per ReloadMinInterval. It is the last
// step before anything changes, and asks the master again after a wait: of fifty publishes in a row, the
// last one is applied.
func (t *attempt) pace(ctx context.Context, rel *release.Release) error {
	if !rel.NeedsReload(t.from) {
		return nil
	}
	waited, err := t.awaitReload(ctx)
	t.timings["pace"] = waited
	if err != nil || waited == 0 {
		return err
	}
	latest, err := t.cfg.Master.Version(ctx, masterclient.VersionQuery{Current: t.seen.Version, Hash: t.seen.ConfigHash})
	if err == nil && identityOf(latest) != identityOf(t.want) {
		return errSuperseded
	}
	return ctx.Err() // a master that cannot be asked now has nothing newer
}

// awaitReload returns how long it waited until a reload was due, in tenths of a second.
func (a *Agent) awaitReload(ctx context.Context) (time.Duration, error) {
	begun := time.Now()
	if !a.lastReload.IsZero() {
		if err := sleep(ctx, time.Until(a.lastReload.Add(a.cfg.ReloadMinInterval))); err != nil {
			return 0, err
		}
	}
	if err := a.awaitOldWorkers(ctx); err != nil {
		return 0, err
	}
	return time.Since(begun).Round(time.Second / 10), nil
}

// awaitOldWorkers waits while too many generations of workers finish their streams.
func (a *Agent) awaitOldWorkers(ctx context.Context) error {
	defer a.metrics.deferral.Set(0)
	begun := time.Now()
	for old := a.oldGenerations(); old >= maxOldGenerations; old = a.oldGenerations() {
		switch waited := time.Since(begun); {
		case waited >= longestDeferral:
			a.log.Warn("Reload deferred long enough, going on", "old_generations", old, "deferred", longestDeferral)
			return nil
		case waited < deferralCheck:
			a.metrics.deferral.Set(1)
			a.log.Warn("Reload deferred: workers of earlier generations still serve streams", "old_generations", old, "at_most", longestDeferral)
		}
		if err := sleep(ctx, deferralCheck); err != nil {
			return err
		}
	}
	return nil
}

// reloadNginx makes nginx read its files again. The workers that it has now will be an old generation.
func (a *Agent) reloadNginx(ctx context.Context) error {
	if state, err := a.cfg.Nginx.State(ctx); err == nil {
		for _, w := range state.Workers {
			a.generations[w.PID] = state.Generation
		}
	}
	defer func() { a.lastReload = time.Now() }()
	if err := a.cfg.Nginx.Reload(ctx); err != nil {
		return err
	}
	a.overlay = "" // it has read the release's rules
	return nil
}

// oldGenerations returns how many generations of nginx have workers that still finish their streams.
func (a *Agent) oldGenerations() int {
	workers, err := a.cfg.Nginx.OldWorkers()
	if err != nil {
		a.log.Warn("Old workers of nginx cannot be counted", "error", err)
		return 0
	}
	return distinct(workers, a.generations)
}

// distinct counts the generations of workers, and forgets the workers that have ended. Those that nobody
// has seen before they were old count as one generation.
func distinct(workers []nginx.Worker, generations map[int]int64) int {
	alive, old := map[int]bool{}, map[int64]bool{}
	for _, w := range workers {
		alive[w.PID] = true
		old[generations[w.PID]] = true
	}
	maps.DeleteFunc(generations, func(pid int, _ int64) bool { return !alive[pid] })
	return len(old)
}

// sleep waits for d, or returns ctx's error.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
