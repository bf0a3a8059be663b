package usage

import (
	"log/slog"
	"strings"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/period"
)

// What happens beyond a quota, as rules say it.
const (
	reject   = "reject"
	throttle = "throttle"
	warn     = "warn"
)

// quota is what one rule allows one value of a dimension in one kind of period. A limit of 0 is none.
type quota struct {
	rule  int64
	kind  int    // of period.Kinds
	value string // "": each on its own
	limit Count

	action string
	rate   int64 // bytes per second, for throttle
}

// exceeded returns why, as decisions say it; "" when used is within the quota.
func (q *quota) exceeded(used Count) string {
	switch {
	case q.limit.Bytes > 0 && used.Bytes >= q.limit.Bytes:
		return api.ReasonQuotaBandwidth
	case q.limit.Requests > 0 && used.Requests >= q.limit.Requests:
		return api.ReasonQuotaRequests
	}
	return ""
}

// quotas are all of the rules, by dimension.
type quotas map[string][]*quota

// applying calls do for each quota that applies to a value.
func (qs quotas) applying(dimension, value string, do func(*quota)) {
	for _, q := range qs[dimension] {
		if q.value == "" || q.value == value {
			do(q)
		}
	}
}

func newQuotas(rules []api.RateLimitRule, log *slog.Logger) quotas {
	qs := quotas{}
	for i := range rules {
		rule := &rules[i]
		if rule.OverAction == throttle && rule.ThrottleRateBps < 1 {
			log.Error("Rate limit rule throttles to no rate and is left out", "rule", rule.ID)
			continue
		}
		for kind, limit := range [len(period.Kinds)]Count{
			{rule.QuotaHourly, rule.BandwidthHourlyBytes},
			{rule.QuotaDaily, rule.BandwidthDailyBytes},
			{rule.QuotaWeekly, rule.BandwidthWeeklyBytes},
			{rule.QuotaMonthly, rule.BandwidthMonthlyBytes},
		} {
			if limit.Requests <= 0 && limit.Bytes <= 0 {
				continue
			}
			q := &quota{
				rule: rule.ID, kind: kind, value: normalised(rule.ApplyTo, rule.ApplyValue), limit: limit,
				action: rule.OverAction, rate: rule.ThrottleRateBps,
			}
			if q.action == "" {
				q.action = reject
			}
			qs[rule.ApplyTo] = append(qs[rule.ApplyTo], q)
		}
	}
	return qs
}

// normalised is a rule's value in the form that counters have.
func normalised(dimension, value string) string {
	switch dimension {
	case "user":
		return string(appendUser(nil, []byte(value)))
	case "ip":
		return strings.ToLower(value)
	case "global":
		return ""
	}
	return value
}
