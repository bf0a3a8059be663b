package sessions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/master/internal/auth"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/limits"
	"github.com/uhdadmin/media-gateway/master/internal/publish"
	"github.com/uhdadmin/media-gateway/master/internal/sessions"
	"github.com/uhdadmin/media-gateway/master/internal/slaveapi"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// onBoth runs a test on SQLite and on PostgreSQL.
func onBoth(t *testing.T, test func(t *testing.T, databaseURL string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, "sqlite://"+filepath.Join(t.TempDir(), "master.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, testbed.Postgres(t)) })
}

// replica is one process of the master, as far as sessions go, with a clock that can be put forward.
type replica struct {
	store  *store.Store
	limits *limits.Board
	board  *publish.Board
	pub    *publish.Publisher
	desk   *sessions.Desk
	url    string
	ahead  *atomic.Int64 // nanoseconds

	registry *prometheus.Registry
}

// metric returns the value of a gauge without labels.
func (r *replica) metric(t testing.TB, name string) float64 {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

func (r *replica) now() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) }

func newReplica(t testing.TB, databaseURL string) *replica {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	st, err := store.Open(t.Context(), databaseURL, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	r := &replica{store: st, ahead: new(atomic.Int64)}
	if r.limits, err = limits.Load(t.Context(), st); err != nil {
		t.Fatal(err)
	}
	if r.board, err = publish.LoadBoard(t.Context(), st); err != nil {
		t.Fatal(err)
	}
	r.pub = publish.New(publish.Config{Store: st, Board: r.board, Log: log})
	r.registry = prometheus.NewRegistry()
	r.desk = sessions.New(sessions.Config{
		Store: st, Limits: r.limits, Published: r.board, Now: r.now, Log: log, Registry: r.registry,
	})
	router := chi.NewRouter()
	slaveapi.New(slaveapi.Config{
		Store: st, Board: r.board, Limits: r.limits, Sessions: r.desk, Slaves: auth.NewSlaves(st, log), Log: log, Registry: r.registry,
	}).Mount(router)
	server := httptest.NewServer(router)
	t.Cleanup(server.Close)
	r.url = server.URL
	r.watch(t)
	return r
}

// watch keeps the board in step with the database until the test ends.
func (r *replica) watch(t testing.TB) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() {
		done <- r.store.Watch(ctx, func(ctx context.Context, c store.Change) error {
			switch c {
			case store.ChangeLimits:
				return r.limits.ReloadLimits(ctx)
			case store.ChangeKicks:
				return r.limits.ReloadKicks(ctx)
			}
			return nil
		})
	}()
	go func() { done <- r.limits.Run(ctx, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

// slave speaks to a replica.
type slave struct {
	url    string
	token  string
	server string // the media server's id
	client *http.Client
}

// addSlave registers a media server on a host of its own, with a token for its slave.
func (r *replica) addSlave(t testing.TB, host string) *slave {
	t.Helper()
	row := fleet.NewServer()
	row.Name, row.ServiceType, row.Host, row.ServerName = host, api.Emby, host, host+".example.com"
	row.Upstream = fleet.Upstream{{Address: "203.0.113.10:8096", Weight: 1}}
	if err := r.store.Servers.Create(t.Context(), &row); err != nil {
		t.Fatal(err)
	}
	secret := auth.NewSecret(auth.SlaveTokenPrefix)
	token := fleet.Token{ServerID: row.ID, Name: "slave", Prefix: secret.Prefix, Hash: secret.Hash, Scopes: []string{auth.ScopeMediaSlave}}
	if err := r.store.Tokens.Create(t.Context(), &token); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &slave{r.url, secret.Text, fmt.Sprint(row.ID), &http.Client{Transport: transport}}
}

// at returns the slave as it speaks to another replica.
func (s *slave) at(r *replica) *slave {
	other := *s
	other.url = r.url
	return &other
}

// ask sends body and decodes the answer; an error is any status but 200.
func (s *slave) ask(ctx context.Context, method, path string, body, answer any) error {
	var sent io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, sent)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	res, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %d %s", method, path, res.StatusCode, text)
	}
	if err != nil || answer == nil {
		return err
	}
	return json.Unmarshal(text, answer)
}

func (s *slave) checkIn(t testing.TB, in api.CheckIn) api.CheckInAnswer {
	t.Helper()
	in.ServerID = s.server
	var answer api.CheckInAnswer
	if err := s.ask(t.Context(), "POST", api.PathSlave+"/sessions/checkin", in, &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

func (s *slave) beat(t testing.TB, live ...api.LiveSession) []api.Kick {
	t.Helper()
	for i := range live {
		live[i].ServerID = s.server
	}
	if live == nil {
		live = []api.LiveSession{}
	}
	var answer api.SessionHeartbeatAnswer
	if err := s.ask(t.Context(), "POST", api.PathSlave+"/sessions/heartbeat", api.SessionHeartbeat{Sessions: live}, &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Kicks
}

func (s *slave) end(t testing.TB, ended ...api.LiveSession) {
	t.Helper()
	for i := range ended {
		ended[i].ServerID = s.server
	}
	if err := s.ask(t.Context(), "POST", api.PathSlave+"/sessions/end", api.SessionEnds{Sessions: ended}, nil); err != nil {
		t.Fatal(err)
	}
}

// limits asks what the slave must enforce.
func (s *slave) limits(t testing.TB) api.LiveLimits {
	t.Helper()
	var live api.LiveLimits
	if err := s.ask(t.Context(), "GET", api.PathMediaSlave+"/rate-limits", nil, &live); err != nil {
		t.Fatal(err)
	}
	return live
}

// play is a check-in of ann, who may have two streams.
func play(id, device string) api.CheckIn {
	return api.CheckIn{
		PlaySessionID: id, UserID: "Ann-1", DeviceID: device, DeviceName: device, ClientIP: "192.0.2.1",
		MaxStreams: 2, ActionOnExceed: "reject",
	}
}

// liveOf is how a slave names the session of a check-in later.
func liveOf(in api.CheckIn) api.LiveSession {
	return api.LiveSession{
		PlaySessionID: in.PlaySessionID, UserID: in.UserID, DeviceID: in.DeviceID, DeviceName: in.DeviceName, ClientIP: in.ClientIP,
	}
}

func waitFor(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("waited in vain until %s", what)
}
