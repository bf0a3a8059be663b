package pages

import (
	"net/url"
	"slices"
	"time"
)

// period is the span of time that a page is about: one of the usual lengths up to now, or from one moment to another in the
// visitor's zone. The address of the page has it as span=24h, or as from and to.
type period struct {
	Choice   string   // one of Choices; "" for from and to
	Choices  []string // of the links, their texts are "period.CHOICE"
	From, To time.Time
	Entered  url.Values // from and to as they stand in their inputs
	Error    string     // why from or to is not taken; the period is then the usual one
}

var lengths = map[string]time.Duration{
	"1h": time.Hour, "24h": day, "7d": 7 * day, "30d": 30 * day, "90d": 90 * day,
	"365d": 365 * day,
}

// period reads the span that the visitor has chosen, of the choices or by from and to; usual is that of who has chosen none.
func (v *visit) period(usual string, choices ...string) period {
	asked := v.r.URL.Query()
	p := period{Choice: usual, Choices: choices, Entered: url.Values{"from": asked["from"], "to": asked["to"]}}
	if choice := asked.Get("span"); slices.Contains(choices, choice) {
		p.Choice = choice
	}
	now := time.Now()
	from, to := asked.Get("from"), asked.Get("to")
	if from != "" || to != "" {
		begin, err := time.ParseInLocation(timeLayout, from, v.Zone)
		end, endErr := now, error(nil)
		if to != "" {
			end, endErr = time.ParseInLocation(timeLayout, to, v.Zone)
		}
		switch {
		case from == "":
			p.Error = v.T("period.begin")
		case err != nil || endErr != nil:
			p.Error = v.T("period.form")
		case !begin.Before(end):
			p.Error = v.T("period.order")
		default:
			p.Choice, p.From, p.To = "", begin, end
			return p
		}
	}
	p.From, p.To = now.Add(-lengths[p.Choice]), now
	return p
}

// Value is what the input from or to holds.
func (p period) Value(name string) string { return p.Entered.Get(name) }

// query returns from, to and tz as the admin API takes them. A period that goes up to now has no to: what comes in
// meanwhile belongs to it.
func (p period) query(v *visit) url.Values {
	q := url.Values{"from": {p.From.UTC().Format(time.RFC3339)}, "tz": {v.Zone.String()}}
	if p.Choice == "" {
		q.Set("to", p.To.UTC().Format(time.RFC3339))
	}
	return q
}

// fromMidnight lets a usual length of several days begin with the day of UTC that it begins in: a sum over whole days of UTC
// is made of a tenth of what one over hours is.
func (p period) fromMidnight() period {
	if lengths[p.Choice] > day {
		p.From = p.From.UTC().Truncate(day)
	}
	return p
}

const day = 24 * time.Hour

// link returns parameters that say the same period on another page.
func (p period) link() url.Values {
	if p.Choice != "" {
		return url.Values{"span": {p.Choice}}
	}
	return url.Values{"from": p.Entered["from"], "to": p.Entered["to"]}
}

// With is the page's own address with some parameters changed: pairs of names and values, where "" takes one away. It leads
// to the first page.
func (v *visit) With(pairs ...string) string {
	q := v.r.URL.Query()
	q.Del("cursor")
	q.Del("patience")
	for i := 0; i+1 < len(pairs); i += 2 {
		if q.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
			q.Del(pairs[i])
		}
	}
	return "?" + q.Encode()
}
