package usage

import (
	"cmp"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/period"
	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
)

// judge knows who is over a quota, and who is close to one.
//
// A quota is of a person, a device or a household, not of a media server: what a value has used counts over
// all media servers of this slave, as the master counts it over all slaves. What the master says is left of a
// quota holds until it says something else: a value that has used that much since is over.
type judge struct {
	zone    *time.Location
	quotas  quotas
	rules   map[int64][]*quota
	left    map[leftKey]left
	pardons map[overKey]string // the key of the period
	over    map[overKey]verdict
	close   map[overKey]verdict
	current [len(period.Kinds)]period.Period // as of the last turn, by kind
}

// overKey is one value and one rule's quota.
type overKey struct {
	dimension, value string
	rule             int64
	kind             int
}

// verdict is that it is exhausted, or how much is left.
type verdict struct {
	quota  *quota
	reason string
	left   int64 // bytes; of close
}

// leftKey is one value in one kind of period.
type leftKey struct {
	dimension, value string
	kind             int
}

// left is what the master says.
type left struct {
	key             string // of the period
	rule            int64
	requests, bytes int64 // at which this slave's own sum is at the end; -1: no limit
}

// closeBytes is how much of a bandwidth quota may be left for nginx to count it down itself. Records of what
// streams have sent come every 8 MB of each and are a moment on their way, in which fast ones send more than
// may be too much.
const closeBytes = 1 << 30

// mostClose bounds what nginx counts down: those that are closest.
const mostClose = 2000

func newJudge(zone *time.Location) *judge {
	return &judge{zone: zone, left: map[leftKey]left{}, over: map[overKey]verdict{}, close: map[overKey]verdict{}}
}

func (j *judge) setRules(rules []api.RateLimitRule, pardons []api.Pardon, log *slog.Logger) {
	j.quotas = newQuotas(rules, log)
	j.pardons = map[overKey]string{}
	for _, p := range pardons {
		kind := slices.Index(period.Kinds[:], period.Kind(p.PeriodType))
		j.pardons[overKey{p.Dimension, normalised(p.Dimension, p.DimensionValue), p.RuleID, kind}] = p.PeriodKey
	}
	j.rules = map[int64][]*quota{}
	for _, list := range j.quotas {
		for _, q := range list {
			j.rules[q.rule] = append(j.rules[q.rule], q)
		}
	}
}

// pressing reports whether there is a quota that streams may exhaust.
func (j *judge) pressing() bool {
	for _, list := range j.quotas {
		if slices.ContainsFunc(list, func(q *quota) bool { return q.limit.Bytes > 0 }) {
			return true
		}
	}
	return false
}

// look judges subjects, by number, and reports whether decisions are others than before.
func (j *judge) look(b *book, numbers []uint32, now time.Time) (changed bool) {
	if len(j.quotas) == 0 {
		return false
	}
	changed = j.turn(now)
	for _, n := range numbers {
		dimension, _, value := b.subjects[n].parts()
		j.quotas.applying(dimension, value, func(q *quota) {
			changed = j.lookAt(b, q, dimension, value) || changed
		})
	}
	return changed
}

// lookAtAll judges everybody anew.
func (j *judge) lookAtAll(b *book, now time.Time) {
	clear(j.over)
	clear(j.close)
	for n := range b.subjects {
		j.look(b, []uint32{uint32(n)}, now)
	}
}

func (j *judge) lookAt(b *book, q *quota, dimension, value string) (changed bool) {
	p := j.current[q.kind]
	t := b.find(p.Kind, p.Key)
	if t == nil {
		return false
	}
	used := b.sum(t, dimension, value)
	key := overKey{dimension, value, q.rule, q.kind}
	if _, known := j.over[key]; known || j.pardons[key] == p.Key {
		return false
	}
	reason := q.exceeded(used)
	bytes := q.limit.Bytes - used.Bytes
	if told, ok := j.left[leftKey{dimension, value, q.kind}]; ok && told.key == p.Key && told.rule == q.rule {
		switch {
		case told.bytes >= 0 && used.Bytes >= told.bytes:
			reason = cmp.Or(reason, api.ReasonQuotaBandwidth)
		case told.requests >= 0 && used.Requests >= told.requests:
			reason = cmp.Or(reason, api.ReasonQuotaRequests)
		}
		if told.bytes >= 0 {
			bytes = min(bytes, told.bytes-used.Bytes)
		}
	}
	if reason != "" {
		j.over[key] = verdict{quota: q, reason: reason}
		delete(j.close, key)
		return true
	}
	if q.limit.Bytes == 0 || q.action != reject || bytes > closeBytes {
		return false
	}
	was, known := j.close[key]
	if known && was.left-bytes < leftStep {
		return false
	}
	j.close[key] = verdict{quota: q, reason: api.ReasonQuotaBandwidth, left: bytes}
	return true
}

// leftStep is how much a value has to use for nginx to be told again: small answers, which it does not count
// down, and what goes through other slaves.
const leftStep = 8 << 20

// tell takes what the master says is left. It reports whether decisions are others than before.
func (j *judge) tell(b *book, remaining []api.QuotaRemaining, now time.Time) (changed bool) {
	changed = j.turn(now)
	for i := range remaining {
		r := &remaining[i]
		kind := slices.Index(period.Kinds[:], period.Kind(r.Period))
		if kind < 0 || r.PeriodKey != "" && r.PeriodKey != j.current[kind].Key {
			continue
		}
		value := normalised(r.Dimension, r.DimensionValue)
		p := j.current[kind]
		used := b.sum(b.find(p.Kind, p.Key), r.Dimension, value)
		told := left{key: p.Key, rule: r.RuleID, requests: -1, bytes: -1}
		if r.RequestsLeft != nil {
			told.requests = used.Requests + max(0, *r.RequestsLeft)
		}
		if r.BandwidthLeft != nil {
			told.bytes = used.Bytes + max(0, *r.BandwidthLeft)
		}
		j.left[leftKey{r.Dimension, value, kind}] = told
		for _, q := range j.rules[r.RuleID] {
			if q.kind == kind {
				changed = j.again(b, q, r.Dimension, value) || changed
			}
		}
	}
	return changed
}

// again judges one value that may be over no longer: the master has lifted what it said.
func (j *judge) again(b *book, q *quota, dimension, value string) bool {
	key := overKey{dimension, value, q.rule, q.kind}
	was, known := j.over[key]
	delete(j.over, key)
	changed := j.lookAt(b, q, dimension, value)
	if now, still := j.over[key]; known && still && now == was {
		return false
	}
	return changed || known
}

// turn goes on to the periods that run now and forgets what was of others. It reports whether decisions are
// others than before.
func (j *judge) turn(now time.Time) (changed bool) {
	for kind := range period.Kinds {
		if j.current[kind].Holds(now) {
			continue
		}
		j.current[kind] = period.Of(period.Kinds[kind], now, j.zone)
		maps.DeleteFunc(j.left, func(k leftKey, _ left) bool { return k.kind == kind })
		for _, verdicts := range []map[overKey]verdict{j.over, j.close} {
			n := len(verdicts)
			maps.DeleteFunc(verdicts, func(k overKey, _ verdict) bool { return k.kind == kind })
			changed = changed || len(verdicts) < n
		}
	}
	return changed
}

// decisions is what nginx is to do about it until the periods end, in a fixed order.
func (j *judge) decisions() []nginx.Decision {
	var stopped, counted []nginx.Decision
	for key, v := range j.over {
		if v.quota.action != warn {
			stopped = append(stopped, j.decision(key, v, v.quota.action))
		}
	}
	for key, v := range j.close {
		d := j.decision(key, v, nginx.ActionCount)
		d.BytesLeft = v.left
		counted = append(counted, d)
	}
	slices.SortFunc(stopped, compare)
	slices.SortFunc(counted, compare)
	return append(stopped, counted[:min(len(counted), mostClose)]...)
}

// compare puts those first that have least left.
func compare(a, b nginx.Decision) int {
	return cmp.Or(cmp.Compare(a.BytesLeft, b.BytesLeft), cmp.Compare(a.Dimension, b.Dimension), cmp.Compare(a.Value, b.Value),
		cmp.Compare(a.RuleID, b.RuleID), cmp.Compare(*a.Until, *b.Until))
}

func (j *judge) decision(key overKey, v verdict, action string) nginx.Decision {
	until := j.current[key.kind].End.Unix()
	return nginx.Decision{
		Dimension: key.dimension, Value: key.value, Action: action, ThrottleRateBps: v.quota.rate,
		Reason: v.reason, RuleID: v.quota.rule, Until: &until,
	}
}
