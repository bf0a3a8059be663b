package nginx

import (
	"bytes"
	"errors"
	"log/slog"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/uhdadmin/media-gateway/shared/nginxconf"
)

func TestNewRefuses(t *testing.T) {
	if _, err := exec.LookPath("nginx"); err != nil {
		t.Skip("SKIPPED: there is no nginx on PATH")
	}
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"no binary":     {Config{Bin: "/no/such/nginx", Root: "/opt/slave"}, "NGINX_BIN"},
		"relative root": {Config{Bin: "nginx", Root: "slave"}, "SLAVE_ROOT"},
		"long root":     {Config{Bin: "nginx", Root: "/" + strings.Repeat("a", 90)}, "SLAVE_ROOT"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(c.cfg)
			contains(t, err, c.want)
		})
	}
	_, err := New(Config{Bin: "nginx", Root: "/" + strings.Repeat("a", 80)})
	if err != nil {
		t.Errorf("a root that fits: %v", err)
	}
}

func TestHostOf(t *testing.T) {
	for names, want := range map[string]string{
		"a.example b.example": "a.example", "~^x *.a.example": "probe.a.example", ".a.example": "a.example",
		"www.* b": "www.invalid", "_": "_", "~^x $hostname": "", "": "",
	} {
		if got := hostOf(strings.Fields(names)); got != want {
			t.Errorf("hostOf(%q) = %q, want %q", names, got, want)
		}
	}
}

func TestMirrorRelocates(t *testing.T) {
	m := newMirror(pathsOf("/opt/slave"), "/opt/slave/releases/abc")
	for text, want := range map[string]string{
		"/opt/slave/lua/access.lua":                    "/opt/slave/run/r/lua/access.lua",
		"/opt/slave/releases/abc/access.lua":           "/opt/slave/run/r/conf/access.lua",
		"/opt/slave/lua/?.lua;;/opt/slave":             "/opt/slave/run/r/lua/?.lua;;/opt/slave/run/r",
		"/opt/slave2/x /data/opt/slave/x /opt/slave.x": "/opt/slave2/x /data/opt/slave/x /opt/slave.x",
		`{ root = "/opt/slave" }`:                      `{ root = "/opt/slave/run/r" }`,
		"unix:/opt/slave/run/admin.sock":               "unix:/opt/slave/run/r/run/admin.sock",
	} {
		if got := m.relocate(text); got != want {
			t.Errorf("relocate(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestMirrorRewrites(t *testing.T) {
	directives, err := nginxconf.Parse([]byte(`
error_log stderr;
stream { server { listen 1; } }
http {
    access_log /var/log/a.log main;
    proxy_temp_path /var/tmp 1 2;
    server { listen 80 reuseport; listen *:80; listen 0.0.0.0:80; listen [::]:80 ipv6only=on; server_name a; }
    server { listen 443 ssl http2 default_server; listen 8080 http2; server_name b; }
    server { server_name c; }
}`))
	if err != nil {
		t.Fatal(err)
	}
	m := newMirror(pathsOf("/r"), "/r/releases/a")
	got := string(nginxconf.Format(m.rewrite(directives)))
	const want = `http {
    access_log off;
    proxy_temp_path /r/run/r/run/space-1 1 2;
    server {
        server_name a;
        listen unix:/r/run/r/run/0.sock;
        listen unix:/r/run/r/run/1.sock;
    }
    server {
        server_name b;
        listen unix:/r/run/r/run/2.sock ssl http2 default_server;
        listen unix:/r/run/r/run/3.sock;
    }
    server {
        server_name c;
        listen unix:/r/run/r/run/0.sock;
    }
}
`
	if got != want {
		t.Errorf("got\n%s", got)
	}
}

// With nginx down, Lua is compiled by luajit, or left to the rehearsal with a warning.
func TestCheckLuaWhileDown(t *testing.T) {
	var logged bytes.Buffer
	server, err := New(Config{Bin: "nginx", Root: t.TempDir(), Log: slog.New(slog.NewTextHandler(&logged, nil))})
	if err != nil {
		t.Skip("SKIPPED: ", err)
	}
	if _, err := exec.LookPath("luajit"); err == nil {
		if err := server.CheckLua(t.Context(), "access.lua", "error('is not run')"); err != nil {
			t.Error(err)
		}
		contains(t, server.CheckLua(t.Context(), "access.lua", "\nif"), "access.lua:2:")
	}
	t.Setenv("PATH", t.TempDir())
	if err := server.CheckLua(t.Context(), "access.lua", "if"); err != nil || !strings.Contains(logged.String(), "not compiled") {
		t.Errorf("got %v, log %s", err, logged.String())
	}
	if err := server.PushRules(t.Context(), nil); !errors.Is(err, ErrDown) {
		t.Errorf("push while down: %v", err)
	}
	if err := server.ReopenLogs(); !errors.Is(err, ErrDown) {
		t.Errorf("reopen while down: %v", err)
	}
}

func TestMetrics(t *testing.T) {
	s := newSlave(t)
	s.commit(s.stage(release{hash: "a"}))
	registry := prometheus.NewRegistry()
	server, stop := s.run(func(c *Config) { c.Registerer = registry })
	s.must(server.Reload(t.Context()))
	const want = `
# HELP uhd_nginx_generation Starts and reloads of the running nginx.
# TYPE uhd_nginx_generation gauge
uhd_nginx_generation 2
# HELP uhd_nginx_reloads_total Reloads by result: ok, refused (by nginx), failed (no answer in time).
# TYPE uhd_nginx_reloads_total counter
uhd_nginx_reloads_total{result="failed"} 0
uhd_nginx_reloads_total{result="ok"} 1
uhd_nginx_reloads_total{result="refused"} 0
# HELP uhd_nginx_up 1 while a worker answers on the admin socket.
# TYPE uhd_nginx_up gauge
uhd_nginx_up 1
# HELP uhd_shared_dict_capacity_bytes Size of a shared dict.
# TYPE uhd_shared_dict_capacity_bytes gauge
uhd_shared_dict_capacity_bytes{dict="config_cache"} 1.048576e+07
uhd_shared_dict_capacity_bytes{dict="rate_limit"} 3.3554432e+07
uhd_shared_dict_capacity_bytes{dict="session_store"} 1.6777216e+07
uhd_shared_dict_capacity_bytes{dict="telemetry_buffer"} 3.3554432e+07
`
	names := []string{"uhd_nginx_generation", "uhd_nginx_reloads_total", "uhd_nginx_up", "uhd_shared_dict_capacity_bytes"}
	s.must(testutil.GatherAndCompare(registry, strings.NewReader(want), names...))
	s.must(stop())
	const down = `
# HELP uhd_nginx_up 1 while a worker answers on the admin socket.
# TYPE uhd_nginx_up gauge
uhd_nginx_up 0
`
	s.must(testutil.GatherAndCompare(registry, strings.NewReader(down), "uhd_nginx_up"))
}

// A log file that was rotated away is opened anew.
func TestReopenLogs(t *testing.T) {
	s := newSlave(t)
	log := filepath.Join(s.root, "run", "test.log")
	s.commit(s.stage(release{hash: "a", http: "access_log " + log + ";"}))
	server, _ := s.run(nil)
	rotated := log + ".1"
	s.must(exec.Command("mv", log, rotated).Run())
	s.eventually("nginx takes signals", func() bool { return server.ReopenLogs() == nil })
	s.eventually("the log is there again", func() bool { return !gone(log) })
}
