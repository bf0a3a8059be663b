package hindsight

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/quota"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// Counters is what slaves have counted, summed over all of them.
type Counters interface {
	QuotaPeriods(ctx context.Context) ([]store.QuotaPeriod, error)
	QuotaTotals(ctx context.Context, r store.QuotaRange) ([]store.QuotaTotal, error)
}

// maxTotals is how many who are over one quota in one period are looked at.
const maxTotals = 1000

// overQuotas adds who has used more than a quota in one of the periods since from.
func (h *Hindsight) overQuotas(ctx context.Context, rules []library.RateLimitRule, from time.Time, l *Limits) error {
	var periods []store.QuotaPeriod
	for i := range rules {
		r := &rules[i]
		if !r.Enabled {
			continue
		}
		for kind, q := range quota.Amounts(&r.RateLimitRule) {
			if periods == nil {
				var err error
				if periods, err = h.cfg.Counters.QuotaPeriods(ctx); err != nil {
					return err
				}
			}
			for _, p := range periods {
				if p.PeriodType != string(kind) || p.EndsAt <= from.Unix() {
					continue
				}
				totals, err := h.cfg.Counters.QuotaTotals(ctx, over(r, p, q))
				if err != nil {
					return fmt.Errorf("quotas of rule %d: %w", i, err)
				}
				for _, t := range totals {
					l.Quotas = append(l.Quotas, QuotaItem{
						Rule: i, ApplyTo: r.ApplyTo, Value: t.Value, OverAction: r.OverAction, Period: t.PeriodType, PeriodKey: t.PeriodKey,
						EndsAt: time.Unix(t.EndsAt, 0).UTC(), Requests: t.Requests, MaxRequests: q.Requests, Bytes: t.Bytes, MaxBytes: q.Bytes,
					})
				}
			}
		}
	}
	slices.SortFunc(l.Quotas, func(x, y QuotaItem) int {
		return cmp.Or(cmp.Compare(y.share(), x.share()), cmp.Compare(x.Rule, y.Rule), cmp.Compare(x.Value, y.Value), cmp.Compare(y.PeriodKey, x.PeriodKey))
	})
	return nil
}

// over selects who has used more of a period than the quota: its last request came when it was all used.
func over(r *library.RateLimitRule, p store.QuotaPeriod, q quota.Amount) store.QuotaRange {
	selected := store.QuotaRange{
		PeriodType: p.PeriodType, PeriodKey: p.PeriodKey, Dimension: r.ApplyTo, Value: library.Canonical(r.ApplyTo, r.ApplyValue), Limit: maxTotals,
	}
	if q.Requests > 0 {
		selected.Requests = q.Requests + 1
	}
	if q.Bytes > 0 {
		selected.Bytes = q.Bytes + 1
	}
	return selected
}

// share is how much of the quota was used: 1 is all of it.
func (q QuotaItem) share() float64 {
	share := 0.0
	if q.MaxRequests > 0 {
		share = float64(q.Requests) / float64(q.MaxRequests)
	}
	if q.MaxBytes > 0 {
		share = max(share, float64(q.Bytes)/float64(q.MaxBytes))
	}
	return share
}
