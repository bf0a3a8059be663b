package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/agent"
	"github.com/uhdadmin/media-gateway/supervisor/internal/pid1"
	"github.com/uhdadmin/media-gateway/supervisor/internal/settings"
)

// With PLAY set the test binary is the supervisor.
func TestMain(m *testing.M) {
	if os.Getenv("PLAY") == "supervisor" {
		main()
	}
	os.Exit(m.Run())
}

// command is a supervisor's. It has no context: that of a test ends before its cleanups, and would kill
// a supervisor that is to drain its nginx.
func command(env []string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append([]string{"PLAY=supervisor", "PATH=" + os.Getenv("PATH")}, env...)
	return cmd
}

func TestCommands(t *testing.T) {
	good := []string{"APP_TOKEN=uhd_x", "API_BASE=http://127.0.0.1:1"}
	for name, tt := range map[string]struct {
		env    []string
		args   []string
		status int
		want   string // in what it prints
	}{
		"version":         {nil, []string{"version"}, 0, "dev"},
		"help":            {nil, []string{"--help"}, 0, "usage: uhd-supervisor"},
		"unknown command": {nil, []string{"serve"}, 2, `unknown command "serve"`},
		"arguments":       {nil, []string{"run", "fast"}, 2, `unknown command "run fast"`},
		"no token":        {good[1:], nil, 2, "uhd-supervisor: APP_TOKEN is required: it takes the slave's token, uhd_…, as the master showed it when it was made\n"},
		"bad log level":   {append(good, "LOG_LEVEL=loud"), nil, 2, `uhd-supervisor: LOG_LEVEL is "loud": it takes debug, info, warn or error` + "\n"},
		"bad root":        {append(good, "SLAVE_ROOT=/dev/null/x", "METRICS_ADDR=127.0.0.1:0"), nil, 1, "SLAVE_ROOT"},
		"not running":     {[]string{"METRICS_ADDR=127.0.0.1:1"}, []string{"healthcheck"}, 1, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := command(tt.env, tt.args...)
			out, _ := cmd.CombinedOutput()
			if got := cmd.ProcessState.ExitCode(); got != tt.status {
				t.Errorf("exit status = %d, want %d", got, tt.status)
			}
			if !strings.Contains(string(out), tt.want) {
				t.Errorf("output = %s, want %s", out, tt.want)
			}
			if tt.status == 2 && tt.args == nil && strings.Count(string(out), "\n") != 1 {
				t.Errorf("output = %s, want one line", out)
			}
		})
	}
}

// TestHelpNamesEveryVariable, each with its default and what it takes.
func TestHelpNamesEveryVariable(t *testing.T) {
	out, err := command(nil, "--help").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	fields := 0
	for field := range reflect.TypeFor[settings.Settings]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("env"), ",")
		if name == "-" {
			continue // read from another one
		}
		for _, want := range []string{"  " + name, field.Tag.Get("envDefault"), field.Tag.Get("takes")} {
			if name == "" || field.Tag.Get("takes") == "" || !strings.Contains(string(out), want) {
				t.Errorf("%s: help lacks %q", field.Name, want)
			}
		}
		fields++
	}
	if fields < 15 {
		t.Errorf("%d variables", fields)
	}
}

func TestMonitorAddress(t *testing.T) {
	for addr, want := range map[string]string{
		"": "127.0.0.1:9145", ":9145": "127.0.0.1:9145", "0.0.0.0:1": "127.0.0.1:1", "[::]:2": "[::1]:2", "10.0.0.1:3": "10.0.0.1:3",
	} {
		if got := monitorAddress(addr); got != want {
			t.Errorf("monitorAddress(%q) = %q, want %q", addr, got, want)
		}
	}
}

// TestLifecycle: under the init, a slave becomes ready with its first configuration, drains on SIGQUIT
// and exits 0.
func TestLifecycle(t *testing.T) {
	r := newRig(t)
	r.publish(t)
	cmd := r.start(t, pid1.Variable+"=1")
	r.awaitVersion(t, 1)
	if out, err := command([]string{"METRICS_ADDR=" + r.metrics}, "healthcheck").CombinedOutput(); err != nil {
		t.Errorf("healthcheck: %v: %s", err, out)
	}
	for _, path := range []string{"/metrics", "/healthz", "/readyz", "/status"} {
		if status, _ := r.get("http://" + r.metrics + path); status != http.StatusOK {
			t.Errorf("%s = %d", path, status)
		}
	}
	if _, body := r.get("http://" + r.metrics + "/metrics"); !strings.Contains(body, "\nuhd_config_version 1.7") {
		t.Error("/metrics has no version")
	}
	// An edit by hand is noticed and undone.
	server := filepath.Join(r.root, "conf", "server.conf")
	if err := os.WriteFile(server, []byte("# edited\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.eventually(t, "the restored file", func() bool {
		text, err := os.ReadFile(server)
		return err == nil && string(text) == r.config.RenderedNginx
	})
	if err := cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGQUIT: %v, want exit 0; log:\n%s", err, r.log)
	}
	if status, _ := r.get(r.url()); status != 0 {
		t.Errorf("nginx still answers %d", status)
	}
}

// TestKilled: whenever the supervisor is killed during an apply, the next one serves a complete release,
// old or new, and no orphan holds a port.
func TestKilled(t *testing.T) {
	r := newRig(t)
	r.publish(t)
	cmd := r.start(t)
	r.awaitVersion(t, 1)
	for round := range 25 {
		r.publish(t)
		time.Sleep(rand.N(400 * time.Millisecond)) // an apply takes about as long
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		cmd = r.start(t)
		// Whatever serves first is whole: conf, server and rules name one version.
		r.eventually(t, "a ready slave", func() bool { status, _ := r.get("http://" + r.metrics + "/readyz"); return status == http.StatusOK })
		if status, _ := r.get(r.url()); status != http.StatusOK {
			t.Errorf("round %d: ready, and answers %d", round, status)
		}
		r.requireWhole(t, round)
		r.awaitVersion(t, r.version())
	}
}

// rig is a master of one file, a supervisor's environment, and its log.
type rig struct {
	root, metrics string
	port          int
	master        *httptest.Server
	log           *lockedBuffer

	mu      sync.Mutex
	config  api.Config
	changed chan struct{}
	checkIn *api.CheckInAnswer // to all; nil: the master offers none
}

func newRig(t *testing.T) *rig {
	t.Helper()
	root, err := os.MkdirTemp("", "uhd") // not t.TempDir: sockets need short paths
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	r := &rig{root: root, port: freePort(t), log: &lockedBuffer{}, changed: make(chan struct{})}
	r.metrics = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	r.master = httptest.NewServer(r)
	t.Cleanup(r.master.Close)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log:\n%s", r.log)
		}
	})
	return r
}

// start runs the supervisor; the test's end stops it and its nginx.
func (r *rig) start(t *testing.T, env ...string) *exec.Cmd {
	t.Helper()
	cmd := command(append(env,
		"APP_TOKEN=uhd_x", "API_BASE="+r.master.URL, "SLAVE_ROOT="+r.root, "METRICS_ADDR="+r.metrics,
		fmt.Sprintf("PLACEHOLDER_LISTEN=127.0.0.1:%d", r.port), "RELOAD_MIN_INTERVAL=0", "DRAIN_TIMEOUT=2", "CONFIG_PULL_INTERVAL=1"))
	// Its own goroutine copies: a killed supervisor's nginx may hold the pipe for a moment longer.
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = r.log, r.log, 100*time.Millisecond
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Signal(syscall.SIGTERM)
			_ = cmd.Wait()
		}
	})
	return cmd
}

// publish makes the next version, which says its number in its answers and in its rules.
func (r *rig) publish(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.config.SnapshotID + 1
	cfg := api.Config{
		Version: 1700000000 + n, SnapshotID: n, Epoch: 1, Mode: api.ModeMultiServer,
		RenderedNginx: fmt.Sprintf(`server {
    listen 127.0.0.1:%d;
    server_name kill.test;
    access_by_lua_file %[2]s/lua/access.lua;
    header_filter_by_lua_file %[2]s/lua/header_filter.lua;
    location / { add_header X-Version %[3]d; return 200 "version %[3]d"; }
}
`, r.port, r.root, n),
		LuaConfigs: map[string]api.LuaConfig{},
	}
	r.set(t, cfg)
}

// set makes cfg what the master wants. It needs the lock.
func (r *rig) set(t *testing.T, cfg api.Config) {
	t.Helper()
	document, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.ConfigHash, err = api.ContentHash(document); err != nil {
		t.Fatal(err)
	}
	r.config = cfg
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *rig) version() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.config.SnapshotID
}

// ServeHTTP is the master.
func (r *rig) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	cfg, changed, checkIn := r.config, r.changed, r.checkIn
	r.mu.Unlock()
	var answer any = struct{}{}
	switch {
	case strings.HasSuffix(req.URL.Path, "/sessions/checkin"):
		if checkIn == nil {
			http.NotFound(w, req)
			return
		}
		answer = checkIn
	case strings.HasSuffix(req.URL.Path, "/config"):
		answer = cfg
	case strings.HasSuffix(req.URL.Path, "/version"):
		if req.FormValue("wait") != "" && req.FormValue("hash") == cfg.ConfigHash {
			select {
			case <-changed:
			case <-req.Context().Done():
			}
			r.mu.Lock()
			cfg = r.config
			r.mu.Unlock()
		}
		answer = api.Version{Version: cfg.Version, SnapshotID: cfg.SnapshotID, Epoch: cfg.Epoch, ConfigHash: cfg.ConfigHash}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (r *rig) url() string { return fmt.Sprintf("http://127.0.0.1:%d/", r.port) }

// get returns status and body; 0 when nobody answers.
func (r *rig) get(url string) (int, string) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return 0, ""
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, ""
	}
	return resp.StatusCode, string(body)
}

// awaitVersion waits until the supervisor says that it serves version n, and nginx does.
func (r *rig) awaitVersion(t *testing.T, n int64) {
	t.Helper()
	r.eventually(t, fmt.Sprintf("version %d", n), func() bool {
		var status agent.Status
		_, body := r.get("http://" + r.metrics + "/status")
		_ = json.Unmarshal([]byte(body), &status) // nobody answers yet: version 0
		_, served := r.get(r.url())
		return status.Release.SnapshotID == n && status.Status == agent.Ready && served == fmt.Sprintf("version %d", n)
	})
}

// requireWhole wants `conf` to be one release, with the rules of its own hash.
func (r *rig) requireWhole(t *testing.T, round int) {
	t.Helper()
	target, err := os.Readlink(filepath.Join(r.root, "conf"))
	if err != nil {
		t.Fatalf("round %d: %v", round, err)
	}
	rules, err := os.ReadFile(filepath.Join(r.root, target, "rules.json"))
	if err != nil || !strings.Contains(string(rules), filepath.Base(target)) {
		t.Errorf("round %d: rules.json of %s = %.120s, %v", round, target, rules, err)
	}
	server, err := os.ReadFile(filepath.Join(r.root, target, "server.conf"))
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(server)), "}") {
		t.Errorf("round %d: server.conf of %s = %.120s, %v", round, target, server, err)
	}
}

func (r *rig) eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().(*net.TCPAddr).Port
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
