package quota

import (
	"context"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/period"
)

// Sync stores what a slave has counted, stops those whose totals are over a quota, and answers what is left.
// A counter that makes no sense is counted in the metrics and left out. The error wraps ErrZone when nobody
// knows the time zone.
func (k *Keeper) Sync(ctx context.Context, group fleet.Group, in api.QuotaSync) (api.QuotaSyncAnswer, error) {
	began := time.Now()
	answer, err := k.sync(ctx, group, in)
	k.metrics.seconds.Observe(time.Since(began).Seconds())
	if err != nil {
		k.metrics.failures.Inc()
	}
	return answer, err
}

func (k *Keeper) sync(ctx context.Context, group fleet.Group, in api.QuotaSync) (api.QuotaSyncAnswer, error) {
	answer := api.QuotaSyncAnswer{Remaining: []api.QuotaRemaining{}}
	rows, err := k.counters(group, in)
	if err != nil {
		return answer, err
	}
	rules, changed := k.cfg.Limits.WatchRules()
	set := newRuleSet(rules)
	totals := limited(rows, set)
	if err := k.cfg.Store.PutQuotaCounters(ctx, rows); err != nil {
		return answer, err
	}
	if err := k.cfg.Store.SumQuotas(ctx, totals); err != nil {
		return answer, err
	}
	if err := k.enforce(ctx, totals, set); err != nil {
		return answer, err
	}
	select {
	case <-changed: // what was made by old rules has to be looked at again
		k.lookAgain()
	default:
	}
	for i := range totals {
		answer.Remaining = append(answer.Remaining, remaining(&totals[i], set))
	}
	answer.Enforcements = k.cfg.Limits.Current().Enforcements
	return answer, nil
}

// counters returns what a slave sent as it is stored.
func (k *Keeper) counters(group fleet.Group, in api.QuotaSync) ([]store.QuotaCounter, error) {
	zone, err := k.zones.load(in.TimeZone)
	if err != nil {
		return nil, err
	}
	now, slave := k.cfg.Now(), slaveOf(group, clip(in.SlaveID))
	rows := make([]store.QuotaCounter, 0, len(in.Counters))
	periods := map[store.QuotaPeriod]period.Period{} // a body has few
	for _, c := range in.Counters {
		named := store.QuotaPeriod{PeriodType: c.PeriodType, PeriodKey: c.PeriodKey}
		seen, known := periods[named]
		if !known {
			p, err := parsePeriod(period.Kind(c.PeriodType), c.PeriodKey, zone)
			if err == nil && !p.Start.After(now.Add(clockSkew)) {
				seen = p
			}
			periods[named] = seen
		}
		if now.Sub(seen.End) > keptFor || !dimensions[c.Dimension] || len(c.DimensionValue) > maxValue {
			continue
		}
		rows = append(rows, store.QuotaCounter{
			PeriodType: c.PeriodType, PeriodKey: seen.Key, Dimension: c.Dimension,
			Value: library.Canonical(c.Dimension, c.DimensionValue), Slave: slave, Scope: clip(c.Scope),
			Requests: max(0, int64(c.RequestCount)), Bytes: max(0, int64(c.BandwidthBytes)), EndsAt: seen.End.Unix(),
		})
	}
	k.metrics.stored.Add(float64(len(rows)))
	k.metrics.skipped.Add(float64(len(in.Counters) - len(rows)))
	return rows, nil
}

// limited names the totals of the counters that a quota applies to, each once.
func limited(rows []store.QuotaCounter, set ruleSet) []store.QuotaTotal {
	var totals []store.QuotaTotal
	seen := map[store.QuotaTotal]bool{}
	for i := range rows {
		c := &rows[i]
		t := store.QuotaTotal{PeriodType: c.PeriodType, PeriodKey: c.PeriodKey, Dimension: c.Dimension, Value: c.Value}
		if len(set.of(&t)) > 0 && !seen[t] {
			seen[t] = true
			totals = append(totals, t)
		}
	}
	return totals
}

// enforce makes the enforcements that totals call for and that were not made before.
func (k *Keeper) enforce(ctx context.Context, totals []store.QuotaTotal, set ruleSet) error {
	now := k.cfg.Now().UTC().Truncate(time.Microsecond)
	var needed []library.Enforcement
	for i := range totals {
		t := &totals[i]
		if t.EndsAt <= now.Unix() {
			continue
		}
		for _, q := range set.of(t) {
			for _, e := range q.enforcements(t, now) {
				if !k.wasTried(*e.AutomaticKey) {
					needed = append(needed, e)
				}
			}
		}
	}
	if len(needed) == 0 {
		return nil
	}
	made, err := k.cfg.Store.ChangeAutomatic(ctx, needed, nil)
	if err != nil {
		return err
	}
	k.try(needed)
	k.metrics.made.Add(float64(made))
	return k.cfg.Limits.ReloadLimits(ctx)
}

func (k *Keeper) wasTried(key string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.tried[key]
}

func (k *Keeper) try(made []library.Enforcement) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range made {
		k.tried[*made[i].AutomaticKey] = true
	}
}

// remaining is what a slave is told of a total: the least that any of its quotas leaves.
func remaining(t *store.QuotaTotal, set ruleSet) api.QuotaRemaining {
	r := api.QuotaRemaining{
		Dimension: t.Dimension, DimensionValue: t.Value, Period: t.PeriodType, PeriodKey: t.PeriodKey,
	}
	strictest := -1
	for _, q := range set.of(t) {
		requests, bytes := q.left(t)
		r.RequestsLeft, r.BandwidthLeft = least(r.RequestsLeft, requests), least(r.BandwidthLeft, bytes)
		used := requests != nil && *requests == 0 || bytes != nil && *bytes == 0
		severity := 0
		if used {
			severity = severities[q.rule.OverAction]
		}
		if severity > strictest {
			strictest, r.RuleID = severity, q.rule.ID
		}
	}
	return r
}

// severities order what happens beyond a quota; of several that are used up, the strictest counts.
var severities = map[string]int{library.OverWarn: 1, library.OverThrottle: 2, library.OverReject: 3}

func least(a, b *int64) *int64 {
	if a == nil || b != nil && *b < *a {
		return b
	}
	return a
}
