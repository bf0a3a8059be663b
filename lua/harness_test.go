package lua_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/lua"
	"github.com/uhdadmin/media-gateway/nginx"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// probeKey is what the tests' nginx takes for a probe of its supervisor.
const probeKey = "KEY-OF-THE-TESTS"

// patience bounds waits for a condition; only something broken takes that long.
const patience = 30 * time.Second

// gateway is a real nginx with the embedded Lua tree and a rules.json.
type gateway struct {
	root string
	port int
	cmd  *exec.Cmd
	log  *safeBuffer // stderr
}

// setup is what a test wants its gateway to be; the zero value serves "passed" behind the chain, with no
// rules at all.
type setup struct {
	rules   string // rules.json; "": no file
	servers string // server.conf; "": one server, see server
	workers int    // 0: 1
}

// server is a server block on port with the three handlers and more directives; what passes the chain
// is answered from content, which no rewrite forestalls.
func server(port int, root, name, more string) string {
	return fmt.Sprintf(`server {
    listen 127.0.0.1:%[1]d;
    server_name %[3]s;
    %[4]s
    access_by_lua_file %[2]s/lua/access.lua;
    header_filter_by_lua_file %[2]s/lua/header_filter.lua;
    log_by_lua_file %[2]s/lua/log_handler.lua;
    location / { content_by_lua_block { ngx.print("passed") } }
}
`, port, root, name, more)
}

// newRoot makes a directory like a SLAVE_ROOT: short, for its sockets, and open to nginx's workers.
func newRoot(tb testing.TB) string {
	tb.Helper()
	root, err := os.MkdirTemp("", "uhd")
	must(tb, err)
	tb.Cleanup(func() { _ = os.RemoveAll(root) })
	must(tb, os.Chmod(root, 0o755))
	for _, dir := range []string{"conf", "run", "spool"} {
		must(tb, os.Mkdir(filepath.Join(root, dir), 0o755))
	}
	must(tb, os.CopyFS(filepath.Join(root, "lua"), lua.Files))
	must(tb, os.WriteFile(filepath.Join(root, "run", "probe.key"), []byte(probeKey+"\n"), 0o600))
	return root
}

// replace: pairs of texts, of nginx.conf and what to put there instead.
func start(tb testing.TB, s setup, replace ...string) *gateway {
	tb.Helper()
	g := &gateway{root: newRoot(tb), port: freePort(tb), log: &safeBuffer{}}
	conf, err := nginx.Render(nginx.Params{Root: g.root, Workers: max(s.workers, 1)})
	must(tb, err)
	conf = []byte(strings.NewReplacer(replace...).Replace(string(conf)))
	if s.servers == "" {
		s.servers = server(g.port, g.root, "_", "")
	} else {
		s.servers = strings.NewReplacer("{port}", fmt.Sprint(g.port), "{root}", g.root).Replace(s.servers)
	}
	files := map[string]string{
		"nginx.conf": string(conf), "upstream.conf": "", "maps.conf": "", "server.conf": s.servers,
	}
	if s.rules != "" {
		files["rules.json"] = s.rules
	}
	for name, text := range files {
		g.write(tb, name, text)
	}
	g.cmd = exec.Command("nginx", "-e", "stderr", "-c", g.path("conf", "nginx.conf"), "-g", "daemon off;")
	g.cmd.Stderr = g.log
	must(tb, g.cmd.Start())
	tb.Cleanup(func() {
		_ = g.cmd.Process.Signal(syscall.SIGTERM)
		_ = g.cmd.Wait()
		if tb.Failed() {
			tb.Logf("nginx said:\n%s", g.log)
		}
	})
	eventually(tb, func() error {
		// An answer, not a connection: it needs a worker, and so all listeners are open.
		conn, err := net.Dial("unix", nginx.AdminSocket(g.path("run")))
		if err != nil {
			return fmt.Errorf("nginx does not answer: %w\n%s", err, g.log)
		}
		defer func() { _ = conn.Close() }()
		if _, err := io.WriteString(conn, "GET /state HTTP/1.0\r\n\r\n"); err != nil {
			return err
		}
		_, err = io.ReadFull(conn, make([]byte, 1))
		return err
	})
	return g
}

func (g *gateway) path(elem ...string) string {
	return filepath.Join(append([]string{g.root}, elem...)...)
}

func (g *gateway) write(tb testing.TB, name, text string) {
	tb.Helper()
	must(tb, os.WriteFile(g.path("conf", name), []byte(text), 0o644))
}

func (g *gateway) reload(tb testing.TB) {
	tb.Helper()
	must(tb, g.cmd.Process.Signal(syscall.SIGHUP))
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body string
}

// get asks for path with pairs of header names and values; Host is one of them.
func (g *gateway) get(tb testing.TB, path string, header ...string) answer {
	return g.do(tb, http.MethodGet, path, header...)
}

func (g *gateway) do(tb testing.TB, method, path string, header ...string) answer {
	tb.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, fmt.Sprintf("http://127.0.0.1:%d%s", g.port, path), nil)
	must(tb, err)
	req.Header.Set("User-Agent", "")
	req.Header.Set("Accept", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
			continue
		}
		if header[i] == "User-Agent" || header[i] == "Accept" {
			req.Header.Del(header[i])
		}
		req.Header.Add(header[i], header[i+1])
	}
	return send(tb, http.DefaultTransport, req)
}

// raw sends a request line that no client library would, and returns the answer.
func (g *gateway) raw(tb testing.TB, target string) (status int, body string) {
	tb.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", g.port))
	must(tb, err)
	defer func() { _ = conn.Close() }()
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", target)
	must(tb, err)
	all, err := io.ReadAll(conn)
	must(tb, err)
	_, err = fmt.Sscanf(string(all), "HTTP/1.1 %d", &status)
	if err != nil {
		tb.Fatalf("%s: answered %q", target, all)
	}
	_, body, _ = strings.Cut(string(all), "\r\n\r\n")
	return status, body
}

// admin calls the admin socket.
func (g *gateway) admin(tb testing.TB, method, path, body string, header ...string) answer {
	tb.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, "http://admin"+path, strings.NewReader(body))
	must(tb, err)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return send(tb, &http.Transport{
		DisableKeepAlives: true, // so that any worker may answer
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", nginx.AdminSocket(g.path("run")))
		},
	}, req)
}

// state is the answer to GET /state.
type state struct {
	PID         int
	Generation  int
	RulesHash   string `json:"rules_hash"`
	ActiveHash  string `json:"active_hash"`
	WorkerCount int    `json:"worker_count"`
	Workers     []struct {
		ID, PID   int
		RulesHash string  `json:"rules_hash"`
		LoadedAt  float64 `json:"loaded_at"`
	}
	Dicts            map[string]struct{ Capacity, Free int64 }
	DecisionsVersion int64                            `json:"decisions_version"`
	RateLimit        struct{ Evicted, Unlimited int } `json:"rate_limit"`
	Usage            struct{ Waiting, Refused int }
}

func (g *gateway) state(tb testing.TB) state {
	tb.Helper()
	var s state
	a := g.admin(tb, http.MethodGet, "/state", "")
	if err := json.Unmarshal([]byte(a.body), &s); err != nil {
		tb.Fatalf("state: %s: %v", a.body, err)
	}
	return s
}

// waitRules waits until all workers of a generation from the given one on report hash.
func (g *gateway) waitRules(tb testing.TB, generation int, hash string) state {
	tb.Helper()
	var s state
	eventually(tb, func() error {
		s = g.state(tb)
		loaded := 0
		for _, w := range s.Workers {
			if w.RulesHash == hash {
				loaded++
			}
		}
		if s.Generation < generation || s.ActiveHash != hash || loaded != s.WorkerCount {
			return fmt.Errorf("waiting for generation %d with rules %s, have %+v", generation, hash, s)
		}
		return nil
	})
	return s
}

func send(tb testing.TB, via http.RoundTripper, req *http.Request) answer {
	tb.Helper()
	resp, err := via.RoundTrip(req)
	must(tb, err)
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	must(tb, err)
	return answer{resp, string(b)}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// eventually waits until condition returns nil; its last error says what is still wrong.
func eventually(tb testing.TB, condition func() error) {
	tb.Helper()
	testbed.Await(tb, patience, condition)
}

func freePort(tb testing.TB) int {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(tb, err)
	defer func() { _ = ln.Close() }()
	return ln.Addr().(*net.TCPAddr).Port
}

// safeBuffer takes nginx's stderr while a test reads it.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func writeKey(g *gateway, key string) error {
	return os.WriteFile(g.path("run", "probe.key"), []byte(key), 0o600)
}
