package hindsight

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/chain"
	"github.com/uhdadmin/media-gateway/master/internal/library"
)

// rateJudge notes when requests came, and tells in the end who came too often.
type rateJudge struct {
	rules    []library.RateLimitRule
	limiters []*chain.Limiter // by rule; nil: no rates
	from     int64            // milliseconds
	series   map[string]map[sender][]arrival
}

// sender is one value of a dimension at one media server: rates are of each apart.
type sender struct {
	server int64
	value  string
}

// arrival is when a request came, in milliseconds since the judge's from, and in the lowest bit whether it was refused
// then. A week fits, and as numbers they are in the order of time.
type arrival uint32

func newArrival(at int64, refused bool) arrival {
	a := arrival(min(max(0, at), math.MaxUint32>>1)) << 1
	if refused {
		a |= 1
	}
	return a
}

func (a arrival) at() int64     { return int64(a >> 1) }
func (a arrival) refused() bool { return a&1 == 1 }

func newRateJudge(q *Question, from time.Time) *rateJudge {
	j := &rateJudge{
		rules: q.RateLimits, limiters: make([]*chain.Limiter, len(q.RateLimits)), from: from.UnixMilli(), series: map[string]map[sender][]arrival{},
	}
	for i := range q.RateLimits {
		r := &q.RateLimits[i]
		if !r.Enabled {
			continue
		}
		if j.limiters[i] = chain.NewLimiter(&r.RateLimitRule); j.limiters[i] != nil && j.series[r.ApplyTo] == nil {
			j.series[r.ApplyTo] = map[sender][]arrival{}
		}
	}
	return j
}

// judge notes the request.
func (j *rateJudge) judge(r *request) {
	a := newArrival(r.began()-j.from, r.refused())
	for dimension, of := range j.series {
		var value []byte
		switch dimension {
		case library.DimensionIP:
			value = r.ip
		case library.DimensionUser:
			value = r.user
		case library.DimensionDevice:
			value = r.device
		}
		if len(value) > 0 || dimension == library.DimensionGlobal {
			key := sender{r.server, library.Canonical(dimension, string(value))}
			of[key] = append(of[key], a)
		}
	}
}

// answer adds what the rules' rates would have done.
func (j *rateJudge) answer(l *Limits) {
	for _, of := range j.series {
		for _, arrivals := range of {
			slices.Sort(arrivals)
		}
	}
	for i, limiter := range j.limiters {
		if limiter != nil {
			j.apply(i, limiter, l)
		}
	}
	slices.SortFunc(l.Rates, func(x, y RateItem) int {
		return cmp.Or(cmp.Compare(y.Requests, x.Requests), cmp.Compare(x.Rule, y.Rule), cmp.Compare(x.Value, y.Value))
	})
}

// apply tries one rule on all whom it is about.
func (j *rateJudge) apply(index int, limiter *chain.Limiter, l *Limits) {
	r := &j.rules[index]
	only := library.Canonical(r.ApplyTo, r.ApplyValue)
	items := map[string]*RateItem{} // by value, over media servers
	for key, arrivals := range j.series[r.ApplyTo] {
		if only != "" && key.value != only {
			continue
		}
		over, already := exceeding(limiter, arrivals)
		if over == 0 {
			continue
		}
		item := items[key.value]
		if item == nil {
			item = &RateItem{Rule: index, ApplyTo: r.ApplyTo, Value: key.value, OverAction: r.OverAction}
			items[key.value] = item
		}
		item.Requests += over
		item.Already += already
		item.PeakPerSecond = max(item.PeakPerSecond, peak(arrivals, time.Second))
		item.PeakPerMinute = max(item.PeakPerMinute, peak(arrivals, time.Minute))
	}
	for _, item := range items {
		l.Rates = append(l.Rates, *item)
		switch r.OverAction {
		case library.OverThrottle:
			l.Throttled += item.Requests
		case library.OverWarn:
			l.Warned += item.Requests
		default:
			l.Rejected += item.Requests
			l.Already += item.Already
		}
	}
}

// exceeding counts the arrivals that a limiter does not admit, and those of them that were refused then.
func exceeding(limiter *chain.Limiter, arrivals []arrival) (over, already int64) {
	var counter chain.Counter
	for _, a := range arrivals {
		if limiter.Admit(&counter, a.at()) {
			continue
		}
		over++
		if a.refused() {
			already++
		}
	}
	return over, already
}

// peak is the most arrivals that came within a window.
func peak(arrivals []arrival, window time.Duration) (most int64) {
	first := 0
	for i, a := range arrivals {
		for a.at()-arrivals[first].at() >= window.Milliseconds() {
			first++
		}
		most = max(most, int64(i-first+1))
	}
	return most
}
