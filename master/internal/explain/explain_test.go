package explain

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/api"
)

var (
	at     = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	before = at.Add(-time.Hour)
	after  = at.Add(time.Hour)
	now    = at.Add(2 * time.Hour)
)

func shelf() Library {
	two := int64(2)
	block := func(id int64, match api.MatchType, pattern string) library.URIRule {
		return library.URIRule{ID: id, Name: "no " + pattern, Action: library.ActionBlock, MatchType: match, Pattern: pattern, ServiceType: library.All, Enabled: true, UpdatedAt: before}
	}
	ban := func(id int64, dimension, value string, until *time.Time) library.Enforcement {
		return library.Enforcement{ID: id, Enforcement: api.Enforcement{Dimension: dimension, DimensionValue: value, Action: "reject", Reason: "sharing", EffectiveUntil: until}, Enabled: true, UpdatedAt: before}
	}
	automatic := ban(55, "user", "cc", &after)
	automatic.Automatic = &api.Automatic{RuleID: 31}
	return Library{
		Servers: []fleet.Server{{ID: 1, ServiceType: api.Emby}, {ID: 2, ServiceType: api.Emby, ProfileID: &two}},
		Profiles: []library.Profile{
			{ID: 1, Name: "default", ServiceType: api.Emby, IsDefault: true, UpdatedAt: before},
			{ID: 2, Name: "family", ServiceType: api.Emby, URIRuleIDs: []int64{11}, UpdatedAt: after, ConcurrentStreams: api.ConcurrentStreams{MaxStreams: 2}},
			{ID: 3, Name: "jellyfin", ServiceType: api.Jellyfin, IsDefault: true},
		},
		Players:       []library.Player{{ID: 21, ClientName: "Infuse", MinVersion: "7.8", Enabled: true, UpdatedAt: before}, {ID: 22, ClientName: "VLC", Enabled: true}},
		URIRules:      []library.URIRule{block(11, api.MatchPrefix, "/System/"), block(12, api.MatchExact, "/emby/Web"), block(13, api.MatchRegex, `^/items/\d+/download`), block(14, api.MatchPrefix, "/web/")},
		NginxMaps:     []library.NginxMap{{ID: 61, Name: "old", Source: "http_user_agent", Enabled: true, UpdatedAt: before}},
		LocationRules: []library.LocationRule{{ID: 71, Name: "none", Pattern: "/x", Enabled: true, UpdatedAt: after}},
		RateLimits: []library.RateLimitRule{
			{ID: 31, RateLimitRule: api.RateLimitRule{ApplyTo: "user", RatePerMinute: 100}, Enabled: true, UpdatedAt: before},
			{ID: 32, RateLimitRule: api.RateLimitRule{ApplyTo: "ip", ApplyValue: "192.0.2.9", QuotaDaily: 5}, Enabled: false, UpdatedAt: before},
		},
		StreamRules: []library.StreamRule{{ID: 41, StreamRule: api.StreamRule{ApplyTo: "user", MaxStreams: 3}, Enabled: true, UpdatedAt: before}, {ID: 42, StreamRule: api.StreamRule{ApplyTo: "user", ApplyValue: "other", MaxStreams: 1}, Enabled: true}},
		Enforcements: []library.Enforcement{
			ban(51, "user", "AA-BB", nil), ban(52, "ip", "192.0.2.9", &after), ban(53, "ip", "192.0.2.9", &before), ban(54, "device", "other", nil), automatic,
		},
	}
}

func TestOf(t *testing.T) {
	for _, c := range []struct {
		name  string
		r     Refusal
		rules []string // resource/id state
	}{
		{"a rate rule", Refusal{Reason: "rate_limited", Rule: "31", UserID: "aabb"}, []string{"rate-limit-rules/31 holds named"}},
		{"a quota over all slaves", Refusal{Reason: "quota_requests", Rule: "31", UserID: "cc"}, []string{"rate-limit-rules/31 holds named", "enforcements/55 ended"}},
		{"a rule that was disabled", Refusal{Reason: "quota_requests", Rule: "32"}, []string{"rate-limit-rules/32 disabled named"}},
		{"a rule that is gone", Refusal{Reason: "quota_bandwidth", Rule: "99"}, []string{"rate-limit-rules/99 deleted named"}},
		{"a rate without a rule's id", Refusal{Reason: "rate_limited", IP: "192.0.2.9"}, []string{"rate-limit-rules/32 disabled"}},
		{"bans", Refusal{Reason: "ban", UserID: "aabb", IP: "192.0.2.9"}, []string{"enforcements/51 holds", "enforcements/52 ended"}},
		{"streams", Refusal{Reason: "streams_exceeded", UserID: "aabb", ServerID: 2}, []string{"stream-rules/41 holds", "profiles/2 changed"}},
		{"an old client", Refusal{Reason: "client_outdated", ClientName: " infuse"}, []string{"players/21 holds"}},
		{"an unknown client", Refusal{Reason: "client_not_allowed", ServerID: 1}, []string{"profiles/1 holds"}},
		{"of a server that is gone", Refusal{Reason: "client_not_allowed", ServerID: 7}, nil},
		{"a path", Refusal{Reason: "uri_blocked", ServerID: 1, URI: "/emby//system/Info"}, []string{"uri-rules/11 holds"}},
		{"a path that a profile has no rule for", Refusal{Reason: "uri_blocked", ServerID: 2, URI: "/web"}, nil},
		{"exactly", Refusal{Reason: "uri_blocked", ServerID: 1, URI: "/WEB"}, []string{"uri-rules/12 holds", "uri-rules/14 holds"}},
		{"by regex", Refusal{Reason: "uri_blocked", URI: "/Items/7/Download"}, []string{"uri-rules/13 holds"}},
		{"by a map", Refusal{Reason: "denied_by_map", Rule: "61"}, []string{"nginx-maps/61 holds named"}},
		{"by a map that is gone", Refusal{Reason: "denied_by_map", Rule: "62"}, []string{"nginx-maps/62 deleted named"}},
		{"by a location", Refusal{Reason: "denied_by_location", Rule: "71"}, []string{"location-rules/71 changed named"}},
		{"no rules", Refusal{Reason: "no_rules"}, nil},
		{"a code of tomorrow", Refusal{Reason: "moon_phase"}, nil},
	} {
		c.r.At = at
		e := Of(c.r, shelf(), now)
		var got []string
		for _, r := range e.Rules {
			text := fmt.Sprintf("%s/%d %s", r.Resource, r.ID, r.State)
			if r.Named {
				text += " named"
			}
			if r.Name == "" || (r.Path == "") != (r.State == "deleted") {
				t.Errorf("%s: %+v", c.name, r)
			}
			got = append(got, text)
		}
		if !slices.Equal(got, c.rules) || e.Why == "" || e.Cure == "" || e.Reason != c.r.Reason {
			t.Errorf("%s: found %q, want %q (%+v)", c.name, got, c.rules, e)
		}
	}
}

// TestEveryReasonHasAText: each code that the slaves' Lua gives, or that is rendered.
func TestEveryReasonHasAText(t *testing.T) {
	for _, source := range []struct {
		path, begin, end string
		code             *regexp.Regexp
		least            int
	}{
		{"../../../lua/uhd/deny.lua", "local MESSAGES = {", "\n}", regexp.MustCompile(`(?m)^  (\w+) = `), 10},
		{"../render/answer.go", "const (", "\n)", regexp.MustCompile(`(?m)^\treason\w+\s*= "(\w+)"`), 2},
	} {
		text, err := os.ReadFile(source.path)
		if err != nil {
			t.Fatal(err)
		}
		_, list, _ := strings.Cut(string(text), source.begin)
		list, _, _ = strings.Cut(list, source.end)
		codes := source.code.FindAllStringSubmatch(list, -1)
		if len(codes) < source.least {
			t.Fatalf("found only %q in %s", codes, source.path)
		}
		for _, code := range codes {
			if _, ok := texts[code[1]]; !ok {
				t.Errorf("reason %s has no text", code[1])
			}
		}
	}
}
