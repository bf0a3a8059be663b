package library_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// want checks that err is about exactly one field; "" that there is none.
func want(t *testing.T, name string, err error, field string) {
	t.Helper()
	if field == "" {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return
	}
	var errs fleet.FieldErrors
	if !errors.As(err, &errs) || len(errs) != 1 || errs[0].Field != field {
		t.Errorf("%s: %v, want one error about %s", name, err, field)
	}
}

func TestPlayer(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*library.Player)
		field  string
	}{
		"valid":    {func(*library.Player) {}, ""},
		"no name":  {func(p *library.Player) { p.ClientName = " " }, "client_name"},
		"version":  {func(p *library.Player) { p.MinVersion = "new" }, "min_version"},
		"suffix":   {func(p *library.Player) { p.MinVersion = "2.0.95g" }, ""},
		"pattern":  {func(p *library.Player) { p.UAPatterns = []string{"^ok", "(a+)+"} }, "ua_patterns[1]"},
		"patterns": {func(p *library.Player) { p.UAPatterns = make([]string, 21) }, ""},
		"type":     {func(p *library.Player) { p.ServiceType = "plex" }, "service_type"},
	} {
		p := library.NewPlayer()
		p.ClientName = "Infuse"
		c.change(&p)
		p.SetDefaults()
		if name == "patterns" {
			if err := p.Validate(); err == nil || !strings.Contains(err.Error(), "at most 20") {
				t.Errorf("21 patterns: %v", err)
			}
			continue
		}
		want(t, name, p.Validate(), c.field)
	}
}

func TestSetting(t *testing.T) {
	for _, c := range []struct{ name, value, stored, field string }{
		{"trusted_proxies", `["203.0.113.9/24", " 2001:DB8::1 ", "::ffff:192.0.2.1"]`, `["203.0.113.0/24","2001:db8::1","192.0.2.1"]`, ""},
		{"trusted_proxies", `[]`, `[]`, ""},
		{"trusted_proxies", `null`, "", "value"},
		{"trusted_proxies", `"10.0.0.0/8"`, "", "value"},
		{"trusted_proxies", `[1]`, "", "value"},
		{"trusted_proxies", `["10.0.0.0/8", "0.0.0.0/0"]`, "", "value[1]"},
		{"trusted_proxies", `["::/0"]`, "", "value[0]"},
		{"trusted_proxies", `["10.0.0.1", "10.0.0.1/8", "10.0.0.2/8"]`, "", "value[2]"},
		{"trusted_proxies", `["proxy.example"]`, "", "value[0]"},
		{"trusted_proxies", `["1.2.3.4; include /etc/passwd"]`, "", "value[0]"},
		{"trusted_proxies", `["unix:"]`, "", "value[0]"},
		{"real_ip_header", ` "CF-Connecting-IP" `, `"CF-Connecting-IP"`, ""},
		{"real_ip_header", `"X_Real"`, "", "value"},
		{"real_ip_header", `"a; b"`, "", "value"},
		{"real_ip_header", `""`, "", "value"},
		{"real_ip_header", `["X"]`, "", "value"},
		{"telemetry_addresses", ` "truncated"`, `"truncated"`, ""},
		{"telemetry_addresses", `"some"`, "", "value"},
		{"telemetry_addresses", `null`, "", "value"},
		{"other", `1`, "", "name"},
		{"", `1`, "", "name"},
	} {
		s := library.Setting{Name: c.name, Value: json.RawMessage(c.value)}
		s.SetDefaults()
		want(t, c.name+" "+c.value, s.Validate(), c.field)
		if c.field == "" && string(s.Value) != c.stored {
			t.Errorf("%s %s is kept as %s, want %s", c.name, c.value, s.Value, c.stored)
		}
	}
}

func TestURIRule(t *testing.T) {
	for _, c := range []struct {
		name, action string
		match        api.MatchType
		pattern      string
		field        string
	}{
		{"a", "skip", api.MatchExact, "/a", ""},
		{"a", "block", "", "/a", ""}, // prefix
		{"a", "block", api.MatchRegex, `\.m3u8$`, ""},
		{"", "skip", api.MatchExact, "/a", "name"},
		{"a", "allow", api.MatchExact, "/a", "action"},
		{"a", "skip", "glob", "/a", "match_type"},
		{"a", "skip", api.MatchPrefix, "a", "pattern"},
		{"a", "skip", api.MatchRegex, "(", "pattern"},
		{"a", "skip", api.MatchRegex, "(?!x)", "pattern"},
	} {
		r := library.NewURIRule()
		r.Name, r.Action, r.MatchType, r.Pattern = c.name, c.action, c.match, c.pattern
		r.SetDefaults()
		want(t, c.pattern, r.Validate(), c.field)
	}
}

func TestProfile(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*library.Profile)
		field  string
	}{
		"valid":        {func(*library.Profile) {}, ""},
		"type":         {func(p *library.Profile) { p.ServiceType = library.All }, "service_type"},
		"twice":        {func(p *library.Profile) { p.PlayerIDs = []int64{2, 1, 2} }, "player_ids"},
		"id 0":         {func(p *library.Profile) { p.URIRuleIDs = []int64{0} }, "uri_rule_ids"},
		"unidentified": {func(p *library.Profile) { p.Unidentified = "maybe" }, "unidentified"},
		"message":      {func(p *library.Profile) { p.DenyMessage = strings.Repeat("x", 501) }, "deny_message"},
		"count":        {func(p *library.Profile) { p.FakeCountsValue = -1 }, "fake_counts_value"},
		"streams":      {func(p *library.Profile) { p.ConcurrentStreams.MaxStreams = -1 }, "concurrent_streams.max_streams"},
		"exceed":       {func(p *library.Profile) { p.ConcurrentStreams.ActionOnExceed = "warn" }, "concurrent_streams.action_on_exceed"},
		"lua":          {func(p *library.Profile) { p.CustomLua = "return" }, "custom_lua"},
		"default lua":  {func(p *library.Profile) { p.CustomLua, p.IsDefault = "return", true }, ""},
	} {
		p := library.NewProfile()
		p.Name, p.ServiceType = "kids", api.Emby
		c.change(&p)
		p.SetDefaults()
		want(t, name, p.Validate(), c.field)
	}
}

func TestLimits(t *testing.T) {
	for name, c := range map[string]struct {
		rule  api.RateLimitRule
		field string
	}{
		"valid":       {api.RateLimitRule{RatePerSecond: 5, RateBurst: 10}, ""},
		"no limit":    {api.RateLimitRule{}, "rate_per_second"},
		"address":     {api.RateLimitRule{RatePerSecond: 5, ApplyValue: "somewhere"}, "apply_value"},
		"user":        {api.RateLimitRule{RatePerSecond: 5, ApplyTo: "user", ApplyValue: "u1"}, ""},
		"global":      {api.RateLimitRule{RatePerSecond: 5, ApplyTo: "global", ApplyValue: "x"}, "apply_value"},
		"dimension":   {api.RateLimitRule{RatePerSecond: 5, ApplyTo: "planet"}, "apply_to"},
		"negative":    {api.RateLimitRule{RatePerSecond: 5, QuotaDaily: -1}, "quota_daily"},
		"no throttle": {api.RateLimitRule{RatePerSecond: 5, OverAction: "throttle"}, "throttle_rate_bps"},
		"action":      {api.RateLimitRule{RatePerSecond: 5, OverAction: "explode"}, "over_action"},
	} {
		r := library.NewRateLimitRule()
		r.RateLimitRule = c.rule
		r.SetDefaults()
		want(t, "rate limit "+name, r.Validate(), c.field)
	}
	s := library.NewStreamRule()
	want(t, "stream rule without a limit", s.Validate(), "max_streams")
	s.MaxStreams = 2
	want(t, "stream rule", s.Validate(), "")
	e := library.NewEnforcement()
	e.Dimension, e.DimensionValue = "ip", "203.0.113.7"
	want(t, "ban", e.Validate(), "")
	e.DimensionValue = ""
	want(t, "ban of nobody", e.Validate(), "dimension_value")
}
