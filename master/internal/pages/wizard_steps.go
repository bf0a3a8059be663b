package pages

import (
	"slices"
	"strings"
)

// wizardStep is one of the eight: what of a draft it is about. Its texts are "wizard.KEY", its title, and "wizard.KEY.lead".
type wizardStep struct {
	key       string
	sections  []section
	profile   []string // fields of the profile
	hindsight string   // which of its rows are held against the last requests; "" for none
}

// section is the part of a step that is about one resource.
type section struct {
	path    string   // of the resource, and the name in a draft
	selects string   // the profile's field that names rows; "": they hold for the whole fleet
	keys    []string // the fields that tell rows apart: a draft's row with those of one in the library changes that
	inline  []string // fields that can be changed in the table of the library
	columns []string // of that table, beside what names the row
}

// wizardSteps in their order.
var wizardSteps = []wizardStep{
	{key: "basics"},
	{key: "players", profile: []string{"unidentified"}, hindsight: "players", sections: []section{{
		path: "players", selects: "players", keys: []string{"service_type", "client_name"},
		inline: []string{"min_version"}, columns: []string{"service_type"},
	}}},
	{key: "paths", hindsight: "uri_rules", sections: []section{{
		path: "uri-rules", selects: "uri_rules", keys: []string{"service_type", "name"},
		columns: []string{"action", "match_type", "pattern", "service_type"},
	}}},
	{key: "locations", sections: []section{{
		path: "location-rules", selects: "location_rules", keys: []string{"service_type", "name"},
		columns: []string{"kind", "match_type", "pattern", "service_type"},
	}}},
	{key: "maps", sections: []section{
		{
			path: "nginx-maps", selects: "nginx_maps", keys: []string{"kind", "name"},
			columns: []string{"kind", "source", "service_type"},
		},
		{
			path: "proxy-headers", selects: "proxy_headers", keys: []string{"service_type", "name"},
			columns: []string{"action", "header", "value", "service_type"},
		},
	}},
	{key: "limits", hindsight: "rate_limit_rules", sections: []section{{
		path: "rate-limit-rules", keys: []string{"apply_to", "apply_value"},
		columns: []string{"rate_per_second", "rate_per_minute", "quota_daily", "bandwidth_daily_bytes", "over_action", "enabled"},
	}}},
	{
		key: "streams", profile: []string{"concurrent_streams", "fake_counts_enabled", "fake_counts_value", "deny_message", "settings"},
		sections: []section{{
			path: "stream-rules", keys: []string{"apply_to", "apply_value"},
			columns: []string{"max_streams", "action_on_exceed", "enabled"},
		}},
	},
	{key: "publish"},
}

// resource that the rows are of.
func (s section) resource() *resource { return resourceAt(s.path) }

// key tells rows apart.
func (s section) key(values row) string {
	parts := make([]string, len(s.keys))
	for i, name := range s.keys {
		parts[i] = plain(values[name])
	}
	return strings.Join(parts, "\x00")
}

// profileFields are the inputs for fields of the profile.
func (s wizardStep) profileFields() []field {
	fields := make([]field, len(s.profile))
	for i, name := range s.profile {
		fields[i] = resourceAt("profiles").field(name)
	}
	return fields
}

// stepOf returns the number of the step that is about a place in a draft, as in "document.players[0].min_version".
func stepOf(location string) int {
	rest, inDocument := strings.CutPrefix(location, "document.")
	if !inDocument {
		return 1
	}
	place, rest, _ := strings.Cut(rest, ".")
	place, _, _ = strings.Cut(place, "[")
	name := rest[:strings.IndexAny(rest+".", ".[")]
	for i, step := range wizardSteps {
		if place == "profiles" && slices.Contains(step.profile, name) {
			return i + 1
		}
		for _, s := range step.sections {
			if place == s.path || place == "profiles" && name == s.selects {
				return i + 1
			}
		}
	}
	return 1
}

// stepOfResource returns the number of the step that is about a resource's rows; 0 for none.
func stepOfResource(path string) int {
	return slices.IndexFunc(wizardSteps, func(step wizardStep) bool {
		return slices.ContainsFunc(step.sections, func(s section) bool { return s.path == path })
	}) + 1
}
