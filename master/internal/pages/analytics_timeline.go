package pages

import (
	"net/http"
	"slices"
	"time"
)

// analyticsCourse is how requests went: all of them, or those of one client, address, user, reason or rule.
type analyticsCourse struct {
	Tabs    []tab
	Period  period
	Servers []option
	Server  string
	Of      string // name of the dimension that Value is of; "" for everything
	Value   string
	Ofs     []dimension
	Step    string // as asked for; "" for what fits
	Steps   []string
	Logs    string // the page of the requests themselves; "" for none of this selection alone
	CSV     string
	Failure string
	Line    timeline
	Charts  []namedChart
}

// namedChart is a chart, with the key of its title and the class of its colour.
type namedChart struct {
	Title, Class string
	Chart        chart
}

// steps of timelines with their lengths.
var steps = []struct {
	name   string
	length time.Duration
}{{"hour", time.Hour}, {"day", day}, {"week", 7 * day}, {"month", 28 * day}}

// mostSteps is how many bars fit on a phone, and their values into a page.
const mostSteps = 100

func showAnalytics(v *visit) error {
	asked := v.r.URL.Query()
	c := analyticsCourse{
		Period: v.period("24h", append(slices.Clone(analyticsPeriods), "365d")...), Server: asked.Get("server_id"), Ofs: analyticsBy, Step: asked.Get("step"),
	}
	c.Tabs = analyticsTabs("", c.Period, c.Server)
	for _, s := range steps {
		if c.Period.To.Sub(c.Period.From)/s.length < mostSteps {
			c.Steps = append(c.Steps, s.name)
		}
	}
	if !slices.Contains(c.Steps, c.Step) {
		c.Step = ""
	}
	var err error
	if c.Servers, err = serverChoices(v); err != nil {
		return err
	}
	query := c.Period.fromMidnight().query(v)
	query.Set("compare", "true")
	for name, value := range map[string]string{"server_id": c.Server, "step": c.Step} {
		if value != "" {
			query.Set(name, value)
		}
	}
	logs := c.Period.link()
	c.Logs = Prefix + "telemetry/access-logs?"
	for _, d := range analyticsBy {
		if d.name == asked.Get("of") && asked.Get("value") != "" {
			c.Of, c.Value = d.name, asked.Get("value")
			query.Set(d.name, c.Value)
			logs.Set(d.filter, c.Value)
			c.Logs = Prefix + "telemetry/" + d.logs + "?"
		}
	}
	if c.Server != "" {
		logs.Set("server_id", c.Server)
	}
	c.Logs += logs.Encode()
	c.CSV = apiPrefix + "analytics/timeline?format=csv&bom=true&" + query.Encode()
	if c.Period.Error != "" {
		return v.showAs(http.StatusUnprocessableEntity, "analytics", c)
	}
	c.Line, err = readTimeline(v, query)
	if problem := refusal(err); problem != nil {
		c.Failure = problem.faults(v, "query.").rest()
		return v.showAs(problem.Status, "analytics", c)
	}
	if err != nil {
		return err
	}
	c.draw(v)
	return v.show("analytics", c)
}

// draw makes the charts.
func (c *analyticsCourse) draw(v *visit) {
	add := func(title, class string, write func(any) string, base float64, value func(counts) *float64) {
		c.Charts = append(c.Charts, namedChart{title, class, newChart(write, base, c.Line.points(v, value))})
	}
	if !c.OnlyRefused() {
		add("column.requests", "requests", v.Count, unitless, func(n counts) *float64 { return &n.Requests })
	}
	add("column.refused", "refused", v.Count, unitless, func(n counts) *float64 { return &n.Refused })
	if !c.OnlyRefused() {
		add("column.bytes", "traffic", v.Bytes, binary, func(n counts) *float64 { return &n.Bytes })
		add("column.p95", "requests", v.Millis, unitless, func(n counts) *float64 { return n.P95 })
	}
}

// OnlyRefused reports whether all that is counted was refused.
func (c analyticsCourse) OnlyRefused() bool {
	return slices.ContainsFunc(analyticsBy, func(d dimension) bool { return d.name == c.Of && d.refuse })
}
