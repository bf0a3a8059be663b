package lua_test

import (
	"os"
	"strings"
	"testing"
)

// TestNoSecretInPaths: whatever path a client makes of its token, no log has it; be the request refused, let
// through or answered by nginx itself.
func TestNoSecretInPaths(t *testing.T) {
	g := start(t, setup{rules: chainRules, servers: `server {
		listen 127.0.0.1:{port}; server_name one.test; set $config_server_id "5"; set $config_profile_id "7";
		access_by_lua_file {root}/lua/access.lua; header_filter_by_lua_file {root}/lua/header_filter.lua; log_by_lua_file {root}/lua/log_handler.lua;
		location / { content_by_lua_block { ngx.print("passed") } }
		location /static { return 204; }
	}`})
	const secret = "S3CR3T"
	paths := []string{
		"/Videos/1/stream.mkv;api_key=" + secret, "/Videos/1/stream.mkv%3Fapi_key=" + secret, "/Videos/1/stream.mkv&ApiKey=" + secret,
		"/Videos/1/stream.mkv%3B%61pi_key%3D" + secret, "/Items%253Fapi_key%253D" + secret, "/api_key=" + secret + "/x",
		"/x%0A;X-Emby-Token=" + secret, "/Auth/Keys/" + secret, "/emby/auth/keys/" + secret + "/Delete", "/x;a=b;X-MediaBrowser-Token=" + secret,
		"/x/MediaBrowser%20Token=%22" + secret + "%22", "/x%3FX-Emby-Authorization=" + secret, "/x,access_token=" + secret, "/x;pw=" + secret,
		"/Videos/1/stream.mkv?api_key=" + secret,
	}
	for _, path := range paths {
		for _, base := range []string{"", "/static"} {
			g.get(t, base+path)                                         // refused, or of nginx's own
			g.get(t, base+path, "Authorization", client("Ripper", "1")) // refused by name, or let through
			g.get(t, base+path, "Authorization", client("Jellyfin Web", "10.9"))
		}
	}
	g.get(t, "/static/last")
	g.awaitLog(t, func(l logLine) bool { return l.URI == "/static/last" })
	var cut, left int
	for _, l := range g.logLines(t) {
		if strings.Contains(l.URI, "***") {
			cut++
		} else if l.URI == "" {
			left++
		}
	}
	// nginx leaves the path out where it answers by itself.
	if want := 3 * (len(paths) - 1); cut != want || left != want {
		t.Errorf("%d paths were cut and %d left out, want %d", cut, left, want)
	}
	text, err := os.ReadFile(g.path("spool", "access.log"))
	must(t, err)
	for line := range strings.Lines(string(text) + g.log.String()) {
		if strings.Contains(line, secret) {
			t.Errorf("a log holds the secret: %s", line)
		}
	}
}
