package quota

import (
	"context"
	"time"
)

// reconcileEvery is how often enforcements are looked at beside changes of rules: those that have lapsed go.
const reconcileEvery = 10 * time.Minute

// retryAfter is when what failed is tried again.
const retryAfter = 5 * time.Second

// Run keeps enforcements in step with rules, and forgets counters, until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	for {
		_, changed := k.cfg.Limits.WatchRules()
		next := reconcileEvery
		if err := k.work(ctx); err != nil && ctx.Err() == nil {
			k.metrics.failures.Inc()
			k.cfg.Log.Warn("Quotas not enforced anew yet", "error", err, "retry_in", retryAfter)
			next = retryAfter
		}
		timer := time.NewTimer(next)
		select {
		case <-changed:
		case <-k.again:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		timer.Stop()
	}
}

func (k *Keeper) work(ctx context.Context) error {
	if err := k.reconcile(ctx); err != nil {
		return err
	}
	_, err := k.cfg.Store.Alone(ctx, "quota cleanup", k.forget)
	return err
}

func (k *Keeper) lookAgain() {
	select {
	case k.again <- struct{}{}:
	default: // Run will
	}
}
