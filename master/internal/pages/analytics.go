package pages

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// dimension is what requests are summed up by. Its texts are "analytics.by.NAME".
type dimension struct {
	name   string // also the parameter of timelines
	path   string // below analytics/
	filter string // of telemetry lists; "" for none
	logs   string // the kind of telemetry that has its requests
	refuse bool   // it has refused requests alone, of which there are no times and bytes
}

var analyticsBy = []dimension{
	{"client", "by-client", "client_name", "access-logs", false},
	{"ip", "by-ip", "ip", "access-logs", false},
	{"user_id", "by-user", "user_id", "access-logs", false},
	{"reason", "by-reason", "reason", "blocked-requests", true},
	{"rule", "by-rule", "rule", "blocked-requests", true},
}

var orders = []string{"requests", "refused", "refusal_rate", "errors", "bytes"}

// analyticsPeriods are the lengths that analytics pages offer.
var analyticsPeriods = []string{"24h", "7d", "30d", "90d"}

// analyticsTable is who, or what, had most of something.
type analyticsTable struct {
	Of        dimension
	Tabs      []tab
	Period    period
	Servers   []option
	Server    string
	Order     string
	Orders    []string
	Least     string // requests that a row has at least
	IsCompare bool
	CSV       string
	Failure   string

	From     time.Time      `json:"from"`
	To       time.Time      `json:"to"`
	Distinct int            `json:"distinct"`
	Total    counts         `json:"total"`
	Items    []analyticsRow `json:"items"`
}

// analyticsRow is one client, address, user, reason or rule.
type analyticsRow struct {
	Value string `json:"value"`
	counts
	Before *struct {
		Requests float64 `json:"requests"`
		Refused  float64 `json:"refused"`
		Bytes    float64 `json:"bytes"`
	} `json:"before"`
	Timeline, Logs string  // links to pages about it alone; "" where its value is not known
	Percent        float64 // of the first row, by what the table is in the order of
}

// Name of the dimension, which is also that of its text.
func (d dimension) Name() string { return d.name }

// OnlyRefused reports whether it has refused requests alone.
func (d dimension) OnlyRefused() bool { return d.refuse }

func showAnalyticsTable(v *visit) error {
	at := slices.IndexFunc(analyticsBy, func(d dimension) bool { return d.path == v.r.PathValue("by") })
	if at < 0 {
		return &Problem{Status: http.StatusNotFound, Detail: v.T("problem.no_page")}
	}
	asked := v.r.URL.Query()
	t := analyticsTable{
		Of: analyticsBy[at], Period: v.period("24h", analyticsPeriods...), Server: asked.Get("server_id"), Order: orders[0], Orders: orders,
		Least: asked.Get("min_requests"), IsCompare: asked.Get("compare") != "no",
	}
	if order := asked.Get("order"); slices.Contains(orders, order) {
		t.Order = order
	}
	t.Tabs = analyticsTabs(t.Of.path, t.Period, t.Server)
	query := t.Period.fromMidnight().query(v)
	query.Set("compare", fmt.Sprint(t.IsCompare))
	for name, value := range map[string]string{"server_id": t.Server, "order": t.Order, "min_requests": t.Least} {
		if value != "" {
			query.Set(name, value)
		}
	}
	t.CSV = apiPrefix + "analytics/" + t.Of.path + "?format=csv&bom=true&" + query.Encode()
	var err error
	if t.Servers, err = serverChoices(v); err != nil {
		return err
	}
	if t.Period.Error != "" {
		return v.showAs(http.StatusUnprocessableEntity, "analytics-table", t)
	}
	query.Set("limit", "50")
	err = v.get("analytics/"+t.Of.path+"?"+query.Encode(), &t)
	if problem := refusal(err); problem != nil {
		t.Failure = problem.faults(v, "query.").rest()
		return v.showAs(problem.Status, "analytics-table", t)
	}
	if err != nil {
		return err
	}
	for i := range t.Items {
		t.Items[i].fill(t)
	}
	return v.show("analytics-table", t)
}

// fill adds what follows from the rest of the table.
func (r *analyticsRow) fill(t analyticsTable) {
	rank := func(c counts) float64 {
		switch t.Order {
		case "refused":
			return c.Refused
		case "refusal_rate":
			return c.RefusalRate()
		case "errors":
			return c.Errors4xx + c.Errors5xx
		case "bytes":
			return c.Bytes
		}
		return c.Requests
	}
	if first := rank(t.Items[0].counts); first > 0 {
		r.Percent = 100 * rank(r.counts) / first
	}
	if r.Value == "" {
		return
	}
	link := func(path string, pairs ...string) string {
		q := t.Period.link()
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i+1] != "" {
				q.Set(pairs[i], pairs[i+1])
			}
		}
		return Prefix + path + "?" + q.Encode()
	}
	r.Timeline = link("analytics", "of", t.Of.name, "value", r.Value, "server_id", t.Server)
	r.Logs = link("telemetry/"+t.Of.logs, t.Of.filter, r.Value, "server_id", t.Server)
}

// analyticsTabs lead to the timeline and to the tables, with the same period and server.
func analyticsTabs(current string, p period, server string) []tab {
	q := p.link()
	if server != "" {
		q.Set("server_id", server)
	}
	list := []tab{{"analytics.timeline", Prefix + "analytics?" + q.Encode(), current == ""}}
	for _, d := range analyticsBy {
		list = append(list, tab{"analytics.by." + d.name, Prefix + "analytics/" + d.path + "?" + q.Encode(), current == d.path})
	}
	return list
}

// serverChoices are all servers, by name.
func serverChoices(v *visit) ([]option, error) {
	rows, err := allOf[row](v, "servers", url.Values{})
	if err != nil {
		return nil, err
	}
	list := make([]option, len(rows))
	for i, r := range rows {
		list[i] = option{r.ID(), plain(r["name"])}
	}
	slices.SortFunc(list, byText)
	return list, nil
}

func byText(a, b option) int { return strings.Compare(a.Text, b.Text) }
