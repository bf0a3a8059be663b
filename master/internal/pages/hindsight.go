package pages

import (
	"net/http"
	"strings"
	"time"
)

// hindsightHours is how far back the pages look; their texts say so, too.
const hindsightHours = 24

// longerPatience is how many milliseconds somebody waits who asks to examine more than what comes at once.
const longerPatience = 8000

// Sections of a hindsight, as the admin API names them.
const (
	ofPlayers    = "players"
	ofURIRules   = "uri_rules"
	ofRateLimits = "rate_limit_rules"
)

// hindsightQuestion is which rules to judge the last hours by: rows as the admin API has them, nil where a list is not
// asked about.
type hindsightQuestion struct {
	ServiceType    string  `json:"service_type"`
	ServerIDs      []int64 `json:"server_ids,omitempty"` // none: all of the service type
	Hours          int     `json:"hours"`
	Players        []row   `json:"players"`
	Unidentified   string  `json:"unidentified,omitempty"` // with Players
	URIRules       []row   `json:"uri_rules"`              // with Players, too: what skips the checks is let in
	RateLimitRules []row   `json:"rate_limit_rules"`
	Patience       int64   `json:"patience_ms,omitempty"`
}

// hindsight is one section of what the rules would have refused.
type hindsight struct {
	Section string
	Problem string // why there is no answer; "" for nothing
	hindsightAnswer
	question *hindsightQuestion
}

type hindsightAnswer struct {
	From         time.Time `json:"from"`
	To           time.Time `json:"to"`
	ExaminedFrom time.Time `json:"examined_from"`
	Examined     int64     `json:"examined"`
	Of           int64     `json:"of"`
	Complete     bool      `json:"complete"`
	Players      *struct {
		tally
		Clients int64 `json:"clients"`
		Items   []struct {
			tally
			Client    string    `json:"client"`
			Version   string    `json:"version"`
			UserAgent string    `json:"user_agent"`
			Reason    string    `json:"reason"`
			Lowest    string    `json:"lowest"`
			LastSeen  time.Time `json:"last_seen"`
		} `json:"items"`
		Earlier []struct {
			Client   string    `json:"client"`
			Version  string    `json:"version"`
			Reason   string    `json:"reason"`
			Devices  int64     `json:"devices"`
			Users    int64     `json:"users"`
			LastSeen time.Time `json:"last_seen"`
		} `json:"earlier"`
	} `json:"players"`
	URIRules *struct {
		tally
		Skipped int64 `json:"skipped"`
		Items   []struct {
			tally
			Name    string `json:"name"`
			Action  string `json:"action"`
			Example string `json:"example"`
		} `json:"items"`
		Idle []int `json:"idle"`
	} `json:"uri_rules"`
	RateLimits *struct {
		Rejected  int64 `json:"rejected"`
		Already   int64 `json:"already"`
		Throttled int64 `json:"throttled"`
		Warned    int64 `json:"warned"`
		Values    int64 `json:"values"`
		Rates     []struct {
			Rule          int    `json:"rule"`
			ApplyTo       string `json:"apply_to"`
			Value         string `json:"value"`
			OverAction    string `json:"over_action"`
			Requests      int64  `json:"requests"`
			PeakPerSecond int64  `json:"peak_per_second"`
			PeakPerMinute int64  `json:"peak_per_minute"`
		} `json:"rates"`
		Quotas []struct {
			Rule        int    `json:"rule"`
			ApplyTo     string `json:"apply_to"`
			Value       string `json:"value"`
			OverAction  string `json:"over_action"`
			Period      string `json:"period"`
			PeriodKey   string `json:"period_key"`
			Requests    int64  `json:"requests"`
			MaxRequests int64  `json:"quota_requests"`
			Bytes       int64  `json:"bytes"`
			MaxBytes    int64  `json:"quota_bytes"`
		} `json:"quotas"`
		Idle []int `json:"idle"`
	} `json:"rate_limit_rules"`
}

type tally struct {
	Refused int64 `json:"refused"`
	Already int64 `json:"already"`
	Users   int64 `json:"users"`
}

// Newly is how many requests were let in and would have been refused.
func (t tally) Newly() int64 { return t.Refused - t.Already }

// askHindsight asks what rules would have refused, and shows a section of the answer. What is wrong with the rules
// becomes the section's problem; the fields themselves are the form's to mark.
func (v *visit) askHindsight(section string, q hindsightQuestion) (*hindsight, error) {
	h := &hindsight{Section: section, question: &q}
	q.Hours = hindsightHours
	if section == ofRateLimits { // they hold for the whole fleet
		q.ServiceType, q.ServerIDs = allServices[0], nil
	}
	if v.r.URL.Query().Has("longer") {
		q.Patience = longerPatience
	}
	_, err := v.call(http.MethodPost, "hindsight", q, &h.hindsightAnswer)
	if problem := refusal(err); problem != nil {
		h.Problem, err = v.hindsightProblem(problem), nil
	}
	return h, err
}

// hindsightProblem says what is wrong with the rules in the words of their form.
func (v *visit) hindsightProblem(problem *Problem) string {
	var parts []string
	for _, e := range problem.Errors {
		_, name, _ := strings.Cut(e.Location, "].") // of body.uri_rules[0].pattern
		key := "field." + element.ReplaceAllString(name, "")
		if !v.Has(key) {
			return problem.Detail
		}
		parts = append(parts, v.T("hindsight.wrong", v.T(key), e.Message))
	}
	if parts == nil {
		return problem.Detail
	}
	return strings.Join(parts, v.T("hindsight.semicolon"))
}

// Nothing reports whether there was no request at all to judge.
func (h *hindsight) Nothing() bool {
	return h.Of == 0 && (h.RateLimits == nil || len(h.RateLimits.Quotas) == 0)
}

// Lead is the section in a sentence.
func (h *hindsight) Lead(v sheet) string {
	examined := v.Count(h.Examined)
	switch {
	case h.Section == ofPlayers && h.Players.Newly() > 0:
		return v.T("hindsight.refused", examined, v.Count(h.Players.Newly()), v.Count(h.Players.Users))
	case h.Section == ofURIRules && h.URIRules.Newly() > 0:
		return v.T("hindsight.refused", examined, v.Count(h.URIRules.Newly()), v.Count(h.URIRules.Users))
	case h.Section == ofRateLimits && h.RateLimits.Values > 0:
		return v.T("hindsight.limited", examined, h.limited(v), v.Count(h.RateLimits.Values))
	}
	return v.T("hindsight.nothing", examined)
}

// limited says what would have become of requests over a rate.
func (h *hindsight) limited(v sheet) string {
	var parts []string
	for _, part := range []struct {
		key string
		n   int64
	}{
		{"hindsight.rejected", h.RateLimits.Rejected - h.RateLimits.Already},
		{"hindsight.throttled", h.RateLimits.Throttled},
		{"hindsight.warned", h.RateLimits.Warned},
	} {
		if part.n > 0 {
			parts = append(parts, v.T(part.key, v.Count(part.n)))
		}
	}
	if parts == nil {
		return v.T("hindsight.in_rates")
	}
	return strings.Join(parts, v.T("hindsight.and"))
}

// Already is how many requests were refused then as well.
func (h *hindsight) Already() int64 {
	switch h.Section {
	case ofPlayers:
		return h.Players.Already
	case ofURIRules:
		return h.URIRules.Already
	}
	return h.RateLimits.Already
}

// Idle names the rules of the section that met nothing; those that are disabled say so elsewhere.
func (h *hindsight) Idle(v sheet) []string {
	var names []string
	switch h.Section {
	case ofURIRules:
		for _, i := range h.URIRules.Idle {
			if rule := h.question.URIRules[i]; rule["enabled"] != false {
				names = append(names, plain(rule["name"]))
			}
		}
	case ofRateLimits:
		for _, i := range h.RateLimits.Idle {
			if rule := h.question.RateLimitRules[i]; rule["enabled"] != false {
				names = append(names, h.Rule(v, i))
			}
		}
	}
	return names
}

// Rule says what a rate limit rule, which has no name, limits: user · 2 per second · 1 GiB a day.
func (h *hindsight) Rule(v sheet, index int) string {
	rule := h.question.RateLimitRules[index]
	parts := []string{strings.TrimSpace(v.Option(plain(rule["apply_to"])) + " " + plain(rule["apply_value"]))}
	for _, f := range resourceAt("rate-limit-rules").fields {
		key := "hindsight.rule." + f.Name
		if number(rule[f.Name]) == 0 || !v.Has(key) {
			continue
		}
		value := v.Count(rule[f.Name])
		if f.Kind == size {
			value = v.Bytes(rule[f.Name])
		}
		parts = append(parts, v.T(key, value))
	}
	return strings.Join(parts, " · ")
}
