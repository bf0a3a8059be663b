package slaveapi_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/master/internal/auth"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/limits"
	"github.com/uhdadmin/media-gateway/master/internal/publish"
	"github.com/uhdadmin/media-gateway/master/internal/slaveapi"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// master is the slave API over a real store, with one server and its token.
type master struct {
	t         *testing.T
	store     *store.Store
	board     *publish.Board
	pub       *publish.Publisher
	registry  *prometheus.Registry
	telemetry telemetry.Database
	url       string
	server    *fleet.Server
	token     string
}

func newMaster(t *testing.T) *master {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	st, err := store.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "master.db"), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	board, err := publish.LoadBoard(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	m := &master{t: t, store: st, board: board, registry: prometheus.NewRegistry()}
	m.pub = publish.New(publish.Config{Store: st, Board: board, Log: log})
	if m.telemetry, err = telemetry.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "telemetry.db"), log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.telemetry.Close() })
	ingester := telemetry.NewIngester(telemetry.Config{Database: m.telemetry, Log: log, Registry: m.registry})
	ingesting := make(chan error, 1)
	go func() { ingesting <- ingester.Run(t.Context()) }()
	t.Cleanup(func() {
		if err := <-ingesting; err != nil {
			t.Error(err)
		}
	})
	r := chi.NewRouter()
	live, err := limits.Load(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	slaveapi.New(slaveapi.Config{
		Store: st, Board: board, Limits: live, Slaves: auth.NewSlaves(st, log), Telemetry: ingester, Log: log, Registry: m.registry,
	}).Mount(r)
	srv := httptest.NewServer(r)
	t.Cleanup(srv.Close)
	t.Cleanup(board.Close)
	m.url = srv.URL + api.PathMediaSlave
	m.server, m.token = m.addServer("203.0.113.10", "a.com")
	return m
}

// addServer registers a server with a token.
func (m *master) addServer(host, name string) (*fleet.Server, string) {
	m.t.Helper()
	s := fleet.NewServer()
	s.Name, s.ServiceType, s.Host, s.ServerName = name, api.Emby, host, name
	s.Upstream = fleet.Upstream{{Address: "203.0.113.10:8096", Weight: 1}}
	if err := m.store.Servers.Create(m.t.Context(), &s); err != nil {
		m.t.Fatal(err)
	}
	secret := auth.NewSecret(auth.SlaveTokenPrefix)
	token := fleet.Token{ServerID: s.ID, Name: "t", Prefix: secret.Prefix, Hash: secret.Hash, Scopes: []string{"media_slave:" + strconv.FormatInt(s.ID, 10)}}
	if err := m.store.Tokens.Create(m.t.Context(), &token); err != nil {
		m.t.Fatal(err)
	}
	return &s, secret.Text
}

func (m *master) publish() *publish.Result {
	m.t.Helper()
	res, err := m.pub.Publish(m.t.Context(), publish.Request{})
	if err != nil {
		m.t.Fatal(err)
	}
	return res
}

// current returns what the server's group should run.
func (m *master) current() publish.Entry {
	return m.board.Current(fleet.Group{Host: m.server.Host, ServiceType: m.server.ServiceType})
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// ask sends a request with the token unless header sets another Authorization; header is name, value, …
func (m *master) ask(method, path, body string, header ...string) answer {
	m.t.Helper()
	req, err := http.NewRequestWithContext(m.t.Context(), method, m.url+path, strings.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+m.token)
	req.Header.Set("Accept-Encoding", "identity")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(req) // neither redirects nor decodes
	if err != nil {
		m.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, got}
}

func decode[T any](t *testing.T, body []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return v
}

func (m *master) wantProblem(a answer, status int, contains string) {
	m.t.Helper()
	p := decode[api.Problem](m.t, a.body)
	if a.status != status || p.Status != status || a.header.Get("Content-Type") != api.ContentTypeProblem || !strings.Contains(p.Detail, contains) {
		m.t.Errorf("%d %s %s, want a problem %d with %q", a.status, a.header.Get("Content-Type"), a.body, status, contains)
	}
}

func TestNothingPublished(t *testing.T) {
	m := newMaster(t)
	v := decode[api.Version](t, m.ask("GET", "/config/version?current=0", "").body)
	if v.Version != 0 || v.HasUpdate {
		t.Errorf("%+v, want version 0 without update", v)
	}
	m.wantProblem(m.ask("GET", "/config", ""), 404, "publish a snapshot first")
}

func TestVersion(t *testing.T) {
	m := newMaster(t)
	res := m.publish()
	e := m.current()
	ver := strconv.FormatInt(e.Version, 10)
	for query, want := range map[string]bool{
		"": true, "current=0": true, "current=" + ver: false, "current=" + ver + "&hash=" + e.Hash: false,
		"current=" + ver + "&hash=x": true, "hash=" + e.Hash: false,
		"current=" + strconv.FormatInt(e.Version+100, 10) + "&hash=" + e.Hash: true, // an older backup of the master
		"wait=1000000": true, "current=&wait=": true,
	} {
		a := m.ask("GET", "/config/version?"+query, "")
		v := decode[api.Version](t, a.body)
		if a.status != 200 || v.HasUpdate != want || v.Version != e.Version || v.SnapshotID != res.ID || v.ConfigHash != e.Hash || v.Epoch == 0 {
			t.Errorf("?%s: %d %+v, want has_update %v", query, a.status, v, want)
		}
	}
	for query, names := range map[string]string{"current=x": "current", "wait=5s": "wait", "wait=-1": "wait", "current=1.5": "current", "hash=" + strings.Repeat("a", 200): "hash"} {
		m.wantProblem(m.ask("GET", "/config/version?"+query, ""), 400, names+" takes")
	}
}

// TestWait: a waiting request is answered by a publish, and by the end of its time.
func TestWait(t *testing.T) {
	m := newMaster(t)
	m.publish()
	e := m.current()
	query := "/config/version?current=" + strconv.FormatInt(e.Version, 10) + "&hash=" + e.Hash
	if v := decode[api.Version](t, m.ask("GET", query+"&wait=1", "").body); v.HasUpdate || v.Version != e.Version {
		t.Errorf("time up: %+v", v)
	}
	done := make(chan answer, 1)
	go func() { done <- m.ask("GET", query+"&wait=60", "") }()
	m.until("a waiting slave", func() bool { return m.metric("uhd_slaves_waiting", "") == 1 })
	m.publish()
	if v := decode[api.Version](t, (<-done).body); !v.HasUpdate || v.Version <= e.Version {
		t.Errorf("woken with %+v", v)
	}

	e = m.current()
	query = "/config/version?current=" + strconv.FormatInt(e.Version, 10) + "&wait=60"
	go func() { done <- m.ask("GET", query, "") }()
	m.until("a waiting slave", func() bool { return m.metric("uhd_slaves_waiting", "") == 1 })
	m.board.Close()
	a := <-done
	m.wantProblem(a, 503, "stopping")
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

// TestVersionWithoutDatabase: version checks are answered from memory.
func TestVersionWithoutDatabase(t *testing.T) {
	m := newMaster(t)
	m.publish()
	m.ask("GET", "/config/version", "") // the token is known from here on
	if err := m.store.Close(); err != nil {
		t.Fatal(err)
	}
	if a := m.ask("GET", "/config/version?current=0", ""); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := m.ask("GET", "/config", ""); a.status != 200 {
		t.Errorf("config: %d %s", a.status, a.body)
	}
	if a := m.ask("GET", "/rate-limits", ""); a.status != 200 {
		t.Errorf("limits: %d %s", a.status, a.body)
	}
	m.wantProblem(m.ask("POST", "/heartbeat", "{}"), 500, "log")
}

func TestConfig(t *testing.T) {
	m := newMaster(t)
	m.publish()
	e := m.current()
	for accept, coding := range map[string]string{
		"identity": "", "gzip": "gzip", "zstd": "zstd", "gzip, zstd": "zstd", "gzip;q=1, zstd;q=0.5": "gzip", "*": "zstd",
		"gzip;q=0": "", "br": "", "GZIP , br;q=1": "gzip", "gzip;q=0.5": "gzip", "identity;q=1, gzip;q=0.5": "",
	} {
		a := m.ask("GET", "/config", "", "Accept-Encoding", accept)
		sum := sha256.Sum256(a.body)
		digest := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
		if a.status != 200 || a.header.Get("Content-Encoding") != coding || a.header.Get("Content-Digest") != digest || a.header.Get("Repr-Digest") != digest ||
			a.header.Get("Content-Length") != strconv.Itoa(len(a.body)) || a.header.Get("ETag") != `"`+e.Hash+`"` {
			t.Errorf("%s: %d %v", accept, a.status, a.header)
		}
		if plain := decompress(t, coding, a.body); !bytes.Equal(plain, e.Document.JSON()) {
			t.Errorf("%s: other bytes", accept)
		}
	}
	for tag, want := range map[string]int{`"` + e.Hash + `"`: 304, `W/"` + e.Hash + `"`: 304, `"x", "` + e.Hash + `"`: 304, "*": 304, `"x"`: 200, e.Hash: 200} {
		if a := m.ask("GET", "/config", "", "If-None-Match", tag); a.status != want || want == 304 && len(a.body) > 0 {
			t.Errorf("If-None-Match %s: %d, want %d", tag, a.status, want)
		}
	}
}

func decompress(t *testing.T, coding string, body []byte) []byte {
	t.Helper()
	var r io.Reader = bytes.NewReader(body)
	var err error
	switch coding {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "zstd":
		r, err = zstd.NewReader(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// TestAuth: who may not come in learns why; other groups' configurations stay their own.
func TestAuth(t *testing.T) {
	m := newMaster(t)
	_, other := m.addServer("203.0.113.11", "b.com")
	m.publish()
	a := m.ask("GET", "/config/version", "", "Authorization", "Bearer uhd_unknown")
	m.wantProblem(a, 401, "")
	if a.header.Get("WWW-Authenticate") == "" {
		t.Error("401 without WWW-Authenticate")
	}
	m.wantProblem(m.ask("GET", "/config", "", "Authorization", ""), 401, "Bearer")
	mine := decode[api.Config](t, m.ask("GET", "/config", "").body)
	theirs := decode[api.Config](t, m.ask("GET", "/config", "", "Authorization", "Bearer "+other).body)
	if !strings.Contains(mine.RenderedNginx, "server_name a.com;") || strings.Contains(mine.RenderedNginx, "b.com") || !strings.Contains(theirs.RenderedNginx, "server_name b.com;") {
		t.Error("configurations are mixed up")
	}
	m.wantProblem(m.ask("GET", "/nothing", ""), 404, "no such path")
	m.wantProblem(m.ask("DELETE", "/config", ""), 405, "method")
}

// until waits for a condition.
func (m *master) until(what string, holds func() bool) {
	m.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			m.t.Fatalf("no %s in 30 s", what)
		}
	}
}

// metric returns the value of a metric whose labels contain label.
func (m *master) metric(name, label string) float64 {
	m.t.Helper()
	families, err := m.registry.Gather()
	if err != nil {
		m.t.Fatal(err)
	}
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			if f.GetName() == name && strings.Contains(metric.String(), label) {
				return metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
			}
		}
	}
	return 0
}
