package e2e

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFirstConfiguration is the spec's 7.2 and 7.3: the documented log lines, the files, nginx -t, and a
// player's request through three servers of one host.
func TestFirstConfiguration(t *testing.T) {
	g := startGateway(t, nil, "emby1.test", "emby2.test", "emby3.test")

	must(t, g.slave.Log.WaitFor(within(t),
		"Config update available: 0 -> ",
		"Written rendered nginx config to server.conf",
		"Cleared upstream.conf and maps.conf",
		"Nginx config reloaded (multi-server mode, 3 servers)",
	))

	const managed = "# Managed by UHD Slave agent - included in server.conf\n"
	for _, name := range []string{"upstream.conf", "maps.conf"} {
		if got := read(t, g.slave.Root, "conf", name); got != managed {
			t.Errorf("%s holds %q", name, got)
		}
	}
	server := read(t, g.slave.Root, "conf", "server.conf")
	for _, want := range []string{"upstream emby1_test {", "upstream emby2_test {", "upstream emby3_test {", "server_name emby3.test;"} {
		if !strings.Contains(server, want) {
			t.Errorf("server.conf has no %q", want)
		}
	}
	if out, err := exec.Command("nginx", "-t", "-c", filepath.Join(g.slave.Root, "conf", "nginx.conf")).CombinedOutput(); err != nil {
		t.Errorf("nginx -t: %v\n%s", err, out)
	}

	for _, name := range []string{"emby1.test", "emby2.test", "emby3.test"} {
		res := g.do(t, name, "/System/Info/Public")
		body, err := io.ReadAll(res.Body)
		must(t, err)
		must(t, res.Body.Close())
		if res.StatusCode != http.StatusOK || !strings.Contains(string(body), "ServerName") {
			t.Errorf("%s answered %d %s", name, res.StatusCode, body)
		}
	}

	if target, err := os.Readlink(filepath.Join(g.slave.Root, "lua", "access.lua")); err != nil || target != "../conf/access.lua" {
		t.Errorf("lua/access.lua is %q, %v", target, err)
	}
}

// TestRefusedPlayer: a blocked path and a client that is not on the whitelist are refused with a reason,
// and the media server never sees them.
func TestRefusedPlayer(t *testing.T) {
	g := startGateway(t, nil, "jf.test")
	add := func(path string, body map[string]any) {
		t.Helper()
		must(t, g.master.Admin.Do(t.Context(), http.MethodPost, path, body, nil))
	}
	add("players", map[string]any{"client_name": "Jellyfin Web", "min_version": "10.8", "service_type": "jellyfin", "enabled": true})
	add("uri-rules", map[string]any{"name": "logs", "action": "block", "match_type": "prefix", "pattern": "/System/Logs", "service_type": "jellyfin", "enabled": true})
	if d := g.publish(t, "rules"); d.Status != "applied" {
		t.Fatalf("%+v", d)
	}

	client := func(name, version string) string {
		return `MediaBrowser Client="` + name + `", DeviceId="d", Version="` + version + `"`
	}
	for name, tt := range map[string]struct {
		path, auth string
		status     int
	}{
		"allowed":          {"/System/Info/Public", client("Jellyfin Web", "10.11.5"), http.StatusOK},
		"unknown client":   {"/System/Info/Public", client("Ripper", "1.0"), http.StatusForbidden},
		"too old":          {"/System/Info/Public", client("Jellyfin Web", "10.7.9"), http.StatusForbidden},
		"blocked":          {"/System/Logs", client("Jellyfin Web", "10.11.5"), http.StatusForbidden},
		"blocked, spelled": {"/EMBY//system/./logs/", client("Jellyfin Web", "10.11.5"), http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			res := g.do(t, "jf.test", tt.path, "Authorization", tt.auth)
			_ = res.Body.Close()
			if res.StatusCode != tt.status {
				t.Errorf("status %d, want %d", res.StatusCode, tt.status)
			}
			if tt.status == http.StatusForbidden && (res.Header.Get("X-Request-Id") == "" || res.Header.Get("X-UHD-Reason") == "") {
				t.Errorf("a refusal without request id or reason: %v", res.Header)
			}
		})
	}
}

func read(t testing.TB, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	must(t, err)
	return string(b)
}
