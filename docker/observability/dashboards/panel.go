package main

import (
	"fmt"
	"strconv"
	"strings"
)

func (p *panel) render(id int, at object) object {
	targets := []any{}
	for i, q := range p.queries {
		target := object{"refId": string(rune('A' + i)), "datasource": datasource, "expr": q.expr, "legendFormat": q.legend}
		if p.kind != "timeseries" {
			target["instant"] = true
		}
		if p.kind == "table" {
			target["format"] = "table"
		}
		targets = append(targets, target)
	}
	defaults := object{"unit": p.unit}
	if p.unit != date {
		defaults["min"] = 0
	}
	if p.most != "" {
		defaults["thresholds"] = object{"mode": "absolute", "steps": steps(p.most)}
		defaults["color"] = object{"mode": "thresholds"}
	}
	options := object{}
	switch p.kind {
	case "timeseries":
		defaults["custom"] = object{"fillOpacity": 10, "showPoints": "never", "lineWidth": 1}
		options = object{"legend": object{"displayMode": "table", "placement": "bottom", "calcs": []string{"lastNotNull", "max"}}, "tooltip": object{"mode": "multi", "sort": "desc"}}
		delete(defaults, "color")
	case "stat":
		options = object{"reduceOptions": object{"calcs": []string{"lastNotNull"}}, "colorMode": "value", "graphMode": "none"}
	case "bargauge":
		options = object{"reduceOptions": object{"calcs": []string{"lastNotNull"}}, "orientation": "horizontal", "displayMode": "basic"}
	}
	rendered := object{
		"id": id, "type": p.kind, "title": p.title, "description": p.about, "datasource": datasource,
		"gridPos": at, "targets": targets, "options": options,
		"fieldConfig": object{"defaults": defaults, "overrides": []any{}},
	}
	if p.kind == "table" {
		rendered["transformations"] = []any{
			object{"id": "organize", "options": object{"excludeByName": object{"Time": true, "__name__": true, "job": true}}},
		}
	}
	return rendered
}

// steps reads "0:green 1:red"; the first colour holds below, too.
func steps(text string) []any {
	var out []any
	for i, part := range strings.Fields(text) {
		at, color, _ := strings.Cut(part, ":")
		value, err := strconv.ParseFloat(at, 64)
		if err != nil {
			panic(fmt.Sprintf("threshold %q: %v", part, err))
		}
		step := object{"color": color, "value": value}
		if i == 0 {
			step["value"] = nil
		}
		out = append(out, step)
	}
	return out
}
