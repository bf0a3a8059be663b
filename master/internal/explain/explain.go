// Package explain says why a request was refused, in words an operator can act on: which rule it was, whether
// that rule still stands as it did, and what to change. A slave reports a reason code and, where it has one,
// the rule's id; which bans, patterns, players or stream limits it was is worked out from the library.
package explain

import (
	"fmt"
	"slices"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
)

// Refusal is what is known of a request that was refused.
type Refusal struct {
	At            time.Time
	ServerID      int64 // 0: not known
	IP            string
	UserID        string
	DeviceID      string
	ClientName    string
	ClientVersion string
	URI           string // path
	Reason        string // code, as players see it
	Rule          string // id of the rule; "": the slave names none
}

// Library is what the master has at hand to explain it by.
type Library struct {
	Servers       []fleet.Server
	Profiles      []library.Profile
	Players       []library.Player
	URIRules      []library.URIRule
	NginxMaps     []library.NginxMap
	LocationRules []library.LocationRule
	RateLimits    []library.RateLimitRule
	StreamRules   []library.StreamRule
	Enforcements  []library.Enforcement
}

// Explanation of a refusal.
type Explanation struct {
	Reason string `json:"reason" doc:"code, as the player was told"`
	Why    string `json:"why" doc:"what it means"`
	Cure   string `json:"cure" doc:"what lets such requests in again"`
	Rules  []Rule `json:"rules" doc:"what refused it, or what fits when the slave named no rule"`
}

// Rule is an entry of the library that refused the request, or may have.
type Rule struct {
	Resource string `json:"resource" doc:"as in the admin API's paths"`
	ID       int64  `json:"id"`
	Name     string `json:"name" doc:"what it says, in short"`
	Path     string `json:"path" doc:"in the admin API; empty when it is gone"`
	Named    bool   `json:"named" doc:"the slave named it; otherwise it fits the request as it stands now"`
	State    string `json:"state" enum:"holds,changed,disabled,ended,deleted" doc:"changed: written since the refusal, which it may explain no more"`
}

// States of a rule.
const (
	holds    = "holds"
	changed  = "changed"
	disabled = "disabled"
	ended    = "ended"
	deleted  = "deleted"
)

// Of explains a refusal at the time now.
func Of(r Refusal, lib Library, now time.Time) Explanation {
	e := Explanation{Reason: r.Reason, Rules: []Rule{}}
	text, known := texts[r.Reason]
	if !known {
		e.Why = "The slave gave a reason that this master does not know; a newer slave or a custom access.lua may have made it."
		e.Cure = "Look the code up in the documentation of the slave's version, or in the profile's custom_lua."
		return e
	}
	e.Why, e.Cure = text.why, text.cure
	s := search{r: r, lib: lib, now: now}
	if text.find != nil {
		text.find(&s)
		e.Rules = append(e.Rules, s.found...)
	}
	if len(e.Rules) == 0 && text.find != nil {
		e.Cure += " Nothing in the library fits the request any more: what refused it has been changed or removed since."
	}
	return e
}

// search collects rules for one refusal.
type search struct {
	r     Refusal
	lib   Library
	now   time.Time
	found []Rule
}

// entry is what all resources have in common here.
type entry struct {
	id      int64
	name    string
	enabled bool
	updated time.Time
	until   *time.Time
}

func (s *search) add(resource string, e entry, named bool) {
	state := holds
	switch {
	case !e.enabled:
		state = disabled
	case e.until != nil && !e.until.After(s.now):
		state = ended
	case e.updated.After(s.r.At):
		state = changed
	}
	s.found = append(s.found, Rule{
		Resource: resource, ID: e.id, Name: e.name, Named: named, State: state,
		Path: fmt.Sprintf("/api/v1/admin/%s/%d", resource, e.id),
	})
}

func (s *search) addDeleted(resource string, id int64) {
	s.found = append(s.found, Rule{Resource: resource, ID: id, Name: "deleted since", Named: true, State: deleted})
}

// profile is the one of the server that refused, nil when that server is not known.
func (s *search) profile() *library.Profile {
	at := slices.IndexFunc(s.lib.Servers, func(v fleet.Server) bool { return v.ID == s.r.ServerID })
	if at < 0 {
		return nil
	}
	server := &s.lib.Servers[at]
	for i := range s.lib.Profiles {
		p := &s.lib.Profiles[i]
		if server.ProfileID != nil && p.ID == *server.ProfileID ||
			server.ProfileID == nil && p.IsDefault && p.ServiceType == server.ServiceType {
			return p
		}
	}
	return nil
}
