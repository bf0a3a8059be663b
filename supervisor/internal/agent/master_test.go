package agent_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// master speaks the slave API and does what a test tells it to.
type master struct {
	*httptest.Server
	t *testing.T

	mu       sync.Mutex
	config   api.Config
	document []byte
	changed  chan struct{} // closed at each publish
	acks     []api.Ack
	beats    []api.Heartbeat
	polls    int
	fetches  int
	limits   api.LiveLimits // live where they have a revision

	old       bool                             // knows neither wait, hashes nor Bearer, and answers in envelopes
	impatient bool                             // answers at once whatever wait says
	mangle    func(document []byte) []byte     // what becomes of the document on its way
	refuse    func(*http.Request) (status int) // 0: answer as usual
}

func newMaster(t *testing.T) *master {
	t.Helper()
	m := &master{t: t, changed: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/media-slave/config/version", m.version)
	mux.HandleFunc("GET /api/v1/media-slave/config", m.fetch)
	mux.HandleFunc("GET /api/v1/media-slave/rate-limits", func(w http.ResponseWriter, _ *http.Request) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.answer(w, m.limits)
	})
	mux.HandleFunc("POST /api/v1/media-slave/ack", func(w http.ResponseWriter, r *http.Request) {
		receive(m, w, r, &m.acks)
	})
	mux.HandleFunc("POST /api/v1/media-slave/heartbeat", func(w http.ResponseWriter, r *http.Request) {
		receive(m, w, r, &m.beats)
	})
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status := m.refusal(r); status != 0 {
			w.WriteHeader(status)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(m.Close)
	return m
}

func (m *master) refusal(r *http.Request) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.old && r.Header.Get("Authorization") != "App uhd_test" {
		return http.StatusUnauthorized
	}
	if m.refuse != nil {
		return m.refuse(r)
	}
	return 0
}

// set changes how the master behaves.
func (m *master) set(change func(*master)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

// publish makes cfg the next snapshot, and returns it with its identity.
func (m *master) publish(t *testing.T, cfg api.Config) api.Config {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	cfg.Version, cfg.SnapshotID = m.config.Version+1, m.config.SnapshotID+1
	if cfg.Version == 1 {
		cfg.Version = 1706959200
	}
	m.replace(t, cfg)
	return m.config
}

// restore makes cfg what the master serves, under the identity it has.
func (m *master) restore(t *testing.T, cfg api.Config) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.replace(t, cfg)
}

// limit makes limits what is live.
func (m *master) limit(limits api.LiveLimits) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limits = limits
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *master) replace(t *testing.T, cfg api.Config) {
	t.Helper()
	cfg.Epoch, cfg.Mode, cfg.ServiceType = 1700000000, api.ModeMultiServer, api.Emby
	document, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.ConfigHash, err = api.ContentHash(document); err != nil {
		t.Fatal(err)
	}
	if m.document, err = json.Marshal(cfg); err != nil {
		t.Fatal(err)
	}
	m.config = cfg
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *master) version(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	m.polls++
	hash, changed, old, holds := m.config.ConfigHash, m.changed, m.old, !m.old && !m.impatient
	limits := m.limits.Revision
	m.mu.Unlock()
	wait, _ := strconv.Atoi(r.FormValue("wait"))
	if old && wait > 0 {
		m.t.Error("a master that knows no wait was asked to")
	}
	if wait > 0 && holds && r.FormValue("hash") == hash && r.FormValue("limits") == limits {
		select {
		case <-changed:
		case <-r.Context().Done():
		case <-time.After(time.Duration(wait) * time.Second):
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	v := api.Version{Version: m.config.Version, SnapshotID: m.config.SnapshotID, ConfigHash: m.config.ConfigHash, Epoch: m.config.Epoch, LimitsRevision: m.limits.Revision}
	if m.old {
		v.ConfigHash, v.Epoch = "", 0
	}
	m.answer(w, v)
}

func (m *master) fetch(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fetches++
	document := m.document
	if m.mangle != nil {
		document = m.mangle(document)
	}
	if m.old {
		m.answer(w, json.RawMessage(document))
		return
	}
	_, _ = w.Write(document)
}

func (m *master) answer(w http.ResponseWriter, v any) {
	if m.old {
		v = map[string]any{"code": 200, "message": "ok", "data": v}
	}
	_ = json.NewEncoder(w).Encode(v)
}

func receive[T any](m *master, w http.ResponseWriter, r *http.Request, into *[]T) {
	var v T
	if err := json.NewDecoder(r.Body).Decode(&v); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	*into = append(*into, v)
	m.answer(w, struct{}{})
}

// ack waits for the ack of a snapshot; its newest.
func (m *master) ack(t *testing.T, snapshot int64) api.Ack {
	t.Helper()
	var found api.Ack
	eventually(t, fmt.Sprintf("ack of snapshot %d", snapshot), func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, ack := range m.acks {
			if int64(ack.SnapshotID) == snapshot {
				found = ack
			}
		}
		return found.SnapshotID != 0
	})
	return found
}

// requireApplied waits for the ack of cfg and wants it to be good.
func (m *master) requireApplied(t *testing.T, cfg api.Config) {
	t.Helper()
	if ack := m.ack(t, cfg.SnapshotID); ack.Status != api.AckApplied || int64(ack.Version) != cfg.Version || ack.ConfigHash == "" {
		t.Fatalf("ack of %d = %+v, want applied", cfg.SnapshotID, ack)
	}
}

// counts returns how many polls and fetches there were.
func (m *master) counts() (polls, fetches int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.polls, m.fetches
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// get does one request on a connection of its own and returns status and body.
func get(url, host string) (int, string, error) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	req.Host, req.Close = host, true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}
