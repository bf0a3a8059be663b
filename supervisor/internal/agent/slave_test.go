package agent_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	luatree "github.com/uhdadmin/media-gateway/lua"
	templates "github.com/uhdadmin/media-gateway/nginx"
	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/agent"
	"github.com/uhdadmin/media-gateway/supervisor/internal/masterclient"
	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
	"github.com/uhdadmin/media-gateway/supervisor/internal/release"
)

// slave is an agent with a real nginx, under a SLAVE_ROOT of its own, in front of a media server.
type slave struct {
	root     string
	port     int
	upstream string // host:port of the media server
	log      *logBuffer
	change   func(*agent.Config) // of the next start; may be nil

	agent *agent.Agent
	nginx *nginx.Server
	store *release.Store
	stop  func()
}

func newSlave(t *testing.T) *slave {
	t.Helper()
	// Not t.TempDir: a unix socket's path is short, and nginx's workers must reach it.
	root, err := os.MkdirTemp("", "uhd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	media := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "media %s", r.URL.Path)
		if r.URL.Path == "/stream" { // a film: it ends when the player does
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	}))
	t.Cleanup(media.Close)
	return &slave{root: root, port: freePort(t), upstream: media.Listener.Addr().String(), log: &logBuffer{}}
}

// start boots the slave as the app does.
func (s *slave) start(t *testing.T, m *master) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	conf, err := templates.Render(templates.Params{Root: s.root, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := os.Create(filepath.Join(s.root, "nginx.log"))
	if err != nil {
		t.Fatal(err)
	}
	s.nginx, err = nginx.New(nginx.Config{Root: s.root, DrainTimeout: time.Second, Stderr: stderr, Log: log, Started: func() { s.agent.NginxStarted() }})
	if err != nil {
		t.Fatal(err)
	}
	var tree fs.FS = luatree.Files
	s.store, err = release.Open(release.Config{
		Root: s.root, Lua: tree, NginxConf: conf, Log: log,
		Placeholder: templates.Placeholder(fmt.Sprintf("127.0.0.1:%d", s.port)),
	})
	if err != nil {
		t.Fatal(err)
	}
	client, err := masterclient.New(masterclient.Config{Base: m.URL, Token: "uhd_test"})
	if err != nil {
		t.Fatal(err)
	}
	cfg := agent.Config{
		Master: client, Releases: s.store, Nginx: s.nginx, Version: "test", Token: "uhd_test",
		PullInterval: 200 * time.Millisecond, HeartbeatInterval: 200 * time.Millisecond,
		Log: log, Registerer: prometheus.NewRegistry(),
	}
	if s.change != nil {
		s.change(&cfg)
	}
	if s.agent, err = agent.New(cfg); err != nil {
		t.Fatal(err)
	}
	if err := s.agent.Boot(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.run(t, stderr)
}

func (s *slave) run(t *testing.T, stderr *os.File) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.nginx.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	s.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		_ = s.store.Close()
		_ = stderr.Close()
	})
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Logf("log:\n%s", s.log)
			if text, err := os.ReadFile(filepath.Join(s.root, "nginx.log")); err == nil {
				t.Logf("nginx:\n%s", text)
			}
		}
	})
	ready, done := context.WithTimeout(ctx, 30*time.Second)
	defer done()
	if err := s.nginx.WaitReady(ready); err != nil {
		t.Fatal(err)
	}
	running.Go(func() {
		if err := s.agent.Run(ctx); err != nil {
			t.Error(err)
		}
	})
}

// config is one server block in front of the media server, with lines before it and inside.
func (s *slave) config(outside, inside string) api.Config {
	return s.servers(1, outside, inside)
}

// servers is n server blocks, as the master renders them.
func (s *slave) servers(n int, outside, inside string) api.Config {
	var b strings.Builder
	b.WriteString(outside)
	for i := range n {
		fmt.Fprintf(&b, `
upstream emby%[1]d { server %[2]s; keepalive 4; }
server {
    listen 127.0.0.1:%[3]d;
    server_name emby%[1]d.test;
    set $config_profile_id "p1";
    access_by_lua_file %[4]s/lua/access.lua;
    header_filter_by_lua_file %[4]s/lua/header_filter.lua;
    log_by_lua_file %[4]s/lua/log_handler.lua;
    %[5]s
    location / {
        proxy_pass http://emby%[1]d;
        proxy_set_header Host $host;
    }
}
`, i+1, s.upstream, s.port, s.root, inside)
	}
	return api.Config{
		RenderedNginx: b.String(), SiblingCount: n,
		LuaConfigs: map[string]api.LuaConfig{"p1": blocking("/blocked-by-nobody")},
	}
}

// blocking is rules that block one path.
func blocking(path string) api.LuaConfig {
	return api.LuaConfig{
		SkipList: []api.PathRule{}, BlockList: []api.PathRule{{Pattern: path, MatchType: api.MatchExact}},
		AllowedClients: []string{}, MinVersions: map[string]string{}, ClientPatterns: []api.ClientPattern{},
	}
}

// url of a path at this slave.
func (s *slave) url(path string) string { return fmt.Sprintf("http://127.0.0.1:%d%s", s.port, path) }

// status of a GET at this slave; 0 when nobody answers.
func (s *slave) status(path string) int {
	status, _, _ := get(s.url(path), "emby1.test")
	return status
}

// players asks without pause until the returned function is called, which reports every answer other
// than the media server's.
func (s *slave) players(t *testing.T) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ctx.Err() == nil; n++ {
			path := fmt.Sprintf("/Items/%d", n)
			status, body, err := get(s.url(path), "emby1.test")
			if err != nil || status != http.StatusOK || body != "media "+path {
				t.Errorf("player got %d %q, %v", status, body, err)
				return
			}
			time.Sleep(2 * time.Millisecond)
		}
	}()
	return func() { cancel(); <-done }
}

// stream starts a transfer that lasts until the returned function is called.
func (s *slave) stream(t *testing.T) (end func()) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, s.url("/stream"), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host, req.Close = "emby1.test", true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	end = sync.OnceFunc(func() { _ = resp.Body.Close() })
	t.Cleanup(end)
	return end
}

// state returns nginx's.
func (s *slave) state(t *testing.T) nginx.State {
	t.Helper()
	state, err := s.nginx.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// conf returns a file of the release that `conf` points to.
func (s *slave) conf(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.root, "conf", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
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

// logBuffer is a log that tests read while it is written.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// requireInOrder wants lines to hold these texts, one after the other.
func (l *logBuffer) requireInOrder(t *testing.T, texts ...string) {
	t.Helper()
	rest := l.String()
	for _, text := range texts {
		_, after, found := strings.Cut(rest, text)
		if !found {
			t.Errorf("log lacks %q where it should be", text)
			continue
		}
		rest = after
	}
}
