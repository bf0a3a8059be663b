package pages

import (
	"math"
	"net/url"
	"time"
)

// counts are sums over requests.
type counts struct {
	Requests  float64  `json:"requests"`
	Refused   float64  `json:"refused"`
	Bytes     float64  `json:"bytes"`
	Errors4xx float64  `json:"errors_4xx"`
	Errors5xx float64  `json:"errors_5xx"`
	P50       *float64 `json:"p50_ms"`
	P95       *float64 `json:"p95_ms"`
}

// RefusalRate is refused / requests.
func (c counts) RefusalRate() float64 {
	if c.Requests == 0 {
		return 0
	}
	return c.Refused / c.Requests
}

// timeline is how requests went over a span of time, in steps.
type timeline struct {
	From   time.Time  `json:"from"`
	To     time.Time  `json:"to"`
	Step   string     `json:"step"`
	Total  counts     `json:"total"`
	Before *counts    `json:"before"` // the same length of time before
	Items  []interval `json:"items"`
}

// interval is one step of a timeline.
type interval struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	counts
	Label string `json:"-"`
}

func readTimeline(v *visit, query url.Values) (timeline, error) {
	var t timeline
	if err := v.get("analytics/timeline?"+query.Encode(), &t); err != nil {
		return t, err
	}
	layout := map[string]string{"hour": "01-02 15:04", "month": "2006-01"}[t.Step]
	if layout == "" {
		layout = time.DateOnly
	}
	for i := range t.Items {
		t.Items[i].Label = t.Items[i].From.In(v.Zone).Format(layout)
	}
	return t, nil
}

// points are the values of one column, NaN for those that are nil.
func (t timeline) points(v *visit, value func(counts) *float64) []point {
	list := make([]point, len(t.Items))
	for i, step := range t.Items {
		list[i] = point{Label: step.Label, Tick: t.tick(i, v.Zone), Value: math.NaN()}
		if n := value(step.counts); n != nil {
			list[i].Value = *n
		}
	}
	return list
}

// tick is what stands below a step: some six of a timeline have a text.
func (t timeline) tick(i int, zone *time.Location) string {
	at, n := t.Items[i].From.In(zone), len(t.Items)
	if t.Step != "hour" {
		every := (n + 5) / 6
		if i%every != 0 {
			return ""
		}
		return at.Format(map[bool]string{true: "2006-01", false: "01-02"}[t.Step == "month"])
	}
	every := 24
	switch {
	case n <= 6:
		every = 1
	case n <= 30:
		every = 6
	case n <= 60:
		every = 12
	}
	switch {
	case at.Hour()%every != 0:
		return ""
	case at.Hour() == 0:
		return at.Format("01-02")
	}
	return at.Format("15:04")
}
