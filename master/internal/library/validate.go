package library

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/uhdadmin/media-gateway/master/internal/field"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// Values of URIRule.Action and of ConcurrentStreams.ActionOnExceed.
const (
	ActionSkip  = "skip"
	ActionBlock = "block"

	ExceedReject     = "reject"
	ExceedKickOldest = "kick_oldest"
)

const (
	maxName      = 100
	maxMessage   = 500
	maxUAPattern = 20 // per player
	maxSelection = 5000
	maxStreams   = 1000
	maxCustomLua = 256 << 10
	maxCount     = 1_000_000_000
)

// NewPlayer returns what a request for a new player is decoded onto.
func NewPlayer() Player {
	p := Player{Enabled: true}
	p.SetDefaults()
	return p
}

// SetDefaults fills what is missing and trims texts.
func (p *Player) SetDefaults() {
	p.ServiceType = cmp.Or(p.ServiceType, All)
	p.ClientName = strings.TrimSpace(p.ClientName)
	p.MinVersion = strings.TrimSpace(p.MinVersion)
	if p.UAPatterns == nil {
		p.UAPatterns = []string{}
	}
}

// Validate returns fleet.FieldErrors or nil.
func (p *Player) Validate() error {
	var errs fleet.FieldErrors
	errs.Check("client_name", field.Label(p.ClientName, maxName))
	if p.MinVersion != "" {
		errs.Check("min_version", field.Version(p.MinVersion))
	}
	if len(p.UAPatterns) > maxUAPattern {
		errs.Add("ua_patterns", fmt.Sprintf("has %d patterns, at most %d are allowed", len(p.UAPatterns), maxUAPattern))
	}
	for i, pattern := range p.UAPatterns[:min(len(p.UAPatterns), maxUAPattern)] {
		errs.Check(fmt.Sprintf("ua_patterns[%d]", i), field.Pattern(pattern))
	}
	errs.Check("service_type", field.OneOf(p.ServiceType, api.Emby, api.Jellyfin, All))
	return errs.ErrorOrNil()
}

// NewURIRule returns what a request for a new rule is decoded onto.
func NewURIRule() URIRule {
	r := URIRule{Enabled: true}
	r.SetDefaults()
	return r
}

// SetDefaults fills what is missing and trims texts.
func (r *URIRule) SetDefaults() {
	r.ServiceType = cmp.Or(r.ServiceType, All)
	r.MatchType = cmp.Or(r.MatchType, api.MatchPrefix)
	r.Name = strings.TrimSpace(r.Name)
}

// Validate returns fleet.FieldErrors or nil.
func (r *URIRule) Validate() error {
	var errs fleet.FieldErrors
	errs.Check("name", field.Name(r.Name, maxName))
	errs.Check("action", field.OneOf(r.Action, ActionSkip, ActionBlock))
	errs.Check("match_type", field.OneOf(r.MatchType, api.MatchExact, api.MatchPrefix, api.MatchRegex))
	if r.MatchType == api.MatchRegex {
		errs.Check("pattern", field.Pattern(r.Pattern))
	} else {
		errs.Check("pattern", field.Path(r.Pattern))
	}
	errs.Check("service_type", field.OneOf(r.ServiceType, api.Emby, api.Jellyfin, All))
	return errs.ErrorOrNil()
}

// NewProfile returns what a request for a new profile is decoded onto.
func NewProfile() Profile {
	var p Profile
	p.SetDefaults()
	return p
}

// SetDefaults fills what is missing and trims texts.
func (p *Profile) SetDefaults() {
	p.Unidentified = cmp.Or(p.Unidentified, api.UnidentifiedAllow)
	p.ConcurrentStreams.ActionOnExceed = cmp.Or(p.ConcurrentStreams.ActionOnExceed, ExceedReject)
	p.Name = strings.TrimSpace(p.Name)
	for _, list := range p.Lists() {
		if *list.IDs == nil {
			*list.IDs = []int64{}
		}
	}
	if p.Settings == nil {
		p.Settings = map[string]json.RawMessage{}
	}
	for name, value := range p.Settings {
		p.Settings[name] = canonicalValue(name, value)
	}
}

// Validate returns fleet.FieldErrors or nil.
func (p *Profile) Validate() error {
	var errs fleet.FieldErrors
	errs.Check("name", field.Name(p.Name, maxName))
	errs.Check("service_type", field.OneOf(p.ServiceType, api.Emby, api.Jellyfin))
	for _, list := range p.Lists() {
		errs.Check(list.Field, selection(*list.IDs))
	}
	checkProfileSettings(&errs, p.Settings)
	errs.Check("unidentified", field.OneOf(p.Unidentified, api.UnidentifiedAllow, api.UnidentifiedReject))
	errs.Check("deny_message", field.Text(p.DenyMessage, maxMessage))
	errs.Check("fake_counts_value", between(int64(p.FakeCountsValue), 0, maxCount))
	checkStreams(&errs, "concurrent_streams.", p.ConcurrentStreams.MaxStreams, p.ConcurrentStreams.ActionOnExceed, p.ConcurrentStreams.DenyMessage)
	if p.CustomLua != "" && !p.IsDefault {
		errs.Add("custom_lua", "belongs to a default profile: one access.lua serves all servers of a host")
	}
	if len(p.CustomLua) > maxCustomLua || strings.ContainsRune(p.CustomLua, 0) {
		errs.Add("custom_lua", fmt.Sprintf("must be Lua source of at most %d bytes without NUL", maxCustomLua))
	}
	return errs.ErrorOrNil()
}

// selection checks ids of library entries; that they exist the store checks.
func selection(ids []int64) error {
	if len(ids) > maxSelection {
		return fmt.Errorf("has %d entries, at most %d are allowed", len(ids), maxSelection)
	}
	sorted := slices.Sorted(slices.Values(ids))
	for i, id := range sorted {
		if id <= 0 || i > 0 && sorted[i-1] == id {
			return fmt.Errorf("must name each entry once, by its id: %d", id)
		}
	}
	return nil
}

func checkStreams(errs *fleet.FieldErrors, prefix string, n int, action, message string) {
	errs.Check(prefix+"max_streams", between(int64(n), 0, maxStreams))
	errs.Check(prefix+"action_on_exceed", field.OneOf(action, ExceedReject, ExceedKickOldest))
	errs.Check(prefix+"deny_message", field.Text(message, maxMessage))
}

func between(n, low, high int64) error {
	if n < low || n > high {
		return fmt.Errorf("must be a number from %d to %d", low, high)
	}
	return nil
}
