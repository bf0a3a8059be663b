package render_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/render"
	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/nginxconf"
)

// TestAcceptedLibraryRenders: whatever the library accepts passes the real nginx -t, and gives the directives
// that harmless values give, and no other: names, numbers of arguments, blocks and the code in them. SOAK=1 tries
// for minutes.
func TestAcceptedLibraryRenders(t *testing.T) {
	seeds := uint64(12)
	if os.Getenv("SOAK") != "" {
		seeds = 1500
	}
	accepted := 0
	for seed := range seeds {
		g := generator{rand.New(rand.NewPCG(seed, 11))}
		in := g.wholeLibrary()
		accepted += len(in.LocationRules) + len(in.NginxMaps) + len(in.ProxyHeaders)
		config, err := render.Render(in)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		plain, err := render.Render(harmless(in))
		if err != nil {
			t.Fatalf("seed %d, harmless: %v", seed, err)
		}
		got, want := skeleton(parse(t, config.RenderedNginx), 0), skeleton(parse(t, plain.RenderedNginx), 0)
		if got != want {
			t.Fatalf("seed %d renders to other directives:\n%s\n%s", seed, firstDifference(got, want), config.RenderedNginx)
		}
		checkRendered(t, in, parse(t, config.RenderedNginx))
		if out, err := nginxTest(t, config.RenderedNginx); err != nil {
			t.Fatalf("seed %d: nginx -t: %v\n%s\n%s", seed, err, out, config.RenderedNginx)
		}
	}
	if accepted < int(seeds)*20 {
		t.Errorf("only %d rows were accepted: the generator tries nothing", accepted)
	}
}

// checkRendered: values of maps and headers read back as they went in.
func checkRendered(t *testing.T, in render.Input, ds []*nginxconf.Directive) {
	t.Helper()
	for _, m := range in.NginxMaps {
		i := slices.IndexFunc(ds, func(d *nginxconf.Directive) bool {
			return (d.Name == "map" || d.Name == "geo") && d.Args[1] == "$"+m.Variable()
		})
		if i < 0 {
			t.Errorf("there is no map for $%s", m.Variable())
			continue
		}
		block := ds[i].Block
		if len(block) != len(m.Entries)+1 || block[0].Name != "default" || block[0].Args[0] != m.Default {
			t.Errorf("%+v reads back as %d entries", m, len(block))
			continue
		}
		for _, e := range m.Entries {
			if !slices.ContainsFunc(block, func(d *nginxconf.Directive) bool {
				return len(d.Args) == 1 && d.Args[0] == e.Value && (e.MatchType != api.MatchExact || len(e.Pattern) > 40 || d.Name == `\`+e.Pattern)
			}) {
				t.Errorf("%+v of %s does not read back", e, m.Variable())
			}
		}
	}
	for _, h := range in.ProxyHeaders {
		if h.Action != library.HeaderAddResponse {
			continue
		}
		found := false
		nginxconf.Walk(ds, func(d *nginxconf.Directive) {
			found = found || d.Name == "add_header" && d.Args[0] == h.Header && bare.ReplaceAllString(d.Args[1], "$$$1") == bare.ReplaceAllString(h.Value, "$$$1")
		})
		if !found {
			t.Errorf("%+v does not read back", h)
		}
	}
}

// bare makes ${name} and $name alike.
var bare = regexp.MustCompile(`\$\{([a-z_0-9]+)\}`)

// skeleton is the tree of directives, with Lua reduced to what is no text and no number.
func skeleton(ds []*nginxconf.Directive, depth int) string {
	var b strings.Builder
	for _, d := range ds {
		name := d.Name
		if depth > 0 && len(d.Args) == 1 && !d.HasBlock && !strings.Contains(known, " "+name+" ") {
			name = "(key)" // of a map
		}
		fmt.Fprintf(&b, "%*s%s/%d %s\n", depth*2, "", name, len(d.Args), codeOf(d.Lua))
		b.WriteString(skeleton(d.Block, depth+1))
	}
	return b.String()
}

// known are directives with one argument that are no keys of maps.
const known = " keepalive server default_type server_name resolver_timeout access_by_lua_file log_by_lua_file header_filter_by_lua_file client_max_body_size send_timeout proxy_pass proxy_http_version proxy_redirect proxy_buffering proxy_max_temp_file_size proxy_buffer_size proxy_busy_buffers_size proxy_connect_timeout proxy_send_timeout proxy_read_timeout proxy_hide_header listen proxy_ssl_server_name proxy_ssl_name proxy_ssl_verify proxy_ssl_verify_depth proxy_ssl_trusted_certificate ssl_certificate ssl_certificate_key ssl_ciphers ssl_protocols default "

var (
	luaTexts   = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	luaNumbers = regexp.MustCompile(`\b[0-9]+\b`)
)

func codeOf(lua string) string {
	return luaNumbers.ReplaceAllString(luaTexts.ReplaceAllString(lua, `""`), "0")
}

func firstDifference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return fmt.Sprintf("%q instead of %q", as[i], bs[i])
		}
	}
	return fmt.Sprintf("%d lines instead of %d", len(as), len(bs))
}

// wholeLibrary draws rows, most of them at the edge of what is accepted, and keeps those that are.
func (g generator) wholeLibrary() render.Input {
	in := input(server(1, "a.com", "203.0.113.10:8096"))
	for i := range 12 {
		m := library.NewNginxMap()
		m.ID, m.Name, m.Kind, m.Everywhere = int64(i+1), fmt.Sprintf("m%d", i), pick(g, library.MapValue, library.MapDeny), g.IntN(2) == 0
		m.Source = pick(g, "request_method", "remote_addr", "uri", "args", "http_user_agent", "http_x", "arg_q", "cookie_s", g.nasty())
		for range g.IntN(6) {
			m.Entries = append(m.Entries, library.MapEntry{
				MatchType: pick(g, "", api.MatchExact, api.MatchPrefix, api.MatchRegex), Pattern: pick(g, g.nasty(), g.pattern(), "192.0.2.1", "2001:db8::/32"), Value: pick(g, "", "1", g.nasty()),
			})
		}
		m.Default = pick(g, "", g.nasty())
		if m.SetDefaults(); m.Validate() == nil {
			in.NginxMaps = append(in.NginxMaps, m)
		}
	}
	for i := range 40 {
		if r := g.locationRule(int64(i+1), in.NginxMaps); r.Validate() == nil {
			in.LocationRules = append(in.LocationRules, r)
		}
	}
	for i := range 25 {
		h := library.NewProxyHeader()
		h.ID, h.Name = int64(i+1), "h"
		h.Action = pick(g, library.HeaderSetRequest, library.HeaderRemoveRequest, library.HeaderAddResponse, library.HeaderHideResponse)
		h.Header = pick(g, fmt.Sprintf("X-H%d", i), strings.Repeat("X", 44-len(fmt.Sprint(i)))+fmt.Sprint(i), fmt.Sprint(g.nasty(), i))
		if h.Action == library.HeaderSetRequest || h.Action == library.HeaderAddResponse {
			h.Value = g.withVariables(in.NginxMaps)
		}
		if h.SetDefaults(); h.Validate() == nil {
			in.ProxyHeaders = append(in.ProxyHeaders, h)
		}
	}
	for name, value := range map[string]string{
		library.SettingHSTS:        pick(g, "null", `{"max_age":0}`, `{"max_age":315360000,"include_subdomains":true,"preload":true}`),
		library.SettingTLS:         pick(g, `"modern"`, `"intermediate"`, `"old"`),
		library.SettingMaxBodySize: pick(g, `"0"`, `"999999g"`, `"1k"`, `"12"`),
		library.SettingResolver:    pick(g, `[]`, `["::1","127.0.0.1:53","[2001:DB8:0::1]:65535"]`),
		library.SettingHTTP2:       pick(g, "true", "false"),
	} {
		s := library.Setting{ID: int64(len(in.Settings) + 1), Name: name, Value: json.RawMessage(value)}
		if s.SetDefaults(); s.Validate() == nil {
			in.Settings = append(in.Settings, s)
		}
	}
	s := &in.Servers[0]
	s.Upstream, s.UpstreamTLS = g.upstream(), g.upstreamTLS()
	if s.SetDefaults(); s.Validate() != nil {
		s.Upstream, s.UpstreamScheme = fleet.Upstream{{Address: "203.0.113.10:8096", Weight: 1}}, fleet.SchemeHTTP
		s.UpstreamTLSName, s.UpstreamTLSCAPath = "", fleet.DefaultCAPath
	}
	return in
}

func (g generator) locationRule(id int64, maps []library.NginxMap) library.LocationRule {
	r := library.NewLocationRule()
	r.ID, r.Name = id, "r"
	r.Kind = pick(g, library.KindReturn, library.KindRedirect, library.KindProxy, library.KindDeny, library.KindCache)
	r.MatchType = pick(g, api.MatchExact, api.MatchPrefix, api.MatchRegex)
	r.Pattern = g.path()
	if r.MatchType == api.MatchRegex {
		r.Pattern = pick(g, "", "^", "^/") + g.pattern()
	}
	switch r.Kind {
	case library.KindReturn:
		r.Status, r.Body, r.ContentType = pick(g, 0, 200, 204, 404, 503), pick(g, "", g.nasty(), g.text(200)), pick(g, "", "text/html; charset=utf-8", "a/b", g.nasty())
	case library.KindRedirect:
		r.Status, r.Target = pick(g, 0, 301, 308), pick(g, "/", "https://a.example/")+g.withVariables(maps)
	case library.KindProxy:
		r.Upstream, r.UpstreamTLS = g.upstream(), g.upstreamTLS()
	case library.KindDeny:
		r.Status, r.Body = pick(g, 0, 403, 451), pick(g, "", g.nasty())
	case library.KindCache:
		r.MaxAge = pick[int64](g, 0, 1, 315360000)
	}
	r.DenyMaps = pick(g, nil, []string{"delete"}, []string{"post", "delete"})
	for _, m := range maps {
		if m.Kind == library.MapDeny && g.IntN(6) == 0 {
			r.DenyMaps = append(slices.Clone(r.DenyMaps), m.Name)
		}
	}
	r.SkipAccess = r.Kind != library.KindCache && g.IntN(3) == 0
	r.SetDefaults()
	return r
}

func (g generator) upstream() fleet.Upstream {
	var u fleet.Upstream
	for range 1 + g.IntN(4) {
		t := fleet.Target{Address: pick(g, "203.0.113.7:80", "[2001:db8::7]:443", "localhost:1", "emby.invalid:8096", "my_emby:1"), Weight: pick(g, 1, 2, 1000), Backup: g.IntN(5) == 0, FailTimeout: pick(g, 0, 0, 3600)}
		if g.IntN(4) == 0 {
			t.MaxFails = new(g.IntN(1001))
		}
		u = append(u, t)
	}
	return u
}

func (g generator) upstreamTLS() fleet.UpstreamTLS {
	return fleet.UpstreamTLS{
		UpstreamScheme: pick(g, fleet.SchemeHTTP, fleet.SchemeHTTPS), UpstreamTLSVerify: g.IntN(2) == 0,
		UpstreamTLSName: pick(g, "", "a.example", g.nasty()), UpstreamTLSCAPath: pick(g, "", "/etc/ssl/own.pem", "/x"+g.nasty()),
	}
}

// withVariables is text with some of the variables that there are.
func (g generator) withVariables(maps []library.NginxMap) string {
	var b strings.Builder
	for range 1 + g.IntN(4) {
		b.WriteString(pick(g, g.nasty(), "$host", "${remote_addr}x", "$request_uri", "a", "-", "%20"))
		for _, m := range maps {
			if m.Kind == library.MapValue && g.IntN(8) == 0 {
				b.WriteString("${" + m.Variable() + "}")
			}
		}
	}
	return b.String()
}

// nasty is text that means something to nginx, Lua or HTTP.
func (g generator) nasty() string {
	var b strings.Builder
	for range 1 + g.IntN(3) {
		b.WriteString(pick(g, ";", "{", "}", `"`, "'", `\`, "\n", "\r\n", "#", "$", "${", "$host", "]]", "[[", "--", "--[[", "end", `\"`, `\\`, " ", "\t", "a", "Z9", "~", "~*", "default", "hostnames", "include", "volatile", "*", "%", "<", "\x00", "\x7f", "é", "媒体", "}server{", "a; include /etc/passwd", `") os.exit() --`))
	}
	return b.String()
}

// harmless gives every text of in another, and keeps what decides which directives there are.
func harmless(in render.Input) render.Input {
	in.NginxMaps = slices.Clone(in.NginxMaps)
	for i := range in.NginxMaps {
		m := &in.NginxMaps[i]
		m.Entries = slices.Clone(m.Entries)
		for j := range m.Entries {
			if m.Source != "remote_addr" {
				m.Entries[j].Pattern = fmt.Sprintf("p%d", j)
			}
		}
	}
	in.LocationRules = slices.Clone(in.LocationRules)
	for i := range in.LocationRules {
		r := &in.LocationRules[i]
		if r.MatchType == api.MatchRegex { // of the others the length decides on the order
			r.Pattern = "x"
		} else {
			r.Pattern = "/" + strings.Repeat("x", len(r.Pattern)-1)
		}
		if r.Body != "" {
			r.Body = "text"
		}
		if r.ContentType != "" {
			r.ContentType = "text/plain"
		}
	}
	in.ProxyHeaders = slices.Clone(in.ProxyHeaders)
	for i := range in.ProxyHeaders {
		if h := &in.ProxyHeaders[i]; h.Value != "" {
			h.Value = "text"
		}
	}
	return in
}
