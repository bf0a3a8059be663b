package pages

import (
	"maps"
	"net/http"
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
		e.Hindsight, err = v.askHindsight(ofRateLimits, hindsightQuestion{RateLimitRules: []row{rule}})
	}
	if err != nil {
		return err
	}
	return r.edit(v, http.StatusOK, e, "", nil)
}
