package pages

import (
	"net/url"
	"slices"
	"time"
)

// dashboard is what somebody sees first: what the fleet does, and what is wrong with it.
type dashboard struct {
	Hosts    int
	States   map[string]int
	Failures []host
	Live     int
	MoreLive bool // there are more than were counted
	Total    counts
	Before   *counts
	Requests chart
	Refused  chart
	Traffic  chart
	Reasons  []share
}

// counts are sums over requests.
type counts struct {
	Requests  float64  `json:"requests"`
	Refused   float64  `json:"refused"`
	Bytes     float64  `json:"bytes"`
	Errors5xx float64  `json:"errors_5xx"`
	P95       *float64 `json:"p95_ms"`
}

// RefusalRate is refused / requests.
func (c counts) RefusalRate() float64 {
	if c.Requests == 0 {
		return 0
	}
	return c.Refused / c.Requests
}

// share is one of several parts of a whole.
type share struct {
	Name    string
	Count   float64
	Percent float64 // of the largest
}

func showDashboard(v *visit) error {
	var d dashboard
	hosts, err := readHosts(v, "")
	if err != nil {
		return err
	}
	d.Hosts, d.States = len(hosts), countStates(hosts)
	for _, h := range hosts {
		if h.Release.LastFailure != nil {
			d.Failures = append(d.Failures, h)
		}
	}
	slices.SortFunc(d.Failures, func(a, b host) int { return at(b.Release.LastFailure.At).Compare(at(a.Release.LastFailure.At)) })
	d.Failures = d.Failures[:min(5, len(d.Failures))]

	live, err := pageOf[struct{}](v, "sessions", url.Values{"limit": {"500"}})
	if err != nil {
		return err
	}
	d.Live, d.MoreLive = len(live.Items), live.NextCursor != ""
	if err := d.readTraffic(v); err != nil {
		return err
	}
	return v.show("dashboard", d)
}

// readTraffic fills in the last 24 hours, by the hour.
func (d *dashboard) readTraffic(v *visit) error {
	to := time.Now().Truncate(time.Hour).Add(time.Hour)
	query := url.Values{
		"from": {to.Add(-24 * time.Hour).UTC().Format(time.RFC3339)}, "to": {to.UTC().Format(time.RFC3339)}, "tz": {v.Zone.String()},
	}
	var reasons struct {
		Items []struct {
			Value   string  `json:"value"`
			Refused float64 `json:"refused"`
		} `json:"items"`
	}
	if err := v.get("analytics/by-reason?limit=8&"+query.Encode(), &reasons); err != nil {
		return err
	}
	for _, r := range reasons.Items {
		d.Reasons = append(d.Reasons, share{r.Value, r.Refused, 100 * r.Refused / max(1, reasons.Items[0].Refused)})
	}
	query.Set("step", "hour")
	query.Set("compare", "true")
	var line struct {
		Items []struct {
			From time.Time `json:"from"`
			counts
		} `json:"items"`
		Total  counts  `json:"total"`
		Before *counts `json:"before"`
	}
	if err := v.get("analytics/timeline?"+query.Encode(), &line); err != nil {
		return err
	}
	d.Total, d.Before = line.Total, line.Before
	var requests, refused, traffic []point
	for _, p := range line.Items {
		hour := p.From.In(v.Zone).Format("15:04")
		requests = append(requests, point{hour, p.Requests, v.Count(p.Requests)})
		refused = append(refused, point{hour, p.Refused, v.Count(p.Refused)})
		traffic = append(traffic, point{hour, p.Bytes, v.Bytes(p.Bytes)})
	}
	d.Requests, d.Refused, d.Traffic = newChart(requests), newChart(refused), newChart(traffic)
	return nil
}

func at(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
