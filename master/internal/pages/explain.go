package pages

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// explained is why a request was refused.
type explained struct {
	Reason  string `json:"reason"`
	Why     string `json:"why"`
	Cure    string `json:"cure"`
	Request struct {
		Time       time.Time `json:"time"`
		IP         string    `json:"ip"`
		Method     string    `json:"method"`
		URI        string    `json:"uri"`
		Status     int64     `json:"status"`
		ServerName string    `json:"server_name"`
		ClientName string    `json:"client_name"`
		Version    string    `json:"client_version"`
		DeviceID   string    `json:"device_id"`
		DeviceName string    `json:"device_name"`
		UserID     string    `json:"user_id"`
		UserAgent  string    `json:"user_agent"`
	} `json:"request"`
	Rules []struct {
		Resource string `json:"resource"`
		ID       int64  `json:"id"`
		Name     string `json:"name"`
		State    string `json:"state"`
		Named    bool   `json:"named"`
		Path     string `json:"path"`
	} `json:"rules"`
	Cures  []tab `json:"-"` // pages where it can be let in, with texts as they stand
	Others []tab `json:"-"` // refusals like it
}

type explainPage struct {
	ID      string
	Found   *explained
	Failure string
	Latest  []refused // for who has no id at hand
}

// refused is a request of late.
type refused struct {
	ID         string    `json:"id"`
	RequestID  string    `json:"request_id"`
	Time       time.Time `json:"time"`
	IP         string    `json:"ip"`
	URI        string    `json:"uri"`
	ClientName string    `json:"client_name"`
	UserID     string    `json:"user_id"`
	Reason     string    `json:"reason"`
}

func showExplain(v *visit) error {
	p := explainPage{ID: strings.TrimSpace(v.r.URL.Query().Get("request_id"))}
	row := v.r.URL.Query().Get("id")
	if p.ID != "" || row != "" {
		query := url.Values{"request_id": {p.ID}}
		if p.ID == "" {
			query = url.Values{"id": {row}}
		}
		p.Found = &explained{}
		err := v.get("explain?"+query.Encode(), p.Found)
		var problem *Problem
		switch {
		case errors.As(err, &problem) && (problem.Status == http.StatusNotFound || refusal(err) != nil):
			p.Found, p.Failure = nil, problem.Detail
		case err != nil:
			return err
		default:
			p.Found.lead(v)
		}
	}
	from := time.Now().Add(-24 * time.Hour).UTC().Format(time.RFC3339)
	latest, err := pageOf[refused](v, "telemetry/blocked-requests", url.Values{"limit": {"20"}, "from": {from}})
	if err != nil {
		return err
	}
	p.Latest = latest.Items
	return v.show("explain", p)
}

// lead adds where to go from here.
func (e *explained) lead(v *visit) {
	to := func(path, text string, pairs ...string) tab {
		q := url.Values{}
		for i := 0; i+1 < len(pairs); i += 2 {
			q.Set(pairs[i], pairs[i+1])
		}
		return tab{Name: text, Link: Prefix + path + "?" + q.Encode()}
	}
	switch may := v.Me.May("operator"); {
	case e.Reason == "client_not_allowed" && may:
		e.Cures = append(e.Cures, to("players/new", v.T("explain.do.player", e.Request.ClientName), "client_name", e.Request.ClientName))
	case e.Reason == "client_not_allowed", e.Reason == "client_unidentified":
		e.Cures = append(e.Cures, to("players", v.T("explain.do.players")))
	case e.Reason == "uri_blocked" && may:
		e.Cures = append(e.Cures, to("uri-rules/new", v.T("explain.do.skip"), "action", "skip", "match_type", "exact", "pattern", e.Request.URI))
	case e.Reason == "no_rules":
		e.Cures = append(e.Cures, to("hosts", v.T("explain.do.hosts")))
	}
	for _, like := range []struct{ text, filter, value string }{
		{"reason", "reason", e.Reason},
		{"user", "user_id", e.Request.UserID},
		{"ip", "ip", e.Request.IP},
		{"client", "client_name", e.Request.ClientName},
	} {
		if like.value != "" {
			e.Others = append(e.Others, to("telemetry/blocked-requests", v.T("explain.others."+like.text), "span", "7d", like.filter, like.value))
		}
	}
}
