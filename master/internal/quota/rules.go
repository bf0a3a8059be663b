package quota

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/period"
)

// Amount is what a quota leaves to one value in one period; 0 is no limit.
type Amount struct{ Requests, Bytes int64 }

// Amounts returns a rule's quotas by kind of period.
func Amounts(rule *api.RateLimitRule) map[period.Kind]Amount {
	all := map[period.Kind]Amount{
		period.Hourly:  {rule.QuotaHourly, rule.BandwidthHourlyBytes},
		period.Daily:   {rule.QuotaDaily, rule.BandwidthDailyBytes},
		period.Weekly:  {rule.QuotaWeekly, rule.BandwidthWeeklyBytes},
		period.Monthly: {rule.QuotaMonthly, rule.BandwidthMonthlyBytes},
	}
	maps.DeleteFunc(all, func(_ period.Kind, a Amount) bool { return a == Amount{} })
	return all
}

// quota is an Amount of a rule's.
type quota struct {
	rule     *api.RateLimitRule
	requests int64
	bytes    int64
}

func quotasOf(rule *api.RateLimitRule) map[period.Kind]quota {
	all := map[period.Kind]quota{}
	for kind, a := range Amounts(rule) {
		all[kind] = quota{rule, a.Requests, a.Bytes}
	}
	return all
}

// place is where quotas apply; value "" is each value on its own.
type place struct {
	kind      period.Kind
	dimension string
	value     string
}

// ruleSet finds the quotas of a counter.
type ruleSet map[place][]quota

func newRuleSet(rules []api.RateLimitRule) ruleSet {
	set := ruleSet{}
	for i := range rules {
		rule := &rules[i]
		for kind, q := range quotasOf(rule) {
			at := place{kind, rule.ApplyTo, library.Canonical(rule.ApplyTo, rule.ApplyValue)}
			set[at] = append(set[at], q)
		}
	}
	return set
}

// of returns the quotas that apply to a total.
func (s ruleSet) of(t *store.QuotaTotal) []quota {
	quotas := s[place{period.Kind(t.PeriodType), t.Dimension, ""}]
	if t.Value != "" {
		quotas = slices.Concat(quotas, s[place{period.Kind(t.PeriodType), t.Dimension, t.Value}])
	}
	return quotas
}

// lowest returns the lowest quotas of a dimension, of all its values; 0 where there is none.
func (s ruleSet) lowest(kind period.Kind, dimension string) (low Amount) {
	for at, quotas := range s {
		if at.kind != kind || at.dimension != dimension {
			continue
		}
		for _, q := range quotas {
			low = Amount{lower(low.Requests, q.requests), lower(low.Bytes, q.bytes)}
		}
	}
	return low
}

// lower returns the lower of two quotas of which 0 is none.
func lower(a, b int64) int64 {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// left returns what a total has left of the quota; nil is no limit.
func (q quota) left(t *store.QuotaTotal) (requests, bytes *int64) {
	if q.requests > 0 {
		requests = new(max(0, q.requests-t.Requests))
	}
	if q.bytes > 0 {
		bytes = new(max(0, q.bytes-t.Bytes))
	}
	return requests, bytes
}

// enforcements returns what stops a value that has used the quota up: none, one or two.
func (q quota) enforcements(t *store.QuotaTotal, now time.Time) []library.Enforcement {
	if q.rule.OverAction == library.OverWarn {
		return nil // slaves note it in their logs
	}
	var made []library.Enforcement
	if q.requests > 0 && t.Requests >= q.requests {
		made = append(made, q.enforcement(t, now, api.ReasonQuotaRequests, strconv.FormatInt(q.requests, 10)+" requests"))
	}
	if q.bytes > 0 && t.Bytes >= q.bytes {
		made = append(made, q.enforcement(t, now, api.ReasonQuotaBandwidth, strconv.FormatInt(q.bytes, 10)+" bytes"))
	}
	return made
}

func (q quota) enforcement(t *store.QuotaTotal, now time.Time, reason, what string) library.Enforcement {
	automatic := &api.Automatic{
		RuleID: q.rule.ID, Reason: reason, PeriodType: t.PeriodType, PeriodKey: t.PeriodKey, Since: now,
	}
	e := library.Enforcement{
		Enforcement: api.Enforcement{
			Dimension: t.Dimension, DimensionValue: t.Value, Action: q.rule.OverAction,
			Reason:         fmt.Sprintf("%s quota of %s is used up (rule %d)", t.PeriodType, what, q.rule.ID),
			EffectiveUntil: new(time.Unix(t.EndsAt, 0).UTC()),
		},
		Automatic: automatic, AutomaticKey: new(keyOf(t.Dimension, t.Value, automatic)), Enabled: true,
	}
	if e.Action == library.OverThrottle {
		e.ThrottleRateBps = q.rule.ThrottleRateBps
	}
	return e
}

// keyOf names an automatic enforcement.
func keyOf(dimension, value string, a *api.Automatic) string {
	return fmt.Sprintf("%d %s %s %s %s %s", a.RuleID, a.Reason, a.PeriodType, a.PeriodKey, dimension, value)
}
