package lua_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestProbe: the supervisor's key, and nothing else, shows what stands behind an answer.
func TestProbe(t *testing.T) {
	var forwarded []string
	media := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		forwarded = append(forwarded, r.Header.Values("X-UHD-Probe")...)
		w.WriteHeader(http.StatusTeapot)
	}))
	defer media.Close()
	g := start(t, setup{rules: rulesOf("one", "/blocked"), servers: `
server {
    listen 127.0.0.1:{port} default_server;
    header_filter_by_lua_file {root}/lua/header_filter.lua;
    access_by_lua_file {root}/lua/access.lua;
    location / { proxy_pass ` + media.URL + `; }
}
server {
    listen 127.0.0.1:{port};
    server_name own.test;
    header_filter_by_lua_file {root}/lua/header_filter.lua;
    access_by_lua_block { if ngx.var.uri == "/error" then error("mine") end }
    location / { proxy_pass ` + media.URL + `; proxy_set_header X-UHD-Probe ""; }
}`})
	for name, tt := range map[string]struct {
		host, path, key   string
		status            int
		release, upstream string
	}{
		"probe":                   {"x", "/", probeKey, 204, "one", "-"},
		"probe that is refused":   {"x", "/blocked", probeKey, 403, "one", "-"},
		"wrong key":               {"x", "/", "wrong", 418, "", ""},
		"wrong key, refused":      {"x", "/blocked", "wrong", 403, "", ""},
		"empty key":               {"x", "/", "", 418, "", ""},
		"chain of one's own":      {"own.test", "/", probeKey, 418, "one", "418"},
		"chain that fails":        {"own.test", "/error", probeKey, 500, "one", "-"},
		"failure without the key": {"own.test", "/error", "wrong", 500, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := g.get(t, tt.path, "Host", tt.host, "X-UHD-Probe", tt.key)
			release, upstream := a.Header.Get("X-UHD-Release"), a.Header.Get("X-UHD-Upstream")
			if a.StatusCode != tt.status || release != tt.release || upstream != tt.upstream {
				t.Errorf("got %d, release %q, upstream %q; want %+v", a.StatusCode, release, upstream, tt)
			}
		})
	}
	if got := strings.Join(forwarded, ""); got != "" {
		t.Errorf("the media server saw the probe's header: %q", got)
	}
}

// TestNoProbeWithoutKey: where there is no key, an empty header is not one.
func TestNoProbeWithoutKey(t *testing.T) {
	g := start(t, setup{rules: rulesOf("one", "/blocked")})
	must(t, writeKey(g, "  \n"))
	g.reload(t)
	g.waitRules(t, 2, "one")
	eventually(t, func() error {
		for _, key := range []string{"", probeKey, "nil"} {
			if a := g.get(t, "/", "X-UHD-Probe", key, "Connection", "close"); a.StatusCode != 200 || a.Header.Get("X-UHD-Release") != "" {
				return fmt.Errorf("key %q: %s %v", key, a.Status, a.Header)
			}
		}
		return nil
	})
}
