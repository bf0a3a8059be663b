package pages

import (
	"net/url"
	"time"
)

// dashboard is what somebody sees first: what the fleet does, and what is wrong with it.
type dashboard struct {
	Hosts    int
	States   map[string]int
	Failures []failure
	Certs    certificates
	Live     int
	MoreLive bool // there are more than were counted
	Total    counts
	Before   *counts
	Requests chart
	Refused  chart
	Traffic  chart
	Reasons  []share
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
	d.Failures = latestFailures(hosts)
	d.Certs = certificatesOf(hosts)

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
	line, err := readTimeline(v, query)
	if err != nil {
		return err
	}
	d.Total, d.Before = line.Total, line.Before
	d.Requests = newChart(v.Count, unitless, line.points(v, func(c counts) *float64 { return &c.Requests }))
	d.Refused = newChart(v.Count, unitless, line.points(v, func(c counts) *float64 { return &c.Refused }))
	d.Traffic = newChart(v.Bytes, binary, line.points(v, func(c counts) *float64 { return &c.Bytes }))
	return nil
}

func at(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
