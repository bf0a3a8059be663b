package pages

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// signal is a sign that an account is shared.
type signal struct {
	Kind     string     `json:"kind"`
	UserID   string     `json:"user_id"`
	Day      string     `json:"day"`
	Networks float64    `json:"networks"`
	Devices  float64    `json:"devices"`
	Count    float64    `json:"count"`
	Overlap  int64      `json:"overlap_seconds"`
	Evidence []evidence `json:"evidence"`
	Left     int        `json:"-"` // rows of the evidence that the page has no room for
	Links    []tab      `json:"-"` // what else there is of the user
}

// Together is for how long streams overlapped.
func (s signal) Together() time.Duration { return time.Duration(s.Overlap) * time.Second }

// evidence is one device at one address, or one of two streams at once.
type evidence struct {
	IP         string    `json:"ip"`
	Network    string    `json:"network"`
	DeviceID   string    `json:"device_id"`
	DeviceName string    `json:"device_name"`
	ClientName string    `json:"client_name"`
	From       time.Time `json:"from"`
	To         time.Time `json:"to"`
	Requests   float64   `json:"requests"`
	Bytes      float64   `json:"bytes"`
	Pair       int       `json:"pair"`
}

// signalsPage is the list of signs, the strongest first.
type signalsPage struct {
	Period   period
	Servers  []option
	Server   string
	User     string
	Networks string // in a day, from which on it is a sign; as the API takes it when it is not told
	Devices  string
	Overlap  string // in seconds
	Signals  []signal
	CSV      string
	Failure  string
}

// What fits into a page: so many signs, and of all of them together so many rows of evidence, of each as many as of
// the others.
const (
	mostSignals  = 30
	mostEvidence = 150
)

func showSignals(v *visit) error {
	asked := v.r.URL.Query()
	p := signalsPage{
		Period: v.period("24h", "24h", "7d", "30d"), Server: asked.Get("server_id"), User: asked.Get("user_id"),
		Networks: cmp.Or(asked.Get("networks"), "6"), Devices: cmp.Or(asked.Get("devices"), "6"), Overlap: cmp.Or(asked.Get("min_overlap"), "120"),
	}
	query := p.Period.query(v)
	for name, value := range map[string]string{
		"server_id": p.Server, "user_id": p.User, "networks": p.Networks, "devices": p.Devices, "min_overlap": p.Overlap,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	p.CSV = apiPrefix + "signals/sharing?format=csv&bom=true&" + query.Encode()
	var err error
	if p.Servers, err = serverChoices(v); err != nil {
		return err
	}
	if p.Period.Error != "" {
		return v.showAs(http.StatusUnprocessableEntity, "signals", p)
	}
	query.Set("limit", strconv.Itoa(mostSignals))
	var answer struct {
		Items []signal `json:"items"`
	}
	err = v.get("signals/sharing?"+query.Encode(), &answer)
	if problem := refusal(err); problem != nil {
		p.Failure = problem.faults(v, "query.").rest()
		return v.showAs(problem.Status, "signals", p)
	}
	if err != nil {
		return err
	}
	p.Signals = answer.Items
	for i := range p.Signals {
		s := &p.Signals[i]
		shown := min(len(s.Evidence), mostEvidence/len(p.Signals))
		s.Left, s.Evidence = len(s.Evidence)-shown, s.Evidence[:shown]
		s.Links = s.links(p.Period)
	}
	return v.show("signals", p)
}

// links lead to what the user has done in the period.
func (s signal) links(p period) []tab {
	of := p.link()
	of.Set("user_id", s.UserID)
	course := p.link()
	course.Set("of", "user_id")
	course.Set("value", s.UserID)
	return []tab{
		{Name: "telemetry.playback-sessions", Link: Prefix + "telemetry/playback-sessions?" + of.Encode()},
		{Name: "telemetry.access-logs", Link: Prefix + "telemetry/access-logs?" + of.Encode()},
		{Name: "telemetry.devices", Link: Prefix + "telemetry/devices?" + of.Encode()},
		{Name: "analytics.timeline", Link: Prefix + "analytics?" + course.Encode()},
		{Name: "live.title", Link: Prefix + "sessions?" + url.Values{"q": {s.UserID}}.Encode()},
	}
}
