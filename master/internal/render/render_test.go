package render_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/render"
	"github.com/uhdadmin/media-gateway/shared/api"
)

var update = flag.Bool("update", false, "write the golden files anew")

// server returns a valid server as the spec's example has it.
func server(id int64, name, upstream string) fleet.Server {
	s := fleet.NewServer()
	s.ID, s.Name, s.ServiceType, s.Host, s.ServerName = id, name, api.Emby, "203.0.113.10", name
	s.SSLCertPath = "/etc/nginx/ssl/" + name + "/cert.pem"
	s.SSLKeyPath = "/etc/nginx/ssl/" + name + "/key.pem"
	s.Upstream = fleet.Upstream{{Address: upstream, Weight: 1}}
	return s
}

func with(s fleet.Server, change func(*fleet.Server)) fleet.Server {
	change(&s)
	return s
}

func input(servers ...fleet.Server) render.Input {
	return render.Input{
		Group:    fleet.Group{Host: "203.0.113.10", ServiceType: api.Emby},
		Servers:  servers,
		Profiles: []library.Profile{{ID: 1, Name: "default", ServiceType: api.Emby, IsDefault: true, Unidentified: api.UnidentifiedAllow}},
	}
}

func noTLS(s *fleet.Server) { s.SSLCertPath, s.SSLKeyPath = "", "" }

// goldens are the inputs whose nginx text stands in testdata.
func goldens() map[string]render.Input {
	profile := int64(7)
	three := input(
		server(3, "emby3.com", "203.0.113.10:8098"),
		server(1, "emby1.com", "203.0.113.10:8096"),
		server(2, "emby2.com", "203.0.113.10:8097"),
	)
	custom := input(with(server(1, "emby1.com", "203.0.113.10:8096"), func(s *fleet.Server) {
		s.CustomNginx = "# raw\nclient_max_body_size 1g; add_header X-Custom \"a \\\"b\\\"; c\";\nlocation /robots.txt { return 200 'User-agent: *'; } # end"
		s.ProfileID = &profile
	}))
	custom.Profiles = append(custom.Profiles, library.Profile{ID: 7, Name: "kids", ServiceType: api.Emby})
	trusting := input(server(1, "emby1.com", "203.0.113.10:8096"), with(server(2, "emby2.com", "203.0.113.10:8097"), func(s *fleet.Server) {
		s.CustomNginx = "set_real_ip_from 192.0.2.1; real_ip_header CF-Connecting-IP; real_ip_recursive off;"
	}))
	trusting.Settings = []library.Setting{
		{ID: 1, Name: library.SettingTrustedProxies, Value: json.RawMessage(`["203.0.113.0/24","2001:db8::/32","198.51.100.7"]`)},
		{ID: 2, Name: library.SettingRealIPHeader, Value: json.RawMessage(`"X-Real-IP"`)},
	}
	all := libraryGoldens()
	maps.Copy(all, map[string]render.Input{
		"trusted-proxies": trusting,
		"three-servers":   three,
		"one-server":      input(server(1, "emby1.com", "203.0.113.10:8096")),
		"no-ssl":          input(with(server(1, "emby1.com", "203.0.113.10:8096"), noTLS)),
		"ipv6":            input(server(1, "emby1.com", "[2001:db8::1]:8096")),
		"odd-ports": input(with(server(1, "emby1.com", "203.0.113.10:8096"), func(s *fleet.Server) {
			s.ListenHTTP, s.ListenHTTPS = 8080, 8443
		}), with(server(2, "*.emby2.com", "203.0.113.10:8097"), func(s *fleet.Server) {
			s.ListenHTTP, s.ListenHTTPS = 0, 9443
			s.SSLCertPath, s.SSLKeyPath = "/etc/nginx/ssl/x/cert.pem", "/etc/nginx/ssl/x/key.pem"
			s.Upstream = fleet.Upstream{{Address: "203.0.113.10:8097", Weight: 3}, {Address: "203.0.113.11:8097", Weight: 1}}
		})),
		"custom-nginx": custom,
		"lua-root": input(with(server(1, "emby1.com", "203.0.113.10:8096"), func(s *fleet.Server) {
			s.LuaRoot = "/srv/媒体/lua"
		})),
	})
	return all
}

func TestGolden(t *testing.T) {
	for name, in := range goldens() {
		t.Run(name, func(t *testing.T) {
			config, err := render.Render(in)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".conf")
			if *update {
				if err := os.WriteFile(file, []byte(config.RenderedNginx), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if config.RenderedNginx != string(want) {
				t.Errorf("differs from %s (go test -update writes it anew):\n%s", file, config.RenderedNginx)
			}
			if out, err := nginxTest(t, config.RenderedNginx); err != nil {
				t.Errorf("nginx -t: %v\n%s", err, out)
			}
		})
	}
}

// TestDeterministic renders shuffled input, with others' servers among it, to the same bytes.
func TestDeterministic(t *testing.T) {
	in := goldens()["three-servers"]
	in.Players = []library.Player{{ID: 2, ClientName: "B", ServiceType: library.All, Enabled: true}, {ID: 1, ClientName: "A", ServiceType: library.All, Enabled: true}}
	first, err := render.Render(in)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(in.Servers)
	slices.Reverse(in.Players)
	in.Servers = append(in.Servers,
		with(server(4, "other.com", "203.0.113.10:1"), func(s *fleet.Server) { s.Host = "203.0.113.11" }),
		with(server(5, "jf.com", "203.0.113.10:1"), func(s *fleet.Server) { s.ServiceType = api.Jellyfin }),
		with(server(6, "off.com", "203.0.113.10:1"), func(s *fleet.Server) { s.Enabled = false }))
	second, err := render.Render(in)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(first)
	b, _ := json.Marshal(second)
	if string(a) != string(b) {
		t.Errorf("the same servers render differently:\n%s\n%s", a, b)
	}
	if first.SiblingCount != 3 {
		t.Errorf("sibling_count = %d, want 3", first.SiblingCount)
	}
}

// TestRefused checks that what nginx would serve wrongly is refused with the cure.
func TestRefused(t *testing.T) {
	missing, seven := int64(9), int64(7)
	kids := library.Profile{ID: 7, Name: "kids", ServiceType: api.Emby, PlayerIDs: []int64{1}}
	for name, c := range map[string]struct {
		in   render.Input
		want string
	}{
		"name twice":       {input(server(1, "a.com", "1.2.3.4:1"), server(2, "a.com", "1.2.3.4:2")), "server_name a.com on port 80"},
		"port of two uses": {input(server(1, "a.com", "1.2.3.4:1"), with(server(2, "b.com", "1.2.3.4:2"), func(s *fleet.Server) { s.ListenHTTP = 443; noTLS(s) })), "port 443 is HTTP for one"},
		"unknown profile":  {input(with(server(1, "a.com", "1.2.3.4:1"), func(s *fleet.Server) { s.ProfileID = &missing })), "profile_id 9"},
		"invalid server":   {input(with(server(1, "a.com", "1.2.3.4:1"), func(s *fleet.Server) { s.ServerName = "a.com; include /etc/passwd" })), "server_name"},
		"no default":       {render.Input{Group: fleet.Group{Host: "h", ServiceType: api.Jellyfin}}, "no default profile for jellyfin"},
		"empty whitelist": {func() render.Input {
			in := input(with(server(1, "a.com", "1.2.3.4:1"), func(s *fleet.Server) { s.ProfileID = &seven }))
			in.Profiles = append(in.Profiles, kids)
			in.Players = []library.Player{{ID: 1, ClientName: "A", ServiceType: library.All}}
			return in
		}(), "none of its players is enabled"},
	} {
		_, err := render.Render(c.in)
		if !errors.Is(err, render.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want ErrInvalid with %q", name, err, c.want)
		}
	}
}

func TestUpstreamNamesStayApart(t *testing.T) {
	config, err := render.Render(input(
		server(1, "a.b.com", "1.2.3.4:1"), server(2, "a-b.com", "1.2.3.4:2"), server(3, "a.b-com", "1.2.3.4:3"),
		server(4, "a.b.com.2", "1.2.3.4:4")))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"upstream a_b_com {", "upstream a_b_com_2 {", "upstream a_b_com_3 {", "upstream a_b_com_2_4 {"} {
		if !strings.Contains(config.RenderedNginx, want) {
			t.Errorf("no %q in\n%s", want, config.RenderedNginx)
		}
	}
	if out, err := nginxTest(t, config.RenderedNginx); err != nil {
		t.Errorf("nginx -t: %v\n%s", err, out)
	}
}

// TestLongAndManyNames: these fit the hash sizes of our nginx.conf.
func TestLongAndManyNames(t *testing.T) {
	long := strings.Repeat(strings.Repeat("a", 62)+".", 4)
	short := func(s *fleet.Server) { s.Name = "a"; noTLS(s) }
	many := input()
	for i := range int64(600) {
		many.Servers = append(many.Servers, with(server(i+1, fmt.Sprintf("server-%d.example.com", i), "1.2.3.4:1"), noTLS))
	}
	for name, in := range map[string]render.Input{
		"long": input(with(server(1, long[:249]+".com", "1.2.3.4:1"), short), with(server(3, "*."+long[:251], "1.2.3.4:1"), short), server(2, "b.com", "1.2.3.4:2")),
		"many": many,
	} {
		config, err := render.Render(in)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := nginxTest(t, config.RenderedNginx); err != nil {
			t.Errorf("%s: nginx -t: %v\n%s", name, err, out)
		}
	}
}

func TestRules(t *testing.T) {
	seven := int64(7)
	in := input(server(1, "a.com", "1.2.3.4:1"), with(server(2, "b.com", "1.2.3.4:2"), func(s *fleet.Server) { s.ProfileID = &seven }))
	in.Profiles[0].CustomLua = "return 1"
	in.Profiles = append(in.Profiles,
		library.Profile{ID: 7, ServiceType: api.Emby, PlayerIDs: []int64{3}, URIRuleIDs: []int64{2}, Unidentified: api.UnidentifiedReject},
		library.Profile{ID: 8, ServiceType: api.Emby}, // used by none
		library.Profile{ID: 2, ServiceType: api.Jellyfin, IsDefault: true})
	in.Players = []library.Player{
		{ID: 1, ClientName: "Infuse", MinVersion: "7.0", ServiceType: api.Emby, Enabled: true},
		{ID: 2, ClientName: "Infuse", MinVersion: "6.0", ServiceType: library.All, Enabled: true, UAPatterns: []string{"^Infuse/"}},
		{ID: 3, ClientName: "Web", ServiceType: library.All, Enabled: true},
		{ID: 4, ClientName: "Finamp", ServiceType: api.Jellyfin, Enabled: true},
		{ID: 5, ClientName: "Old", ServiceType: library.All},
	}
	in.URIRules = []library.URIRule{
		{ID: 1, Action: "skip", MatchType: api.MatchExact, Pattern: "/ping", ServiceType: library.All, Enabled: true},
		{ID: 2, Action: "block", MatchType: api.MatchPrefix, Pattern: "/x", ServiceType: api.Emby, Enabled: true},
	}
	config, err := render.Render(in)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal(struct {
		Lua     string
		Default api.LuaConfig
		All     map[string]api.LuaConfig
		Limits  api.RateLimits
	}{config.RenderedLua, config.LuaConfig, config.LuaConfigs, config.RateLimitConfig})
	const streams = `"deny_message":"","fake_counts_enabled":false,"fake_counts_value":0,"concurrent_streams":{"max_streams":0,"action_on_exceed":"","deny_message":""}`
	const fallback = `{"skip_list":[{"pattern":"/ping","match_type":"exact"}],"block_list":[{"pattern":"/x","match_type":"prefix"}],"allowed_clients":["Infuse","Web"],"min_versions":{"Infuse":"7.0"},"client_patterns":[{"name":"Infuse","pattern":"^Infuse/"}],"unidentified":"allow",` + streams + `}`
	const kids = `{"skip_list":[],"block_list":[{"pattern":"/x","match_type":"prefix"}],"allowed_clients":["Web"],"min_versions":{},"client_patterns":[],"unidentified":"reject",` + streams + `}`
	want := `{"Lua":"return 1","Default":` + fallback + `,"All":{"1":` + fallback + `,"7":` + kids + `},"Limits":{"rules":[],"enforcements":[],"stream_rules":[]}}`
	if string(got) != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	for _, set := range []string{`set $config_profile_id "1";`, `set $config_profile_id "7";`} {
		if strings.Count(config.RenderedNginx, set) != 1 {
			t.Errorf("not exactly one %s", set)
		}
	}
}

func TestNoServers(t *testing.T) {
	config, err := render.Render(input())
	if err != nil || config.SiblingCount != 0 {
		t.Fatalf("%+v, %v", config, err)
	}
	if out, err := nginxTest(t, config.RenderedNginx); err != nil {
		t.Errorf("nginx -t: %v\n%s", err, out)
	}
}

// whole is a host of 200 servers with a library of everything.
func whole() render.Input {
	in := libraryGoldens()["maps-and-headers"]
	in.LocationRules = libraryGoldens()["location-rules"].LocationRules
	in.Servers = nil
	for i := range int64(200) {
		in.Servers = append(in.Servers, server(i+1, fmt.Sprintf("server-%d.example.com", i), "203.0.113.10:8096"))
	}
	return in
}

// large is a library of 5,000 rules.
func large() render.Input {
	in := input(server(1, "a.com", "203.0.113.10:8096"))
	p := library.Profile{ID: 2, Name: "picks", ServiceType: api.Emby}
	for i := range int64(5000) {
		r := library.NewURIRule()
		r.ID, r.Name, r.Action = i+1, "r", library.ActionBlock
		r.MatchType, r.Pattern = api.MatchRegex, fmt.Sprintf("^/items/%d/(download|file)", i)
		in.URIRules = append(in.URIRules, r)
		p.URIRuleIDs = append(p.URIRuleIDs, r.ID)
	}
	in.Profiles = append(in.Profiles, p)
	in.Servers[0].ProfileID = &p.ID
	return in
}

// TestLargeInputs: what the benchmarks render is what nginx takes.
func TestLargeInputs(t *testing.T) {
	config, err := render.Render(whole())
	check(t, err)
	if out, err := nginxTest(t, config.RenderedNginx); err != nil && !strings.Contains(out, "test is successful") {
		t.Errorf("200 servers: %v\n%s", err, out)
	}
	config, err = render.Render(large())
	check(t, err)
	if n := len(config.LuaConfigs["2"].BlockList); n != 5000 {
		t.Errorf("%d of 5,000 rules", n)
	}
}

func BenchmarkRender200(b *testing.B) {
	plain := whole()
	plain.LocationRules, plain.NginxMaps, plain.ProxyHeaders = nil, nil, nil
	for name, in := range map[string]render.Input{"servers": plain, "servers and a library": whole()} {
		b.Run(name, func(b *testing.B) { benchmark(b, in) })
	}
}

// BenchmarkRender5000 renders a library of 5,000 rules, in two profiles.
func BenchmarkRender5000(b *testing.B) { benchmark(b, large()) }

func benchmark(b *testing.B, in render.Input) {
	for b.Loop() {
		if _, err := render.Render(in); err != nil {
			b.Fatal(err)
		}
	}
}
