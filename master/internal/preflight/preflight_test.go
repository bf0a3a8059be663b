package preflight_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/preflight"
	"github.com/uhdadmin/media-gateway/master/internal/render"
	"github.com/uhdadmin/media-gateway/shared/api"
)

var group = fleet.Group{Host: "203.0.113.10", ServiceType: api.Emby}

// newChecker returns a checker with the metrics it registers.
func newChecker(t *testing.T, cfg preflight.Config) (*preflight.Checker, *prometheus.Registry) {
	t.Helper()
	reg := prometheus.NewRegistry()
	cfg.Log, cfg.Registry = slog.New(slog.DiscardHandler), reg
	return preflight.New(cfg), reg
}

// served is a group of two servers; change changes the second.
func served(change func(*fleet.Server), rules ...library.URIRule) render.Input {
	in := render.Input{
		Group:    group,
		Profiles: []library.Profile{{ID: 1, Name: "Default", ServiceType: api.Emby, IsDefault: true}},
		URIRules: rules,
	}
	for i, name := range []string{"a.example.com", "b.example.com"} {
		s := fleet.NewServer()
		s.ID, s.Name, s.ServiceType, s.Host, s.ServerName = int64(i+1), "emby"+string(rune('1'+i)), group.ServiceType, group.Host, name
		s.Upstream = fleet.Upstream{{Address: "203.0.113.20:8096", Weight: 1}}
		s.SSLCertPath, s.SSLKeyPath = "/etc/nginx/ssl/"+name+"/cert.pem", "/etc/nginx/ssl/"+name+"/key.pem"
		in.Servers = append(in.Servers, s)
	}
	if change != nil {
		change(&in.Servers[1])
	}
	return in
}

func check(t *testing.T, c *preflight.Checker, in render.Input) preflight.Verdict {
	t.Helper()
	config, origins, err := render.Trace(in)
	if err != nil {
		t.Fatal(err)
	}
	result, err := c.Check(t.Context(), config, origins)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// TestPasses: what only the slave has does not fail here, whatever listens on this machine.
func TestPasses(t *testing.T) {
	c, reg := newChecker(t, preflight.Config{})
	custom := "location /x { proxy_pass http://nowhere.invalid:8080/y; }\nlocation /n { proxy_pass http://10.0.0.1; }\n" +
		"include /etc/nginx/snippets/mine.conf;\nssl_client_certificate /etc/nginx/ca.pem;\n" +
		"access_log /var/log/nginx/mine.log;\nlisten 8444 ssl http2 reuseport;\nlisten 192.0.2.7:8445 ssl;"
	r := check(t, c, served(func(s *fleet.Server) { s.CustomNginx = custom }))
	if r.Status != preflight.Passed {
		t.Fatalf("%+v", r)
	}
	for _, want := range []string{"server 2 (emby2), custom_nginx: http://nowhere.invalid:8080/y is resolved", "server 2 (emby2), custom_nginx: /etc/nginx/snippets/mine.conf is a file"} {
		if !strings.Contains(strings.Join(r.Skipped, "\n"), want) {
			t.Errorf("skipped %q, want %q among it", r.Skipped, want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "uhd-pf*")); len(left) != 0 {
		t.Logf("stages at this moment: %v", left) // perhaps of another test
	}
	// The same again is known.
	check(t, c, served(func(s *fleet.Server) { s.CustomNginx = custom }))
	if n := runs(t, reg, "passed"); n != 1 {
		t.Errorf("nginx was asked %v times, want once", n)
	}
}

func runs(t *testing.T, reg *prometheus.Registry, result string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "uhd_preflight_runs_total" {
			continue
		}
		for _, m := range f.Metric {
			if m.Label[0].GetValue() == result {
				return m.Counter.GetValue()
			}
		}
	}
	return 0
}

// TestFails: the result names the line, what stands there, and what to change.
func TestFails(t *testing.T) {
	c, reg := newChecker(t, preflight.Config{})
	for name, f := range map[string]struct {
		custom, cause, text string
	}{
		"unknown directive": {"gzip on;\nno_such_thing 1;", `unknown directive "no_such_thing"`, "no_such_thing 1;"},
		"duplicate":         {"server_tokens off;\nserver_tokens off;", `"server_tokens" directive is duplicate`, "server_tokens off;"},
		"value":             {"client_max_body_size lots;", `"client_max_body_size" directive invalid value`, "client_max_body_size lots;"},
		"not here":          {"worker_processes 4;", `"worker_processes" directive is not allowed here`, "worker_processes 4;"},
		"in a block":        {"location /a {\n    expires soon;\n}", `invalid value`, "expires soon;"},
		"port":              {"listen 70000;", "invalid port", "listen 70000;"},
	} {
		t.Run(name, func(t *testing.T) {
			r := check(t, c, served(func(s *fleet.Server) { s.CustomNginx = f.custom }))
			want := render.Origin{Resource: "servers", ID: 2, Name: "emby2", Field: "custom_nginx"}
			if r.Status != preflight.Failed || !strings.Contains(r.Cause, f.cause) || r.Text != f.text || r.Origin == nil || *r.Origin != want {
				t.Errorf("%+v (%v)", r, r.Origin)
			}
			if strings.Contains(r.Cause, os.TempDir()) {
				t.Errorf("the cause shows where it was staged: %s", r.Cause)
			}
		})
	}
	if n := runs(t, reg, "failed"); n != 6 {
		t.Errorf("%v failures counted, want 6", n)
	}
}

// TestRules: rules and Lua are compiled as a slave does.
func TestRules(t *testing.T) {
	c, _ := newChecker(t, preflight.Config{})
	bad := library.URIRule{ID: 7, Name: "odd", Action: library.ActionBlock, MatchType: api.MatchRegex, Pattern: "/x(", ServiceType: library.All, Enabled: true}
	r := check(t, c, served(nil, bad))
	if r.Status != preflight.Failed || r.Text != "/x(" || !strings.Contains(r.Field, "block_list[0]") || r.Cause == "" {
		t.Errorf("a pattern that is none: %+v", r)
	}
	in := served(nil)
	in.Profiles[0].CustomLua = "local a = 1\nlocal = 2"
	r = check(t, c, in)
	if r.Status != preflight.Failed || !strings.Contains(r.Cause, "access.lua:2") || r.Text != "local = 2" || r.Origin == nil || r.Origin.Field != "custom_lua" {
		t.Errorf("Lua that does not compile: %+v", r)
	}
	in.Profiles[0].CustomLua = "os.exit(1)" // compiled, never run
	if r = check(t, c, in); r.Status != preflight.Passed {
		t.Errorf("Lua that compiles: %+v", r)
	}
}

// TestNotRun: without an nginx that can run a gateway the result says so, and how to get one.
func TestNotRun(t *testing.T) {
	missing, reg := newChecker(t, preflight.Config{Bin: "/nowhere/nginx"})
	r := check(t, missing, served(nil))
	if r.Status != preflight.NotRun || !strings.Contains(r.Cause, "NGINX_BIN") {
		t.Errorf("%+v", r)
	}
	if n := runs(t, reg, "not_run"); n != 1 {
		t.Errorf("%v counted", n)
	}
	poor := filepath.Join(t.TempDir(), "nginx")
	script := "#!/bin/sh\necho 'nginx: [emerg] unknown directive \"lua_package_path\" in '$4':30' >&2\nexit 1\n"
	if err := os.WriteFile(poor, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	without, _ := newChecker(t, preflight.Config{Bin: poor})
	if r := check(t, without, served(nil)); r.Status != preflight.NotRun || !strings.Contains(r.Cause, "Lua module") {
		t.Errorf("without Lua: %+v", r)
	}
	off, _ := newChecker(t, preflight.Config{Mode: preflight.Off})
	if r := check(t, off, served(nil)); r.Status != preflight.NotRun || !strings.Contains(r.Cause, "PREFLIGHT") {
		t.Errorf("off: %+v", r)
	}
}

func TestCanceled(t *testing.T) {
	c, reg := newChecker(t, preflight.Config{})
	config, origins, err := render.Trace(served(nil))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Check(ctx, config, origins); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if n, err := testutil.GatherAndCount(reg, "uhd_preflight_seconds"); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
}
