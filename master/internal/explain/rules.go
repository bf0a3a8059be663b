package explain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/uhdadmin/media-gateway/master/internal/chain"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/api"
)

func (s *search) rateLimits() {
	id, err := strconv.ParseInt(s.r.Rule, 10, 64)
	for i := range s.lib.RateLimits {
		l := &s.lib.RateLimits[i]
		if err == nil && l.ID == id || err != nil && s.concerns(l.ApplyTo, l.ApplyValue) {
			s.add("rate-limit-rules", entry{id: l.ID, name: limitName(&l.RateLimitRule), enabled: l.Enabled, updated: l.UpdatedAt}, err == nil)
		}
	}
	if err == nil && len(s.found) == 0 {
		s.addDeleted("rate-limit-rules", id)
	}
	s.automaticBans(id)
}

// automaticBans adds what the master made of a rule that was exceeded over all slaves together.
func (s *search) automaticBans(rule int64) {
	for i := range s.lib.Enforcements {
		e := &s.lib.Enforcements[i]
		if e.Automatic != nil && (rule == 0 || e.Automatic.RuleID == rule) && s.concerns(e.Dimension, e.DimensionValue) {
			s.addBan(e)
		}
	}
}

func (s *search) bans() {
	for i := range s.lib.Enforcements {
		e := &s.lib.Enforcements[i]
		if e.Action == "reject" && s.concerns(e.Dimension, e.DimensionValue) &&
			(e.EffectiveUntil == nil || e.EffectiveUntil.After(s.r.At)) {
			s.addBan(e)
		}
	}
}

func (s *search) addBan(e *library.Enforcement) {
	name := "ban of " + strings.TrimSpace(e.Dimension+" "+e.DimensionValue)
	if e.Reason != "" {
		name += ": " + e.Reason
	}
	s.add("enforcements", entry{id: e.ID, name: name, enabled: e.Enabled, updated: e.UpdatedAt, until: e.EffectiveUntil}, false)
}

func (s *search) streamLimits() {
	for i := range s.lib.StreamRules {
		l := &s.lib.StreamRules[i]
		if l.MaxStreams > 0 && s.concerns(l.ApplyTo, l.ApplyValue) {
			name := fmt.Sprintf("%d streams per %s", l.MaxStreams, strings.TrimSpace(l.ApplyTo+" "+l.ApplyValue))
			s.add("stream-rules", entry{id: l.ID, name: name, enabled: l.Enabled, updated: l.UpdatedAt}, false)
		}
	}
	if p := s.profile(); p != nil && p.ConcurrentStreams.MaxStreams > 0 {
		s.addProfile(p, fmt.Sprintf("%d streams per user, profile %s", p.ConcurrentStreams.MaxStreams, p.Name))
	}
}

func (s *search) profiles() {
	if p := s.profile(); p != nil {
		s.addProfile(p, p.Name)
	}
}

func (s *search) addProfile(p *library.Profile, name string) {
	s.add("profiles", entry{id: p.ID, name: name, enabled: true, updated: p.UpdatedAt}, false)
}

func (s *search) players() {
	for i := range s.lib.Players {
		p := &s.lib.Players[i]
		if strings.EqualFold(strings.TrimSpace(p.ClientName), strings.TrimSpace(s.r.ClientName)) && p.MinVersion != "" {
			name := fmt.Sprintf("%s from version %s", p.ClientName, p.MinVersion)
			s.add("players", entry{id: p.ID, name: name, enabled: p.Enabled, updated: p.UpdatedAt}, false)
		}
	}
}

func (s *search) uriRules() {
	path := chain.ReadPath(s.r.URI)
	profile := s.profile()
	for i := range s.lib.URIRules {
		u := &s.lib.URIRules[i]
		if u.Action != library.ActionBlock {
			continue
		}
		rule, err := chain.CompilePaths([]api.PathRule{{Pattern: u.Pattern, MatchType: u.MatchType}})
		if err != nil || len(rule.Met(path)) == 0 { // what does not compile has passed no check and refuses nothing
			continue
		}
		if profile != nil && (u.ServiceType != library.All && u.ServiceType != profile.ServiceType ||
			!profile.IsDefault && !slices.Contains(profile.URIRuleIDs, u.ID)) {
			continue
		}
		s.add("uri-rules", entry{id: u.ID, name: fmt.Sprintf("%s (%s %s)", u.Name, u.MatchType, u.Pattern), enabled: u.Enabled, updated: u.UpdatedAt}, false)
	}
}

func (s *search) denyMap() {
	for i := range s.lib.NginxMaps {
		m := &s.lib.NginxMaps[i]
		s.addNamed("nginx-maps", entry{id: m.ID, name: m.Name + " of " + m.Source, enabled: m.Enabled, updated: m.UpdatedAt})
	}
	s.addGone("nginx-maps")
}

func (s *search) location() {
	for i := range s.lib.LocationRules {
		l := &s.lib.LocationRules[i]
		s.addNamed("location-rules", entry{
			id: l.ID, name: fmt.Sprintf("%s (%s %s)", l.Name, l.MatchType, l.Pattern), enabled: l.Enabled, updated: l.UpdatedAt,
		})
	}
	s.addGone("location-rules")
}

// addNamed adds an entry if the slave named it.
func (s *search) addNamed(resource string, e entry) {
	if strconv.FormatInt(e.id, 10) == s.r.Rule {
		s.add(resource, e, true)
	}
}

// addGone adds what the slave named and the library has no more.
func (s *search) addGone(resource string) {
	if id, err := strconv.ParseInt(s.r.Rule, 10, 64); err == nil && len(s.found) == 0 {
		s.addDeleted(resource, id)
	}
}

// concerns reports whether a rule about a dimension holds for the request, values compared as in
// lua/uhd/rate_rules.lua; a rule without a value holds for each one.
func (s *search) concerns(dimension, value string) bool {
	user := func(id string) string { return strings.ToLower(strings.ReplaceAll(id, "-", "")) }
	switch dimension {
	case "global":
		return true
	case "ip":
		return s.r.IP != "" && (value == "" || strings.EqualFold(value, s.r.IP))
	case "user":
		return s.r.UserID != "" && (value == "" || user(value) == user(s.r.UserID))
	case "device":
		return s.r.DeviceID != "" && (value == "" || value == s.r.DeviceID)
	}
	return false
}

// limitName says what a rate limit rule limits, as in "100 requests per minute, 5 GiB daily per user".
func limitName(l *api.RateLimitRule) string {
	var parts []string
	for _, q := range []struct {
		n    int64
		text string
	}{
		{l.RatePerSecond, "%d requests per second"},
		{l.RatePerMinute, "%d requests per minute"},
		{l.QuotaHourly, "%d requests an hour"},
		{l.QuotaDaily, "%d requests a day"},
		{l.QuotaWeekly, "%d requests a week"},
		{l.QuotaMonthly, "%d requests a month"},
		{l.BandwidthHourlyBytes, "%d bytes an hour"},
		{l.BandwidthDailyBytes, "%d bytes a day"},
		{l.BandwidthWeeklyBytes, "%d bytes a week"},
		{l.BandwidthMonthlyBytes, "%d bytes a month"},
	} {
		if q.n > 0 {
			parts = append(parts, fmt.Sprintf(q.text, q.n))
		}
	}
	return strings.TrimSpace(fmt.Sprintf("%s, %s %s", strings.Join(parts, ", "), l.ApplyTo, l.ApplyValue))
}
