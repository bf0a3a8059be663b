package quota

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/period"
)

// Usage is what a value has used of a period, and what its quotas leave.
type Usage struct {
	store.QuotaTotal
	Limits []Limit `json:"limits"`
}

// Limit is one rule's quota. nil is no limit.
type Limit struct {
	RuleID        int64  `json:"rule_id"`
	OverAction    string `json:"over_action"`
	Requests      *int64 `json:"requests"`
	Bytes         *int64 `json:"bytes"`
	RequestsLeft  *int64 `json:"requests_left"`
	BandwidthLeft *int64 `json:"bandwidth_left"`
}

// UsageQuery selects usages; each is of one dimension and period.
type UsageQuery struct {
	Dimension  string
	Value      string // "": all
	PeriodType string
	PeriodKey  string  // "": the one that runs, in Zone
	Zone       string  // IANA name; "": UTC
	Limit      int     // 0: store.DefaultLimit
	After      string  // the last value of the page before
	AtLeast    float64 // only where this share of a quota is used, as in 0.8; 0: all
}

// Usage returns a page of usages in the order of values. What the query has wrong is a *store.QueryError.
func (k *Keeper) Usage(ctx context.Context, q UsageQuery) (store.Page[Usage], error) {
	page := store.Page[Usage]{Items: []Usage{}}
	zone, err := k.zones.load(q.Zone)
	if err != nil {
		return page, &store.QueryError{Name: "tz", Takes: "an IANA name, as in Europe/Berlin"}
	}
	p := period.Of(period.Kind(q.PeriodType), k.cfg.Now(), zone)
	if q.PeriodKey != "" {
		if p, err = period.Parse(period.Kind(q.PeriodType), q.PeriodKey, zone); err != nil {
			return page, &store.QueryError{Name: "period_key", Takes: "one as in " + period.Of(period.Kind(q.PeriodType), time.Now(), zone).Key}
		}
	}
	limit := min(cmp.Or(q.Limit, store.DefaultLimit), store.MaxLimit)
	rules, _ := k.cfg.Limits.WatchRules()
	set := newRuleSet(rules)
	from := store.QuotaRange{
		PeriodType: string(p.Kind), PeriodKey: p.Key, Dimension: q.Dimension,
		Value: library.Canonical(q.Dimension, q.Value), After: q.After, Limit: limit + 1,
	}
	if q.AtLeast > 0 {
		lowest := set.lowest(p.Kind, q.Dimension)
		from.Requests, from.Bytes = share(lowest.Requests, q.AtLeast), share(lowest.Bytes, q.AtLeast)
		if lowest == (Amount{}) {
			return page, nil
		}
	}
	totals, err := k.cfg.Store.QuotaTotals(ctx, from)
	if err != nil {
		return page, err
	}
	if len(totals) > limit {
		totals = totals[:limit]
		page.Next = totals[limit-1].Value
	}
	for i := range totals {
		usage := Usage{totals[i], limitsOf(&totals[i], set)}
		if q.AtLeast > 0 && !usage.uses(q.AtLeast) {
			continue // near the lowest quota, which is another value's
		}
		page.Items = append(page.Items, usage)
	}
	return page, nil
}

// uses reports whether at least that share of one of the quotas is used.
func (u *Usage) uses(least float64) bool {
	return slices.ContainsFunc(u.Limits, func(l Limit) bool {
		return l.Requests != nil && u.Requests >= share(*l.Requests, least) || l.Bytes != nil && u.Bytes >= share(*l.Bytes, least)
	})
}

// share of an amount, rounded up; of one, at least one.
func share(of int64, part float64) int64 { return int64(math.Ceil(float64(of) * part)) }

func limitsOf(t *store.QuotaTotal, set ruleSet) []Limit {
	limits := []Limit{}
	for _, q := range set.of(t) {
		l := Limit{RuleID: q.rule.ID, OverAction: q.rule.OverAction}
		if q.requests > 0 {
			l.Requests = &q.requests
		}
		if q.bytes > 0 {
			l.Bytes = &q.bytes
		}
		l.RequestsLeft, l.BandwidthLeft = q.left(t)
		limits = append(limits, l)
	}
	return limits
}
