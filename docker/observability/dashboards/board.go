package main

import (
	"bytes"
	"encoding/json"
	"slices"
)

// board is one dashboard.
type board struct {
	uid, title, about string   // about: in Chinese
	filter            string   // variable that chooses among the values of a label; "": none
	among             string   // the query of those values
	links             []string // uids of the dashboards to go on to
	rows              []row
}

// row is a heading with its panels.
type row struct {
	title  string
	panels []panel
}

// panel is one picture.
type panel struct {
	kind    string // timeseries, stat, table or bargauge
	title   string
	about   string // in Chinese: what it shows, and what is good
	unit    string // Grafana's name of it
	width   int    // of 24
	most    string // colour from which value on, as in "0:green 1:red"; "": none
	queries []query
}

// query is one PromQL query with the legend of its lines.
type query struct{ expr, legend string }

// Grafana's names of units.
const (
	perSecond = "reqps"
	rowsPerS  = "rowsps"
	seconds   = "s"
	bytesUnit = "bytes"
	bytesPerS = "Bps"
	ratio     = "percentunit"
	count     = "short"
	date      = "dateTimeFromNow"
	cores     = "short"
)

func (b *board) file() string { return b.uid[len("uhd-"):] + ".json" }

type object = map[string]any

var datasource = object{"type": "prometheus", "uid": "${datasource}"}

// render returns the dashboard as Grafana reads it.
func (b *board) render() ([]byte, error) {
	variables := []any{object{"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}}
	if b.filter != "" {
		variables = append(variables, object{
			"name": b.filter, "type": "query", "datasource": datasource, "definition": b.among,
			"query": object{"query": b.among, "refId": "values"}, "refresh": 2, "sort": 1,
			"includeAll": true, "multi": true, "current": object{"text": "All", "value": "$__all"},
		})
	}
	links := []any{}
	for _, uid := range b.links {
		links = append(links, object{"type": "link", "title": titleOf(uid), "url": "/d/" + uid, "keepTime": true})
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	err := e.Encode(object{
		"uid": b.uid, "title": b.title, "description": b.about, "tags": []string{"media-gateway"},
		"schemaVersion": 39, "editable": true, "timezone": "browser", "refresh": "30s", "graphTooltip": 1,
		"time":       object{"from": "now-6h", "to": "now"},
		"templating": object{"list": variables}, "links": links, "panels": b.panels(),
	})
	return text.Bytes(), err
}

func titleOf(uid string) string {
	at := slices.IndexFunc(boards, func(b board) bool { return b.uid == uid })
	return boards[at].title
}

// panels lays the rows out, from left to right and then down.
func (b *board) panels() []any {
	const lineHeight, statHeight, full = 8, 4, 24
	var out []any
	id, y := 1, 0
	for _, r := range b.rows {
		out = append(out, object{"id": id, "type": "row", "title": r.title, "collapsed": false, "gridPos": object{"x": 0, "y": y, "w": full, "h": 1}, "panels": []any{}})
		id++
		y++
		x, tallest := 0, 0
		for _, p := range r.panels {
			height := lineHeight
			if p.kind == "stat" {
				height = statHeight
			}
			if x+p.width > full {
				x, y, tallest = 0, y+tallest, 0
			}
			out = append(out, p.render(id, object{"x": x, "y": y, "w": p.width, "h": height}))
			id++
			x, tallest = x+p.width, max(tallest, height)
		}
		y += tallest
	}
	return out
}
