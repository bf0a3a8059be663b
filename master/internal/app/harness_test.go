package app_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/app"
	"github.com/uhdadmin/media-gateway/master/internal/settings"
	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

const adminPassword = "correct horse battery"

// master is a whole master on a free port, over a database of its own.
type master struct {
	url     string
	metrics string
	dbPath  string
	admin   *client // logged in by session
	stop    func()  // and wait until it has ended; happens at the test's end in any case
}

func startMaster(t *testing.T, environ ...string) *master {
	t.Helper()
	path := filepath.Join(t.TempDir(), "master.db")
	m := &master{dbPath: path}
	base := []string{
		"LISTEN_ADDR=127.0.0.1:0", "METRICS_ADDR=127.0.0.1:0", "DATABASE_URL=sqlite://" + path,
		"ADMIN_USERNAME=root", "ADMIN_PASSWORD=" + adminPassword, "STARTING_SET=false",
	}
	cfg, err := settings.Load(append(base, environ...))
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.New(t.Context(), cfg, slog.New(slog.NewTextHandler(testLog{t}, nil)))
	if err != nil {
		t.Fatal(err)
	}
	scheme := "http://"
	if cfg.TLS() {
		scheme = "https://"
	}
	m.url, m.metrics = scheme+a.Addr().String(), "http://"+a.MetricsAddr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	m.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("master ends with %v", err)
		}
	})
	t.Cleanup(m.stop)
	m.admin = m.login(t, "root", adminPassword)
	return m
}

// onBoth runs a test on a master over SQLite, and on one over PostgreSQL.
func onBoth(t *testing.T, test func(t *testing.T, m *master)) {
	t.Run("sqlite", func(t *testing.T) { test(t, startMaster(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, startMaster(t, "DATABASE_URL="+testbed.Postgres(t))) })
}

// testLog writes the master's log into the test's.
type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(string(bytes.TrimSpace(p)))
	return len(p), nil
}

// client makes requests with a cookie jar or a key.
type client struct {
	base string
	auth string // Authorization header
	http *http.Client
}

// anonymous returns a client that nobody has logged in.
func (m *master) anonymous(t *testing.T) *client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // certificates are the tests' own
	t.Cleanup(transport.CloseIdleConnections)
	return &client{base: m.url, http: &http.Client{Jar: jar, Transport: transport}}
}

func (m *master) login(t *testing.T, username, password string) *client {
	t.Helper()
	c := m.anonymous(t)
	res := c.do(t, "POST", "/api/v1/admin/auth/login", map[string]string{"username": username, "password": password})
	res.want(t, http.StatusOK)
	return c
}

const keysPath = "/api/v1/admin/api-keys"

// withRole returns a client with an API key of the role.
func (m *master) withRole(t *testing.T, role string) *client {
	t.Helper()
	return m.withKey(t, fmt.Sprintf(`{"name": %q, "role": %q}`, t.Name()+" "+role, role))
}

// withKey returns a client with an API key that is made as body says.
func (m *master) withKey(t *testing.T, body string) *client {
	t.Helper()
	res := m.admin.do(t, "POST", keysPath, body)
	res.want(t, http.StatusCreated)
	c := m.anonymous(t)
	c.auth = "Bearer " + res.object(t)["key"].(string)
	return c
}

// response is an answer, read whole.
type response struct {
	*http.Response
	body []byte
	what string
}

// do sends body as JSON, or as it is when it is a string; headers are name, value, ….
func (c *client) do(t *testing.T, method, path string, body any, headers ...string) response {
	t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = bytes.NewReader([]byte(b))
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		reader = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, c.base+path, reader)
	if err != nil {
		t.Fatal(err)
	}
	if reader != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.auth != "" {
		req.Header.Set("Authorization", c.auth)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := c.http.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = res.Body.Close() }()
	content, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return response{res, content, method + " " + path}
}

func (r response) want(t *testing.T, status int) {
	t.Helper()
	if r.StatusCode != status {
		t.Fatalf("%s answers %d, want %d: %s", r.what, r.StatusCode, status, r.body)
	}
}

func (r response) object(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(r.body, &v); err != nil {
		t.Fatalf("%s answers %s: %v", r.what, r.body, err)
	}
	return v
}

// items returns the names (or what field holds) of a list's rows.
func (r response) items(t *testing.T, field string) []string {
	t.Helper()
	r.want(t, http.StatusOK)
	var page struct{ Items []map[string]any }
	if err := json.Unmarshal(r.body, &page); err != nil {
		t.Fatalf("%s answers %s: %v", r.what, r.body, err)
	}
	names := []string{}
	for _, item := range page.Items {
		names = append(names, fmt.Sprint(item[field]))
	}
	return names
}

// problem checks that the answer is a problem with the status and returns it.
func (r response) problem(t *testing.T, status int) api.Problem {
	t.Helper()
	r.want(t, status)
	if ct := r.Header.Get("Content-Type"); ct != api.ContentTypeProblem {
		t.Errorf("%s answers %d with Content-Type %q", r.what, status, ct)
	}
	var p api.Problem
	if err := json.Unmarshal(r.body, &p); err != nil {
		t.Fatalf("%s answers %s: %v", r.what, r.body, err)
	}
	if p.Status != status || p.Title == "" || p.Detail == "" {
		t.Errorf("%s answers the problem %s: want status, title and detail", r.what, r.body)
	}
	return p
}

// names reports whether the problem is about the location, as in body.host.
func names(p api.Problem, location string) bool {
	for _, e := range p.Errors {
		if e.Location == location && e.Message != "" {
			return true
		}
	}
	return false
}

func newServer(name string) map[string]any {
	return map[string]any{
		"name": name, "service_type": "emby", "host": "203.0.113.10", "server_name": name + ".example.com",
		"upstream": "203.0.113.10:8096",
	}
}

// waitFor returns when done says so; a minute is for machines that are very busy.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("waited in vain until %s", what)
}
