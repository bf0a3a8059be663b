package pages

import (
	"maps"
	"net/http"
	"slices"
)

// HasHindsight reports whether the row by itself can be held against the last requests. A player cannot: whom a whitelist
// turns away, all of its players decide.
func (e editor) HasHindsight() bool { return e.path == "uri-rules" || e.path == "rate-limit-rules" }

// Here is where the form is sent.
func (e editor) Here() string {
	if e.ID == "" {
		return Prefix + e.path + "/new"
	}
	return Prefix + e.path + "/" + e.ID
}

// limits reports whether a rate or a quota was entered in a rate limit rule.
func (v *visit) limits(rule row) bool {
	return slices.ContainsFunc(resourceAt("rate-limit-rules").fields, func(f field) bool {
		entered := plain(rule[f.Name])
		return v.Has("hindsight.rule."+f.Name) && entered != "" && entered != "0"
	})
}

// lookBack shows the form as it was entered, with what the row would have refused if it held.
func (r *resource) lookBack(v *visit, e editor) error {
	rule := maps.Clone(e.Row)
	rule["enabled"] = true
	var err error
	switch r.path {
	case "uri-rules":
		if plain(rule["pattern"]) == "" {
			break // a form that was only just opened
		}
		e.Hindsight, err = v.askHindsight(ofURIRules, hindsightQuestion{ServiceType: plain(rule["service_type"]), URIRules: []row{rule}})
	case "rate-limit-rules":
		if !v.limits(rule) {
			break
		}
		e.Hindsight, err = v.askHindsight(ofRateLimits, hindsightQuestion{RateLimitRules: []row{rule}})
	}
	if err != nil {
		return err
	}
	return r.edit(v, http.StatusOK, e, "", nil)
}
