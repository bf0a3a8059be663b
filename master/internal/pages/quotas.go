package pages

import (
	"net/http"
	"net/url"
	"slices"
	"time"
)

// quotaUsage is what somebody has used of a period.
type quotaUsage struct {
	Value    string `json:"dimension_value"`
	Requests int64  `json:"request_count"`
	Bytes    int64  `json:"bandwidth_bytes"`
	EndsAt   int64  `json:"ends_at"` // of the period, Unix seconds
	Limits   []struct {
		RuleID     int64  `json:"rule_id"`
		OverAction string `json:"over_action"`
		Requests   *int64 `json:"requests"`
		Bytes      *int64 `json:"bytes"`
	} `json:"limits"`
}

// nearQuota is the share of a quota from which on it is nearly used up.
const nearQuota = 0.8

// quotaBar is what is used of one quota.
type quotaBar struct {
	Key         string // of the text for what is counted
	Used, Limit string
	Share       float64
	RuleID      int64
	OverAction  string
}

// State is over, near or ok; also the key of its text.
func (b quotaBar) State() string {
	switch {
	case b.Share >= 1:
		return "over"
	case b.Share >= nearQuota:
		return "near"
	}
	return "ok"
}

// Width of the bar, of 100.
func (b quotaBar) Width() float64 { return min(100, 100*b.Share) }

// quotaLine is one row of the page.
type quotaLine struct {
	quotaUsage
	Link         string // to what is known of it; "" for nothing
	Bars         []quotaBar
	Enforcements []row // that the quotas have made, pardoned ones too
}

// Until is the period's end.
func (l quotaLine) Until() time.Time { return time.Unix(l.EndsAt, 0) }

type quotaPage struct {
	Filters []field
	Chosen  map[string]string
	Lines   []quotaLine
	Rules   bool // there are rules with quotas or rates at all
	First   bool
	Next    string
}

// quotaFilters are the page's; slaves count in UTC or in their operators' zone.
func quotaFilters(zone string) []field {
	return []field{
		{Name: "dimension", Kind: choice, Options: []string{"user", "device", "ip", "global", "profile"}},
		{Name: "period", Kind: choice, Options: []string{"hourly", "daily", "weekly", "monthly"}},
		{Name: "used", Kind: choice, Options: []string{"any", "near", "over"}},
		{Name: "value", As: "dimension_value"},
		{Name: "tz", Kind: choice, Options: slices.Compact([]string{zone, "UTC"})},
	}
}

// showQuotas lists who has used how much of which quota.
func showQuotas(v *visit) error {
	asked := v.r.URL.Query()
	p := quotaPage{Filters: quotaFilters(v.Zone.String()), First: asked.Get("cursor") == "", Chosen: map[string]string{
		"dimension": "user", "period": "daily", "used": "any", "tz": v.Zone.String(),
	}}
	query := url.Values{"limit": {"50"}}
	for _, name := range append(names(p.Filters), "cursor") {
		if asked.Has(name) {
			p.Chosen[name] = asked.Get(name)
		}
		if name != "used" && p.Chosen[name] != "" {
			query.Set(name, p.Chosen[name])
		}
	}
	if least := map[string]string{"near": "0.8", "over": "1"}[p.Chosen["used"]]; least != "" {
		query.Set("at_least", least)
	}
	list, err := pageOf[quotaUsage](v, "quota-usage", query)
	if err != nil {
		return err
	}
	for _, u := range list.Items {
		line := quotaLine{quotaUsage: u, Bars: v.quotaBars(u)}
		if column := map[string]string{"user": "user_id", "device": "device_id", "ip": "ip"}[p.Chosen["dimension"]]; column != "" {
			line.Link = Prefix + "telemetry/access-logs?" + url.Values{column: {u.Value}}.Encode()
		}
		if line.Enforcements, err = v.madeBy(p.Chosen["dimension"], line); err != nil {
			return err
		}
		p.Lines = append(p.Lines, line)
	}
	rules, err := pageOf[row](v, "rate-limit-rules", url.Values{"limit": {"1"}})
	if err != nil {
		return err
	}
	p.Rules, p.Next = len(rules.Items) > 0, nextPage(v, list.NextCursor)
	return v.show("quotas", p)
}

func (v *visit) quotaBars(u quotaUsage) (bars []quotaBar) {
	for _, l := range u.Limits {
		if l.Requests != nil {
			bars = append(bars, quotaBar{"quotas.requests", v.Count(u.Requests), v.Count(*l.Requests), float64(u.Requests) / float64(*l.Requests), l.RuleID, l.OverAction})
		}
		if l.Bytes != nil {
			bars = append(bars, quotaBar{"quotas.bytes", v.Bytes(u.Bytes), v.Bytes(*l.Bytes), float64(u.Bytes) / float64(*l.Bytes), l.RuleID, l.OverAction})
		}
	}
	return bars
}

// madeBy returns the enforcements that the used-up quotas of a line have made.
func (v *visit) madeBy(dimension string, line quotaLine) (made []row, err error) {
	over := false
	for _, b := range line.Bars {
		over = over || b.State() == "over" && b.OverAction != "warn"
	}
	if !over {
		return nil, nil
	}
	rows, err := allOf[row](v, "enforcements", url.Values{"dimension": {dimension}, "dimension_value": {line.Value}})
	if err != nil {
		return nil, err
	}
	for _, e := range rows {
		if rowOf(e["automatic"]) != nil {
			made = append(made, e)
		}
	}
	return made, nil
}

// pardon lifts an enforcement that a quota has made, until the period ends.
func pardon(v *visit) error {
	path := "enforcements/" + url.PathEscape(v.r.PathValue("id"))
	if _, err := v.call(http.MethodPatch, path, map[string]bool{"enabled": false}, nil); err != nil {
		return err
	}
	return v.redirect(ownPath(v.r.PostFormValue("next")), "said.pardoned")
}
