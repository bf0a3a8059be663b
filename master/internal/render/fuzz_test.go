package render_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/render"
	"github.com/uhdadmin/media-gateway/shared/nginxconf"
)

// FuzzValues types anything into a server's fields. Whatever Validate accepts must pass nginx -t, read
// back as the same values, and add no directive to those that harmless values give.
func FuzzValues(f *testing.F) {
	const cert, key, lua = "/etc/ssl/c.pem", "/etc/ssl/k.pem", "/opt/slave/lua"
	f.Add("a", "emby1.com", "203.0.113.10:8096", cert, key, lua, 80, 443, 1)
	f.Add("ü\n;}", "*.b.com", "[2001:db8::1]:1", cert, key, "/srv/媒体/~%+@,:=", 0, 65535, 1000)
	f.Add("a", strings.Repeat("a", 63)+"."+strings.Repeat("b", 63)+"."+strings.Repeat("c", 63)+"."+strings.Repeat("d", 61), "127.0.0.1:1", "", "", lua, 1, 0, 1)
	f.Add("a", "münchen.example", "localhost:1", cert, key, lua, 8080, 8443, 2)
	for _, bad := range []string{";", "{", "}", "\n", "\"", "'", "$host", "\\", " ", "#", "\x00", "a; include /etc/passwd", "a\";}server{", "\u2028", "\xff"} {
		f.Add(bad, "a.com", "1.2.3.4:1", cert, key, lua, 80, 443, 1)
		f.Add("a", bad, "1.2.3.4:1", cert, key, lua, 80, 443, 1)
		f.Add("a", "a.com", bad, cert, key, lua, 80, 443, 1)
		f.Add("a", "a.com", "1.2.3.4:1", "/x"+bad, key, lua, 80, 443, 1)
		f.Add("a", "a.com", "1.2.3.4:1", cert, "/x"+bad, lua, 80, 443, 1)
		f.Add("a", "a.com", "1.2.3.4:1", cert, key, "/x"+bad, 80, 443, 1)
	}
	f.Fuzz(func(t *testing.T, name, serverName, upstream, cert, key, luaRoot string, http, https, weight int) {
		s := server(1, serverName, upstream)
		s.Name, s.SSLCertPath, s.SSLKeyPath, s.LuaRoot, s.ListenHTTP, s.ListenHTTPS = name, cert, key, luaRoot, http, https
		s.Upstream[0].Weight = weight
		s.SetDefaults()
		config, err := render.Render(input(s))
		if s.Validate() != nil {
			if !errors.Is(err, render.ErrInvalid) {
				t.Fatalf("%+v is invalid, yet Render returned %v", s, err)
			}
			return
		}
		if err != nil {
			t.Fatalf("valid %+v: %v", s, err)
		}
		ds := parse(t, config.RenderedNginx)
		harmless := server(1, "a.com", "1.2.3.4:1")
		harmless.ListenHTTP, harmless.ListenHTTPS, harmless.Upstream[0].Weight = http, https, weight
		if s.ListenHTTP != 0 || s.ListenHTTPS != 0 { // SetDefaults gives both when both are 0
			harmless.ListenHTTP, harmless.ListenHTTPS = s.ListenHTTP, s.ListenHTTPS
		}
		if !s.TLS() {
			noTLS(&harmless)
		}
		plain, err := render.Render(input(harmless))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := shape(ds, 0), shape(parse(t, plain.RenderedNginx), 0); got != want {
			t.Fatalf("%+v renders to other directives:\n%s\nwant\n%s", s, got, want)
		}
		checkValues(t, ds, &s)
		host, _, err := net.SplitHostPort(upstream)
		if _, isName := netip.ParseAddr(host); err != nil || isName != nil && host != "localhost" {
			return // nginx -t would ask DNS
		}
		if out, err := nginxTest(t, config.RenderedNginx); err != nil {
			t.Fatalf("%+v: %v\n%s", s, err, out)
		}
	})
}

// FuzzCustom puts anything into custom_nginx: what is accepted stands in its server block, whole, and
// everything around it is as without it.
func FuzzCustom(f *testing.F) {
	for _, seed := range []string{
		"", "gzip on;", "location /a { return 204; }", "} server { listen 1;", "}", "{", "a", "a;}", "a {", "# }", "#", "a; # b",
		"content_by_lua_block { ngx.say('}') }", "a \"}\";", "a '", "${", "a ${};", "a \\} ;", "server_name b;", "x_by_lua_block {--[[}]]}",
	} {
		f.Add(seed)
	}
	plain, err := render.Render(input(server(1, "a.com", "1.2.3.4:1")))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, custom string) {
		s := server(1, "a.com", "1.2.3.4:1")
		s.CustomNginx = custom
		if s.Validate() != nil {
			return
		}
		config, err := render.Render(input(s))
		if err != nil {
			t.Fatalf("valid %q: %v", custom, err)
		}
		ds, want := parse(t, config.RenderedNginx), parse(t, custom)
		server := ds[len(ds)-1]
		at := -1
		for i := range server.Block {
			if i+len(want) <= len(server.Block) && (len(want) == 0 || reflect.DeepEqual(server.Block[i:i+len(want)], want)) {
				at = i
				break
			}
		}
		if at < 0 {
			t.Fatalf("%q is not in the server block:\n%s", custom, config.RenderedNginx)
		}
		if strings.Contains(custom, "client_max_body_size") || strings.Contains(custom, "send_timeout") ||
			strings.Contains(custom, "ssl_protocols") || strings.Contains(custom, "location") {
			return // takes the place of ours
		}
		server.Block = append(server.Block[:at:at], server.Block[at+len(want):]...)
		if got, want := shape(ds, 0), shape(parse(t, plain.RenderedNginx), 0); got != want {
			t.Fatalf("%q changes what stands around it:\n%s\nwant\n%s", custom, got, want)
		}
	})
}

func parse(t *testing.T, text string) []*nginxconf.Directive {
	t.Helper()
	ds, err := nginxconf.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	nginxconf.Walk(ds, func(d *nginxconf.Directive) { d.Line = 0 })
	return ds
}

// shape is the tree of directives without their arguments' values.
func shape(ds []*nginxconf.Directive, depth int) string {
	var b strings.Builder
	for _, d := range ds {
		fmt.Fprintf(&b, "%*s%s/%d\n", depth*2, "", d.Name, len(d.Args))
		b.WriteString(shape(d.Block, depth+1))
	}
	return b.String()
}

func checkValues(t *testing.T, ds []*nginxconf.Directive, s *fleet.Server) {
	t.Helper()
	block := nginxconf.Servers(ds)[0]
	values := map[string][]string{}
	nginxconf.Walk(ds, func(d *nginxconf.Directive) {
		values[d.Name] = append(values[d.Name], d.Args...)
	})
	want := map[string][]string{
		"server_name":               {s.ServerName},
		"access_by_lua_file":        {s.LuaRoot + "/access.lua"},
		"log_by_lua_file":           {s.LuaRoot + "/log_handler.lua"},
		"header_filter_by_lua_file": {s.LuaRoot + "/header_filter.lua"},
		"set":                       {"$config_profile_id", "1", "$config_server_id", "1"},
	}
	if s.TLS() {
		want["ssl_certificate"], want["ssl_certificate_key"] = []string{s.SSLCertPath}, []string{s.SSLKeyPath}
	}
	for name, w := range want {
		if !reflect.DeepEqual(values[name], w) {
			t.Errorf("%s reads back as %q, want %q", name, values[name], w)
		}
	}
	if got := values["server"][0]; got != s.Upstream[0].Address {
		t.Errorf("upstream reads back as %q, want %q", got, s.Upstream[0].Address)
	}
	ports := map[int]bool{}
	for _, l := range block.Listens {
		ports[l.Port] = l.SSL
	}
	wantPorts := map[int]bool{}
	if s.ListenHTTP != 0 {
		wantPorts[s.ListenHTTP] = false
	}
	if s.TLS() {
		wantPorts[s.ListenHTTPS] = true
	}
	if !reflect.DeepEqual(ports, wantPorts) {
		t.Errorf("listens on %v, want %v", ports, wantPorts)
	}
}
