package pages

import (
	"encoding/json"
	"net/url"
	"slices"
	"time"
)

// cell is one value, ready to be shown.
type cell struct {
	Column string // whose value it is
	Text   any
	Title  string // more about it, as the whole of what is shown short
	Link   string // the same list with this value alone, or the page about it
	Badge  string // a badge's class; "" for none
	Class  string // of the table's cell
	IsCode bool
}

// cells are a row's values in columns.
func (p *telemetryPage) cells(v *visit, columns []column, r row) []cell {
	list := make([]cell, len(columns))
	for i, c := range columns {
		list[i] = p.cell(v, c, r)
	}
	return list
}

// more are the values behind a row that say something.
func (p *telemetryPage) more(v *visit, r row) []cell {
	var list []cell
	for _, c := range p.Kind.more {
		switch value := r[c.Name]; value {
		case nil, "", json.Number("0"), false:
		default:
			list = append(list, p.cell(v, c, r))
		}
	}
	return list
}

func (p *telemetryPage) cell(v *visit, c column, r row) cell {
	value := plain(r[c.Name])
	out := cell{Column: c.Name, Text: value, Link: p.narrowed(v, c.Name, value)}
	switch c.As {
	case asText:
		out.Text, out.Title = short(value)
	case asCode:
		out.IsCode = true
	case asTime, asDay, asHour:
		out.Text = writeTime(v, c.As, r[c.Name])
	case asCount, asBytes, asMicros, asAverage, asTicks: // see IsNumber
		out.Text, out.Class, out.Link = writeNumber(v, c.As, r[c.Name], r), "number", ""
	case asFlag:
		out.Text = v.T("flag." + value)
	case asOption:
		out.Text = v.Option(value)
	case asStatus:
		out.Badge = statusBadge(number(r[c.Name]))
		if value == "0" {
			out.Text, out.Badge, out.Link = "–", "", ""
		}
	case asVerdict:
		out.Text, out.Badge = v.Option(value), map[string]string{"allow": "ok", "reject": "failed", "throttle": "behind", "warn": "behind"}[value]
	case asReason:
		out.Text = v.Option(value)
		if why := explainLink(p.Kind, r); why != "" {
			out.Link, out.Title = why, v.T("telemetry.why")
		}
	case asRule:
		out.Text, out.Link = ruleLink(plain(r["reason"]), value)
	case asRequestID:
		out.Text, out.IsCode, out.Link = value, true, explainLink(p.Kind, r)
	case asServer:
		out.Text = p.servers[value]
		if out.Text == "" && value != "0" {
			out.Text = "#" + value
		}
	case asClient:
		if version := plain(r["client_version"]); version != "" {
			out.Text = value + " " + version
		}
	case asDevice:
		out.Text, out.Title = short(value)
		if name := plain(r["device_name"]); name != "" {
			out.Text, out.Title = name, value
		}
	case asUser:
		out.Text, out.Title = short(value)
		if name := plain(r["user_name"]); name != "" {
			out.Text, out.Title = name, value
		}
	}
	return out
}

// narrowed is the same list with this value alone; "" where that is no filter, or is what the list has already.
func (p *telemetryPage) narrowed(v *visit, column, value string) string {
	if value == "" || v.r.URL.Query().Get(column) == value || !slices.Contains(names(p.Kind.filters), column) {
		return ""
	}
	return v.With(column, value)
}

// explainLink is the page that says why the request was refused; "" for one that was not.
func explainLink(k *telemetryKind, r row) string {
	id := plain(r["request_id"])
	switch {
	case id != "" && (k.path == "blocked-requests" || r["verdict"] == "reject"):
		return Prefix + "explain?request_id=" + url.QueryEscape(id)
	case k.path == "blocked-requests": // an older agent tells no request id
		return Prefix + "explain?id=" + url.QueryEscape(plain(r["id"]))
	}
	return ""
}

// ruleLink is the rule by its number, and its page: which resource it is of, the reason tells.
func ruleLink(reason, id string) (text, link string) {
	if id == "" {
		return "", ""
	}
	resource := map[string]string{
		"rate_limited": "rate-limit-rules", "quota_requests": "rate-limit-rules", "quota_bandwidth": "rate-limit-rules",
		"denied_by_map": "nginx-maps", "denied_by_location": "location-rules",
	}[reason]
	if resource == "" {
		return "#" + id, ""
	}
	return "#" + id, Prefix + resource + "/" + url.PathEscape(id)
}

func statusBadge(status float64) string {
	switch {
	case status >= 500:
		return "failed"
	case status >= 400:
		return "behind"
	}
	return ""
}

// Short is what short shows.
func (v *visit) Short(text string) string {
	shown, _ := short(text)
	return shown
}

// short cuts ids, which are long and say nothing, to what tells one from another. The whole is for the title.
func short(text string) (shown, whole string) {
	const most, kept = 24, 10
	if letters := []rune(text); len(letters) > most {
		return string(letters[:kept]) + "…", text
	}
	return text, ""
}

func writeTime(v *visit, as format, value any) any {
	at, ok := moment(value)
	switch {
	case !ok:
		return "–"
	case as == asDay:
		return at.UTC().Format(time.DateOnly)
	case as == asHour:
		return at.In(v.Zone).Format("2006-01-02 15:04")
	}
	return v.Time(at)
}

func writeNumber(v *visit, as format, value any, r row) string {
	n := number(value)
	switch as {
	case asBytes:
		return v.Bytes(n)
	case asMicros:
		return v.Millis(n / 1000)
	case asAverage:
		return v.Millis(number(r["request_time_us"]) / 1000 / max(1, number(r["requests"])))
	case asTicks:
		return v.Span(time.Duration(n) * 100)
	}
	return v.Count(n)
}
