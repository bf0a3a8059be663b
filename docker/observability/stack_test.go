package observability_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/standin"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// patience bounds every wait for a condition: long, since only what is broken meets it.
const patience = 2 * time.Minute

// stack is a gateway in which everything that has a metric is at work: a master on PostgreSQL, a slave with
// Redis, TLS and a media server whose API it asks, and three hosts that have no slave, one of which says that it
// refused its configuration.
type stack struct {
	dir      string
	master   *testbed.Master
	slave    *testbed.Slave
	database *testbed.Forwarder
	port     int // of the proxy
	token    string
	failed   string // token of failedHost's slave
}

const (
	mediaKey   = "an-administrators-key"
	slaveHost  = "127.0.0.1"
	failedHost = "203.0.113.98"
	silentHost = "203.0.113.99"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	port, err := testbed.FreePort()
	must(t, err)
	return port
}

// eventually returns once check does not fail, which it must within patience.
func eventually(t testing.TB, check func() error) {
	t.Helper()
	testbed.Await(t, patience, check)
}

func startStack(t *testing.T) *stack {
	t.Helper()
	dir, err := os.MkdirTemp("", "uhd") // short: of unix sockets, and any user may enter it
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	must(t, testbed.Build(dir, "master", "supervisor"))
	s := &stack{dir: dir, port: freePort(t)}
	var databaseURL string
	s.database, databaseURL = testbed.PostgresOverTCP(t, testbed.Postgres(t))
	s.database.Restore(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s.master, err = testbed.StartMaster(ctx, testbed.MasterConfig{
		Bin: filepath.Join(dir, "uhd-master"), Dir: dir, Port: freePort(t), MetricsPort: freePort(t),
		Username: "admin", Password: "correct horse battery", Env: []string{"DATABASE_URL=" + databaseURL},
	})
	must(t, err)
	stopAtEnd(t, s.master.Process)

	media := httptest.NewServer(standin.New(standin.Options{Users: map[string]string{"ann": "a"}, Keys: []string{mediaKey}}))
	t.Cleanup(media.Close)
	redis := testbed.Redis(t)
	s.register(t, strings.TrimPrefix(media.URL, "http://"))
	s.slave, err = testbed.StartSlave(testbed.SlaveConfig{
		Bin: filepath.Join(dir, "uhd-supervisor"), Root: filepath.Join(dir, "slave"), MasterURL: s.master.URL, Token: s.token,
		MetricsPort: freePort(t), PlaceholderPort: freePort(t),
		Env: []string{
			"RELOAD_MIN_INTERVAL=0", "CONFIG_PULL_INTERVAL=1s", "DRAIN_TIMEOUT=2s", "HEARTBEAT_INTERVAL=1", "TELEMETRY_FLUSH_INTERVAL=1",
			"QUOTA_SYNC_INTERVAL=1", "SESSION_HEARTBEAT_INTERVAL=1", "TOKEN_RESOLVE_INTERVAL=1",
			"EMBY_SERVER_URL=1=" + media.URL + ",2=" + media.URL, "EMBY_API_KEY=1=" + mediaKey + ",2=" + mediaKey, "REDIS_URL=redis://" + redis.Addr,
		},
	})
	must(t, err)
	stopAtEnd(t, s.slave.Process)
	return s
}

// register makes the servers, rules and tokens, and publishes.
func (s *stack) register(t *testing.T, upstream string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Join(s.dir, "slave"), 0o755))
	must(t, os.MkdirAll(filepath.Join(s.dir, "tls"), 0o755))
	cert, key, err := testbed.WriteCertificate(filepath.Join(s.dir, "tls"), 24*time.Hour, "tls.test")
	must(t, err)
	plain := testbed.Server{
		Name: "media", ServiceType: api.Jellyfin, Host: slaveHost, ServerName: "media.test", Upstream: upstream,
		ListenHTTP: s.port, LuaRoot: filepath.Join(s.dir, "slave", "lua"),
	}
	server, err := s.master.Admin.AddServer(t.Context(), plain)
	must(t, err)
	secure := plain
	secure.Name, secure.ServerName, secure.ListenHTTP, secure.ListenHTTPS = "tls", "tls.test", 0, freePort(t)
	secure.SSLCertPath, secure.SSLKeyPath = cert, key
	_, err = s.master.Admin.AddServer(t.Context(), secure)
	must(t, err)
	for resource, body := range map[string]map[string]any{
		"players":          {"client_name": "TV", "service_type": "jellyfin"},
		"stream-rules":     {"apply_to": "user", "apply_value": "", "max_streams": 5, "action_on_exceed": "reject"},
		"rate-limit-rules": {"apply_to": "user", "apply_value": "", "rate_per_second": 1000, "rate_burst": 1000, "quota_daily": 1_000_000, "over_action": "reject"},
	} {
		must(t, s.master.Admin.Do(t.Context(), http.MethodPost, resource, body, nil))
	}
	s.token, err = s.master.Admin.NewToken(t.Context(), server.ID)
	must(t, err)
	s.failed = s.otherHost(t, plain, failedHost)
	s.otherHost(t, plain, silentHost)
	_, err = s.master.Admin.Publish(t.Context(), "first")
	must(t, err)
}

// publishAgain publishes something else, which the slave applies and failedHost says it cannot.
func (s *stack) publishAgain(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, s.master.Admin.Do(t.Context(), http.MethodPost, "uri-rules", map[string]any{
		"name": "logs", "action": "block", "match_type": "prefix", "pattern": "/System/Logs", "service_type": "jellyfin",
	}, nil))
	snapshot, err := s.master.Admin.Publish(t.Context(), "again")
	must(t, err)
	d, err := s.master.Admin.WaitDistribution(ctx, snapshot, slaveHost)
	must(t, err)
	if d.Status != api.AckApplied {
		t.Fatalf("%+v", d)
	}
	s.report(t, s.failed, "/media-slave/heartbeat", `{"agent_version":"x","current_config_version":0,"status":"degraded"}`, http.StatusOK)
	s.report(t, s.failed, "/media-slave/ack", fmt.Sprintf(`{"snapshot_id":%d,"status":"failed","stage":"test","error":"a test's"}`, snapshot), http.StatusOK)
}

// otherHost adds a server on a host that has no slave, and returns a token for one.
func (s *stack) otherHost(t *testing.T, server testbed.Server, host string) string {
	t.Helper()
	server.Name, server.ServerName, server.Host = host, strings.ReplaceAll(host, ".", "-")+".test", host
	added, err := s.master.Admin.AddServer(t.Context(), server)
	must(t, err)
	token, err := s.master.Admin.NewToken(t.Context(), added.ID)
	must(t, err)
	return token
}

// report sends what a slave might.
func (s *stack) report(t *testing.T, token, path, body string, want int) {
	t.Helper()
	if status, text := s.post(t, token, path, body); status != want {
		t.Fatalf("%s: %d %s, want %d", path, status, text, want)
	}
}

// post sends a body to the master with a slave's token.
func (s *stack) post(t *testing.T, token, path, body string) (status int, text []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.master.URL+"/api/v1"+path, strings.NewReader(body))
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	text, err = io.ReadAll(res.Body)
	must(t, err)
	return res.StatusCode, text
}

// breakDatabase lets the master answer slaves and admins with errors, and then as usual again.
func (s *stack) breakDatabase(t *testing.T) {
	t.Helper()
	s.database.Cut()
	for path, body := range map[string]string{
		"/media-slave/heartbeat": `{"status":"ready"}`,
		"/admin/auth/login":      `{"username":"admin","password":"correct horse battery"}`,
	} {
		eventually(t, func() error {
			status, text := s.post(t, s.token, path, body)
			if status < http.StatusInternalServerError {
				return fmt.Errorf("%s without a database: %d %s", path, status, text)
			}
			return nil
		})
	}
	s.database.Restore(t)
	eventually(t, func() error { return s.master.Admin.Do(t.Context(), http.MethodGet, "servers", nil, nil) })
}

// stopAtEnd ends p after the test and shows what it printed if the test failed.
func stopAtEnd(t *testing.T, p *testbed.Process) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := p.Stop(ctx); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("%s printed:\n%s", p.Name, p.Log)
		}
	})
}
