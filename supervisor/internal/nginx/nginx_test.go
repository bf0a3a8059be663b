package nginx

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/uhdadmin/media-gateway/lua"
	nginxfiles "github.com/uhdadmin/media-gateway/nginx"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// patience is how long a condition may take on a busy machine; nothing waits for it in vain but a failure.
const patience = 60 * time.Second

func TestMain(m *testing.M) {
	if root := os.Getenv("NGINX_TEST_SUPERVISOR"); root != "" {
		supervise(root)
		return
	}
	goleak.VerifyTestMain(m)
}

// slave is a SLAVE_ROOT with releases that the test makes, and its own port.
type slave struct {
	t    *testing.T
	root string
	port int
	log  bytes.Buffer // of the supervisor

	minBackoff time.Duration // when not the usual one

	mu sync.Mutex // guards log
}

func newSlave(t *testing.T) *slave {
	t.Helper()
	if _, err := exec.LookPath("nginx"); err != nil {
		t.Skip("SKIPPED: there is no nginx on PATH; install nginx with the Lua module (apt-get install libnginx-mod-http-lua)")
	}
	s := &slave{t: t, root: t.TempDir(), port: freePort(t)}
	for _, dir := range []string{"run", "state", "releases", "spool"} {
		s.must(os.MkdirAll(filepath.Join(s.root, dir), 0o755))
	}
	s.must(os.CopyFS(filepath.Join(s.root, "lua"), lua.Files))
	s.must(os.Remove(filepath.Join(s.root, "lua/access.lua")))
	s.must(os.Symlink("../conf/access.lua", filepath.Join(s.root, "lua/access.lua")))
	s.must(os.WriteFile(filepath.Join(s.root, "run/probe.key"), []byte("a key of 128 bits in practice\n"), 0o600))
	return s
}

func (s *slave) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// release is what a test says of one; the rest is as the pipeline writes it.
type release struct {
	hash   string
	http   string // before the server block
	server string // inside the server block; "" answers with the hash
	access string // access.lua; "" is the built-in chain
	extra  string // after the server block
}

// stage writes the release into releases/<hash> and returns that directory.
func (s *slave) stage(r release) string {
	s.t.Helper()
	dir := filepath.Join(s.root, "releases", r.hash)
	s.must(os.MkdirAll(dir, 0o755))
	conf, err := nginxfiles.Render(nginxfiles.Params{Root: s.root, User: "root", Workers: 2})
	s.must(err)
	if r.access == "" {
		builtin, err := lua.Files.ReadFile("access.lua")
		s.must(err)
		r.access = string(builtin)
	}
	if r.server == "" {
		// Not `return`, which answers before the access chain.
		r.server = `location / { content_by_lua_block { ngx.print("release ` + r.hash + `") } }`
	}
	server := fmt.Sprintf(`%s
server {
    listen 127.0.0.1:%d backlog=64 default_server;
    server_name one.example;
    access_by_lua_file %[3]s/lua/access.lua;
    header_filter_by_lua_file %[3]s/lua/header_filter.lua;
    %s
}
%s`, r.http, s.port, s.root, r.server, r.extra)
	rules, err := json.Marshal(map[string]any{
		"hash": r.hash, "version": 1, "default": api.LuaConfig{}, "profiles": map[string]any{}, "rate_limit": api.RateLimits{},
	})
	s.must(err)
	for name, text := range map[string]string{
		"nginx.conf": string(conf), "upstream.conf": "", "maps.conf": "", "server.conf": server,
		"access.lua": r.access, "rules.json": string(rules),
	} {
		s.must(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return dir
}

// commit switches conf to a staged release, as the pipeline does.
func (s *slave) commit(dir string) {
	s.t.Helper()
	temporary := filepath.Join(s.root, "conf.new")
	s.must(os.Symlink(dir, temporary))
	s.must(os.Rename(temporary, filepath.Join(s.root, "conf")))
}

// run starts a Server on the root; the returned function ends it and waits.
func (s *slave) run(change func(*Config)) (*Server, func() error) {
	s.t.Helper()
	cfg := Config{Root: s.root, DrainTimeout: 10 * time.Second, Log: slog.New(slog.NewTextHandler(s, nil)), Registerer: prometheus.NewRegistry()}
	if testing.Verbose() {
		cfg.Stderr = os.Stderr
	} else {
		null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		s.must(err)
		s.t.Cleanup(func() { _ = null.Close() })
		cfg.Stderr = null
	}
	if change != nil {
		change(&cfg)
	}
	server, err := New(cfg)
	s.must(err)
	server.minBackoff = cmp.Or(s.minBackoff, minBackoff)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	var result error
	go func() {
		defer close(ended)
		result = server.Run(ctx)
	}()
	stop := func() error {
		cancel()
		<-ended
		return result
	}
	s.t.Cleanup(func() {
		if err := stop(); err != nil {
			s.t.Errorf("Run: %v", err)
		}
		if s.t.Failed() {
			s.t.Logf("supervisor's log:\n%s", s.logged())
		}
	})
	ready, cancelReady := context.WithTimeout(context.Background(), patience)
	defer cancelReady()
	if err := server.WaitReady(ready); err != nil {
		s.t.Fatalf("%v\n%s", err, s.logged())
	}
	return server, stop
}

// Write makes the slave the target of its supervisor's log.
func (s *slave) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(b)
}

func (s *slave) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

func (s *slave) url(path string) string { return fmt.Sprintf("http://127.0.0.1:%d%s", s.port, path) }

// get returns status and body of one request on a connection of its own.
func (s *slave) get(path string) (int, string, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	resp, err := client.Get(s.url(path))
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// serves fails the test unless the release hash answers.
func (s *slave) serves(hash string) {
	s.t.Helper()
	status, body, err := s.get("/")
	if err != nil || status != http.StatusOK || body != "release "+hash {
		s.t.Fatalf("got %d %q %v, want release %s", status, body, err, hash)
	}
}

// eventually waits until condition holds.
func (s *slave) eventually(what string, condition func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("never: %s\n%s", what, s.logged())
		}
	}
}

// left lists all processes of this root that are still there.
func (s *slave) left() []process {
	s.t.Helper()
	var all []process
	for _, p := range []paths{pathsOf(s.root), pathsOf(pathsOf(s.root).rehearsal)} {
		found, err := p.orphans()
		s.must(err)
		all = append(all, found...)
	}
	return all
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

func contains(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q", err, part)
		}
	}
}

func gone(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}
