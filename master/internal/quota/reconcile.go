package quota

import (
	"context"
	"slices"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// reconcile makes automatic enforcements what the rules and totals of now call for: a rule that was changed,
// added, disabled or deleted takes effect without a sync. It looks at the counters of limited dimensions
// once per rule and running period, which is why syncs do it for their own counters only.
func (k *Keeper) reconcile(ctx context.Context) error {
	now := k.cfg.Now().UTC().Truncate(time.Microsecond)
	// First what there is: what a sync makes from now on is not in it, and so not lifted. Then the rules, anew: one that
	// has made any of these, here or at another replica, must be among them, or its enforcements and pardons would go.
	existing, err := k.cfg.Store.AutomaticEnforcements(ctx)
	if err != nil {
		return err
	}
	if err := k.cfg.Limits.ReloadLimits(ctx); err != nil {
		return err
	}
	rules, _ := k.cfg.Limits.WatchRules()
	needed := map[string]library.Enforcement{}
	periods, err := k.cfg.Store.QuotaPeriods(ctx)
	if err != nil {
		return err
	}
	for i := range rules {
		for kind, q := range quotasOf(&rules[i]) {
			for _, p := range periods {
				if p.PeriodType != string(kind) || p.EndsAt <= now.Unix() {
					continue
				}
				if err := k.need(ctx, needed, q, p, now); err != nil {
					return err
				}
			}
		}
	}
	var lift []int64
	tried := map[string]bool{}
	for i := range existing {
		e := &existing[i]
		wanted, ok := needed[*e.AutomaticKey]
		if !ok || e.Enabled && !alike(e, &wanted) {
			lift = append(lift, e.ID)
			continue
		}
		tried[*e.AutomaticKey] = true
		delete(needed, *e.AutomaticKey)
	}
	var missing []library.Enforcement
	for key, e := range needed {
		missing = append(missing, e)
		tried[key] = true
	}
	k.mu.Lock()
	k.tried = tried
	k.mu.Unlock()
	if len(missing) == 0 && len(lift) == 0 {
		return nil
	}
	made, err := k.cfg.Store.ChangeAutomatic(ctx, missing, lift)
	if err != nil {
		return err
	}
	k.metrics.made.Add(float64(made))
	k.metrics.lifted.Add(float64(len(lift)))
	k.cfg.Log.Info("Quotas enforced anew", "made", made, "lifted", len(lift))
	return k.cfg.Limits.ReloadLimits(ctx)
}

// need adds the enforcements of one quota and period.
func (k *Keeper) need(ctx context.Context, needed map[string]library.Enforcement, q quota, p store.QuotaPeriod, now time.Time) error {
	totals, err := k.cfg.Store.QuotaTotals(ctx, store.QuotaRange{
		PeriodType: p.PeriodType, PeriodKey: p.PeriodKey, Dimension: q.rule.ApplyTo,
		Value: library.Canonical(q.rule.ApplyTo, q.rule.ApplyValue), Requests: q.requests, Bytes: q.bytes,
	})
	if err != nil {
		return err
	}
	for i := range totals {
		for _, e := range q.enforcements(&totals[i], now) {
			needed[*e.AutomaticKey] = e
		}
	}
	return nil
}

// alike reports whether what was made is what would be made now.
func alike(e, wanted *library.Enforcement) bool {
	return e.Action == wanted.Action && e.ThrottleRateBps == wanted.ThrottleRateBps && e.Reason == wanted.Reason &&
		e.EffectiveUntil != nil && e.EffectiveUntil.Equal(*wanted.EffectiveUntil)
}

// forget removes the counters of periods that ended long ago.
func (k *Keeper) forget(ctx context.Context) error {
	periods, err := k.cfg.Store.QuotaPeriods(ctx)
	if err != nil {
		return err
	}
	before := k.cfg.Now().Add(-keptFor).Unix()
	periods = slices.DeleteFunc(periods, func(p store.QuotaPeriod) bool { return p.EndsAt > before })
	for _, p := range periods {
		removed, err := k.cfg.Store.ForgetQuotas(ctx, p)
		if err != nil {
			return err
		}
		k.cfg.Log.Debug("Quota counters forgotten", "period", p.PeriodKey, "removed", removed)
	}
	return nil
}
