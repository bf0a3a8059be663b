package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// scriptMaster is a master that hands out documents which the real one would not make: truncated, with a
// wrong hash, with an nginx file that was never rendered from a server.
type scriptMaster struct {
	*httptest.Server

	mu      sync.Mutex
	config  api.Config
	body    []byte // of GET /config
	cut     int    // GET /config announces its body but ends this many bytes early
	fetched int    // GET /config answered since the last publish
	acks    []api.Ack
	asked   atomic.Int64  // GET /config/version, counted when it comes
	changed chan struct{} // closed and made anew at each ack and publish
}

func newScriptMaster(t testing.TB) *scriptMaster {
	t.Helper()
	m := &scriptMaster{changed: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+api.PathMediaSlave+"/config/version", m.version)
	mux.HandleFunc("GET "+api.PathMediaSlave+"/config", m.fetch)
	mux.HandleFunc("POST "+api.PathMediaSlave+"/ack", m.ack)
	mux.HandleFunc("POST "+api.PathMediaSlave+"/heartbeat", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })
	m.Server = httptest.NewServer(mux)
	t.Cleanup(m.Close)
	return m
}

// waited is how long a request for the version waits at most: shorter than it asks for, so that a test
// sees several.
const waited = 500 * time.Millisecond

// publish hands out config under its true hash, unless spoil makes something else of the document.
func (m *scriptMaster) publish(t testing.TB, config api.Config, spoil ...func(m *scriptMaster)) (hash string) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	config.Version = m.config.Version + 1
	config.SnapshotID = m.config.SnapshotID + 1
	config.Mode = api.ModeMultiServer
	body, err := json.Marshal(config)
	must(t, err)
	config.ConfigHash, err = api.ContentHash(body)
	must(t, err)
	m.body, err = json.Marshal(config)
	must(t, err)
	m.config, m.cut, m.fetched = config, 0, 0
	for _, s := range spoil {
		s(m)
	}
	m.announce()
	return m.config.ConfigHash
}

// announce wakes waiting requests; the caller holds mu.
func (m *scriptMaster) announce() {
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *scriptMaster) version(w http.ResponseWriter, r *http.Request) {
	m.asked.Add(1)
	m.mu.Lock()
	changed := m.changed
	same := r.URL.Query().Get("hash") == m.config.ConfigHash && r.URL.Query().Get("current") == fmt.Sprint(m.config.Version)
	m.mu.Unlock()
	if same && r.URL.Query().Has("wait") {
		select {
		case <-changed:
		case <-time.After(waited):
		case <-r.Context().Done():
			return
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = json.NewEncoder(w).Encode(api.Version{
		Version: m.config.Version, HasUpdate: !same, SnapshotID: m.config.SnapshotID, ConfigHash: m.config.ConfigHash,
	})
}

func (m *scriptMaster) fetch(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fetched++
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", fmt.Sprint(len(m.body)))
	_, _ = w.Write(m.body[:len(m.body)-m.cut])
}

func (m *scriptMaster) ack(w http.ResponseWriter, r *http.Request) {
	var ack api.Ack
	if err := json.NewDecoder(r.Body).Decode(&ack); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.acks = append(m.acks, ack)
	m.announce()
	_, _ = w.Write([]byte("{}"))
}

// waitAck returns the first ack of the newest snapshot.
func (m *scriptMaster) waitAck(t testing.TB) api.Ack {
	t.Helper()
	ctx := within(t)
	for {
		m.mu.Lock()
		acks, changed, want := m.acks, m.changed, m.config.SnapshotID
		m.mu.Unlock()
		for _, ack := range acks {
			if int64(ack.SnapshotID) == want {
				return ack
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("no ack of snapshot %d; acks so far: %+v", want, acks)
		}
	}
}

func (m *scriptMaster) fetches() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fetched
}
