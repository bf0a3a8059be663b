package render_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/render"
	"github.com/uhdadmin/media-gateway/shared/api"
)

func setting(name, value string) library.Setting {
	return library.Setting{ID: 1, Name: name, Value: json.RawMessage(value)}
}

// rule returns a location rule that Validate accepts.
func rule(id int64, kind string, match api.MatchType, pattern string, change func(*library.LocationRule)) library.LocationRule {
	r := library.NewLocationRule()
	r.ID, r.Name, r.Kind, r.MatchType, r.Pattern = id, "rule", kind, match, pattern
	change(&r)
	r.SetDefaults()
	return r
}

func asIs[T any](*T) {}

// libraryGoldens are the inputs of what the library has beside players and URI rules.
func libraryGoldens() map[string]render.Input {
	one := func() render.Input { return input(server(1, "emby1.com", "203.0.113.10:8096")) }

	locations := one()
	locations.LocationRules = []library.LocationRule{
		rule(1, library.KindReturn, api.MatchExact, "/robots.txt", func(r *library.LocationRule) {
			r.Body, r.SkipAccess = "User-agent: *\nDisallow: /\n", true
		}),
		rule(2, library.KindRedirect, api.MatchPrefix, "/old/", func(r *library.LocationRule) {
			r.Target, r.Status = "https://media.example.com$request_uri", 301
		}),
		rule(3, library.KindDeny, api.MatchRegex, `^/items/[^/]+/download`, asIs),
		rule(4, library.KindCache, api.MatchRegex, `^/items/[^/]+/images/|^/web/`, func(r *library.LocationRule) { r.MaxAge = 86400 }),
		rule(5, library.KindProxy, api.MatchPrefix, "/requests", func(r *library.LocationRule) {
			r.Upstream = fleet.Upstream{{Address: "203.0.113.20:5055", Weight: 1}}
			r.DenyMaps = []string{"delete"}
		}),
	}

	maps := one()
	maps.NginxMaps = []library.NginxMap{
		{ID: 1, Name: "old_players", Kind: library.MapDeny, Everywhere: true, Source: "http_user_agent", Default: "0", ServiceType: library.All, Enabled: true, Entries: []library.MapEntry{
			{MatchType: api.MatchRegex, Pattern: `OldPlayer/[0-3]\.`, Value: "1"}, {MatchType: api.MatchPrefix, Pattern: "Bad (", Value: "1"}, {MatchType: api.MatchExact, Pattern: "default", Value: "1"},
		}},
		{ID: 2, Name: "place", Kind: library.MapValue, Source: "remote_addr", Default: "abroad", ServiceType: library.All, Enabled: true, Entries: []library.MapEntry{
			{MatchType: library.MatchNetwork, Pattern: "192.0.2.0/24", Value: "at home"}, {MatchType: library.MatchNetwork, Pattern: "2001:db8::/32", Value: "office"},
		}},
	}
	maps.ProxyHeaders = []library.ProxyHeader{
		{ID: 1, Name: "a", Action: library.HeaderSetRequest, Header: "X-Place", Value: "$map_place ($remote_addr)", ServiceType: library.All, Enabled: true},
		{ID: 2, Name: "b", Action: library.HeaderSetRequest, Header: "host", Value: "media.example.com", ServiceType: library.All, Enabled: true},
		{ID: 3, Name: "c", Action: library.HeaderRemoveRequest, Header: "Cookie", ServiceType: library.All, Enabled: true},
		{ID: 4, Name: "d", Action: library.HeaderAddResponse, Header: "X-Robots-Tag", Value: "noindex, nofollow", ServiceType: library.All, Enabled: true},
		{ID: 5, Name: "e", Action: library.HeaderHideResponse, Header: "X-Powered-By", ServiceType: library.All, Enabled: true},
		{ID: 6, Name: "f", Action: library.HeaderSetRequest, Header: "X-Place", Value: "lost to that of all", ServiceType: api.Jellyfin, Enabled: true},
	}

	settings := one()
	settings.Settings = []library.Setting{
		setting(library.SettingTLS, `"intermediate"`), setting(library.SettingHTTP2, `false`), setting(library.SettingMaxBodySize, `"20m"`),
		setting(library.SettingHSTS, `{"max_age":31536000,"include_subdomains":true}`),
	}
	two := int64(2)
	settings.Servers = append(settings.Servers, with(server(2, "emby2.com", "203.0.113.10:8097"), func(s *fleet.Server) { s.ProfileID = &two }))
	settings.Profiles = append(settings.Profiles, library.Profile{ID: 2, Name: "uploads", ServiceType: api.Emby, Settings: map[string]json.RawMessage{
		library.SettingMaxBodySize: json.RawMessage(`"0"`), library.SettingHSTS: json.RawMessage(`null`),
	}})

	three := 3
	upstreams := input(
		with(server(1, "weighted.com", "203.0.113.10:8096"), func(s *fleet.Server) {
			s.Upstream = fleet.Upstream{
				{Address: "203.0.113.10:8096", Weight: 3, MaxFails: &three, FailTimeout: 30},
				{Address: "[2001:db8::1]:8096", Weight: 1, MaxFails: new(int)},
				{Address: "203.0.113.12:8096", Weight: 1, Backup: true},
			}
		}),
		server(2, "named.com", "emby:8096"),
		with(server(3, "names.com", "a.example:8096"), func(s *fleet.Server) {
			s.Upstream = fleet.Upstream{{Address: "a.example:8096", Weight: 3}, {Address: "b.example:8096", Weight: 1}}
		}),
		with(server(4, "tls.com", "media.example.net:443"), func(s *fleet.Server) { s.UpstreamScheme = fleet.SchemeHTTPS }),
		with(server(5, "selfsigned.com", "203.0.113.10:8920"), func(s *fleet.Server) {
			s.UpstreamScheme, s.UpstreamTLSVerify = fleet.SchemeHTTPS, false
		}),
		with(server(6, "pinned.com", "203.0.113.10:8920"), func(s *fleet.Server) {
			s.UpstreamScheme, s.UpstreamTLSName, s.UpstreamTLSCAPath = fleet.SchemeHTTPS, "media.example.net", "/etc/ssl/own-ca.pem"
		}),
	)
	upstreams.Settings = []library.Setting{setting(library.SettingResolver, `["192.0.2.53","[2001:db8::53]:5353"]`)}
	return map[string]render.Input{"location-rules": locations, "maps-and-headers": maps, "settings": settings, "upstreams": upstreams}
}

// TestPlayersAreTold: settings and profiles together say what players are told.
func TestPlayersAreTold(t *testing.T) {
	two := int64(2)
	in := input(server(1, "a.com", "1.2.3.4:1"), with(server(2, "b.com", "1.2.3.4:2"), func(s *fleet.Server) { s.ProfileID = &two }))
	in.Settings = []library.Setting{
		setting(library.SettingFakeCounts, `{"enabled":true,"value":7}`),
		setting(library.SettingDenyMessages, `{"ban":{"EN-us":"out","*":"raus"}}`),
	}
	in.Profiles = append(in.Profiles, library.Profile{ID: 2, Name: "kids", ServiceType: api.Emby, Settings: map[string]json.RawMessage{
		library.SettingFakeCounts: json.RawMessage(`{"enabled":false,"value":0}`), library.SettingDenyMessages: json.RawMessage(`{}`),
	}})
	config, err := render.Render(in)
	check(t, err)
	if c := config.LuaConfigs["1"]; !c.FakeCountsEnabled || c.FakeCountsValue != 7 || c.DenyMessages["ban"]["en-us"] != "out" || c.DenyMessages["ban"]["*"] != "raus" {
		t.Errorf("the default profile says %+v", c)
	}
	if c := config.LuaConfigs["2"]; c.FakeCountsEnabled || len(c.DenyMessages) != 0 {
		t.Errorf("the profile's own values do not win: %+v", c)
	}
	in.Profiles[1].FakeCountsEnabled, in.Profiles[1].FakeCountsValue = true, 9
	config, err = render.Render(in)
	check(t, err)
	if c := config.LuaConfigs["2"]; !c.FakeCountsEnabled || c.FakeCountsValue != 9 {
		t.Errorf("the profile's own counts do not win: %+v", c)
	}
}

// TestMapsThatAreNamed come with what names them, and are missed when they are disabled.
func TestMapsThatAreNamed(t *testing.T) {
	in := libraryGoldens()["maps-and-headers"]
	in.Profiles = []library.Profile{{ID: 1, ServiceType: api.Emby, IsDefault: true}, {ID: 2, ServiceType: api.Emby, ProxyHeaderIDs: []int64{1}}}
	two := int64(2)
	in.Servers[0].ProfileID = &two
	config, err := render.Render(in)
	check(t, err)
	if !strings.Contains(config.RenderedNginx, "$map_place {") || strings.Contains(config.RenderedNginx, "$deny_old_players") || strings.Contains(config.RenderedNginx, "X-Robots-Tag") {
		t.Errorf("the profile selects one header, which names one map:\n%s", config.RenderedNginx)
	}
	in.NginxMaps[1].Enabled = false
	if _, err := render.Render(in); !errors.Is(err, render.ErrInvalid) || !strings.Contains(err.Error(), "place") {
		t.Errorf("a disabled map: %v", err)
	}
}
