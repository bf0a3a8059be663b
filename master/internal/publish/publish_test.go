package publish_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/publish"
	"github.com/uhdadmin/media-gateway/master/internal/rollout"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// master is a store with a publisher whose clock the test sets.
type master struct {
	t     *testing.T
	url   string
	store *store.Store
	board *publish.Board
	pub   *publish.Publisher
	clock atomic.Int64 // Unix seconds
	keys  []ed25519.PrivateKey
}

const start = 1_700_000_000

func newMaster(t *testing.T) *master {
	t.Helper()
	m := &master{t: t, url: "sqlite://" + filepath.Join(t.TempDir(), "master.db")}
	m.clock.Store(start)
	var err error
	if m.keys, err = publish.SigningKeys(base64.StdEncoding.EncodeToString(make([]byte, 32))); err != nil {
		t.Fatal(err)
	}
	m.open()
	t.Cleanup(func() { _ = m.store.Close() })
	return m
}

// open opens the database as a restarted master does.
func (m *master) open() {
	m.t.Helper()
	var err error
	if m.store, err = store.Open(m.t.Context(), m.url, slog.New(slog.DiscardHandler)); err != nil {
		m.t.Fatal(err)
	}
	if m.board, err = publish.LoadBoard(m.t.Context(), m.store); err != nil {
		m.t.Fatal(err)
	}
	m.pub = publish.New(publish.Config{
		Store: m.store, Board: m.board, SigningKeys: m.keys, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.Unix(m.clock.Load(), 0) },
	})
}

func (m *master) addServer(host, name string, kind api.ServiceType) *fleet.Server {
	m.t.Helper()
	s := fleet.NewServer()
	s.Name, s.ServiceType, s.Host, s.ServerName = name, kind, host, name
	s.Upstream = fleet.Upstream{{Address: "203.0.113.10:8096", Weight: 1}}
	if err := m.store.Servers.Create(m.t.Context(), &s); err != nil {
		m.t.Fatal(err)
	}
	return &s
}

func (m *master) change(id int64, change func(*fleet.Server)) {
	m.t.Helper()
	_, err := m.store.Servers.Update(m.t.Context(), id, 0, func(s *fleet.Server) error { change(s); return nil })
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *master) publish(req publish.Request) *publish.Result {
	m.t.Helper()
	res, err := m.pub.Publish(m.t.Context(), req)
	if err != nil {
		m.t.Fatal(err)
	}
	return res
}

var groupA = fleet.Group{Host: "203.0.113.10", ServiceType: api.Emby}

func TestPublish(t *testing.T) {
	m := newMaster(t)
	m.addServer(groupA.Host, "a.com", api.Emby)
	if e := m.board.Current(groupA); e.Version != 0 {
		t.Fatalf("before the first publish: %+v", e)
	}
	res := m.publish(publish.Request{Note: "first", By: "admin"})
	if res.Note != "first" || res.PublishedBy != "admin" || len(res.Distributions) != 1 || res.Distributions[0].Status != store.DistributionPending {
		t.Errorf("result %+v", res)
	}
	e := m.board.Current(groupA)
	if e.Version != start || e.SnapshotID != res.ID || e.DistributionID != res.Distributions[0].ID {
		t.Errorf("board has %+v", e)
	}
	epoch, err := m.store.Epoch(t.Context())
	if err != nil || epoch == 0 || e.Epoch != epoch {
		t.Errorf("epoch %d of the entry, %d of the database, %v", e.Epoch, epoch, err)
	}
	var c api.Config
	if err := json.Unmarshal(e.Document.JSON(), &c); err != nil {
		t.Fatal(err)
	}
	hash, err := api.ContentHash(e.Document.JSON())
	if err != nil || hash != e.Hash || c.ConfigHash != hash {
		t.Errorf("hash of the document %s (%v), in it %s, on the board %s", hash, err, c.ConfigHash, e.Hash)
	}
	if err := api.VerifySignature(c.Signature, api.SignedMessage(hash, c.Version, c.Epoch), m.keys[0].Public().(ed25519.PublicKey)); err != nil {
		t.Errorf("signature %q: %v", c.Signature, err)
	}
	if c.Version != e.Version || c.SnapshotID != e.SnapshotID || c.SiblingCount != 1 {
		t.Errorf("document says %+v", c)
	}
	r, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := r.DecodeAll(e.Document.Zstd(), nil); err != nil || !bytes.Equal(plain, e.Document.JSON()) {
		t.Errorf("zstd form is not the document: %v", err)
	}

	// A restarted master hands out the same bytes.
	if err := m.store.Close(); err != nil {
		t.Fatal(err)
	}
	m.open()
	again := m.board.Current(groupA)
	if again.Version != e.Version || again.Hash != e.Hash || again.SnapshotID != e.SnapshotID || !bytes.Equal(again.Document.JSON(), e.Document.JSON()) || !bytes.Equal(again.Document.Gzip, e.Document.Gzip) {
		t.Errorf("after a restart %+v, before %+v", again, e)
	}
}

// TestVersionsRise publishes within one second and with the clock set back: versions rise all the same.
func TestVersionsRise(t *testing.T) {
	m := newMaster(t)
	m.addServer(groupA.Host, "a.com", api.Emby)
	m.addServer(groupA.Host, "b.com", api.Jellyfin) // the same host: its versions are one series
	m.addServer("203.0.113.11", "c.com", api.Emby)
	last := map[string]int64{}
	for _, clock := range []int64{start, start, start - 3600, start + 10} {
		m.clock.Store(clock)
		for _, d := range m.publish(publish.Request{}).Distributions {
			if d.Version <= last[d.Host] {
				t.Errorf("clock %d: version %d for %s after %d", clock, d.Version, d.Host, last[d.Host])
			}
			last[d.Host] = d.Version
		}
	}
	if last["203.0.113.11"] != start+10 {
		t.Errorf("version %d after the clock went on, want its time %d", last["203.0.113.11"], start+10)
	}
}

func TestSameContentSameHash(t *testing.T) {
	m := newMaster(t)
	s := m.addServer(groupA.Host, "a.com", api.Emby)
	m.publish(publish.Request{})
	first := m.board.Current(groupA)
	m.publish(publish.Request{Note: "nothing changed"})
	second := m.board.Current(groupA)
	if first.Hash != second.Hash || first.Version == second.Version {
		t.Errorf("unchanged: %s v%d, then %s v%d", first.Hash, first.Version, second.Hash, second.Version)
	}
	m.change(s.ID, func(s *fleet.Server) { s.ServerName = "b.com" })
	m.publish(publish.Request{})
	if third := m.board.Current(groupA); third.Hash == second.Hash {
		t.Error("a changed server kept its hash")
	}
}

// TestRefused: what cannot be published changes nothing, in the database or on the board.
func TestRefused(t *testing.T) {
	m := newMaster(t)
	s := m.addServer(groupA.Host, "a.com", api.Emby)
	m.publish(publish.Request{})
	before := m.board.Current(groupA)

	refused := func(req publish.Request, field string) {
		t.Helper()
		_, err := m.pub.Publish(t.Context(), req)
		var errs fleet.FieldErrors
		if !errors.As(err, &errs) || errs[0].Field != field {
			t.Errorf("%+v: %v, want an error about %s", req, err, field)
		}
	}
	refused(publish.Request{Order: rollout.Order{Hosts: []string{"nowhere"}}}, "hosts[0]")
	m.change(s.ID, func(s *fleet.Server) { s.Enabled = false })
	refused(publish.Request{}, "allow_shrink")
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.pub.Publish(canceled, publish.Request{Order: rollout.Order{AllowShrink: true}}); err == nil {
		t.Error("published with a canceled context")
	}

	if after := m.board.Current(groupA); after.Version != before.Version || after.Hash != before.Hash {
		t.Errorf("the board moved from %+v to %+v", before, after)
	}
	page, err := m.store.Snapshots(t.Context(), store.Query{})
	if err != nil || len(page.Items) != 1 {
		t.Errorf("%d snapshots, %v; want the first alone", len(page.Items), err)
	}

	m.publish(publish.Request{Order: rollout.Order{AllowShrink: true}})
	var c api.Config
	if err := json.Unmarshal(m.board.Current(groupA).Document.JSON(), &c); err != nil || c.SiblingCount != 0 || !c.AllowShrink {
		t.Errorf("intended empty publish: %+v, %v", c, err)
	}
}

func TestNothingEnabled(t *testing.T) {
	m := newMaster(t)
	_, err := m.pub.Publish(t.Context(), publish.Request{})
	if err == nil || !strings.Contains(err.Error(), "no server is enabled") {
		t.Errorf("publish of nothing: %v", err)
	}
}

func TestHosts(t *testing.T) {
	m := newMaster(t)
	m.addServer(groupA.Host, "a.com", api.Emby)
	m.addServer("203.0.113.11", "b.com", api.Emby)
	res := m.publish(publish.Request{Order: rollout.Order{Hosts: []string{"203.0.113.11"}}})
	if len(res.Distributions) != 1 || res.Distributions[0].Host != "203.0.113.11" {
		t.Errorf("went to %+v", res.Distributions)
	}
	if e := m.board.Current(groupA); e.Version != 0 {
		t.Errorf("another host got %+v", e)
	}
}

// TestSnapshotKeepsItsContent: later edits do not reach a snapshot.
func TestSnapshotKeepsItsContent(t *testing.T) {
	m := newMaster(t)
	s := m.addServer(groupA.Host, "a.com", api.Emby)
	res := m.publish(publish.Request{})
	kept, err := m.store.SnapshotContent(t.Context(), res.ID)
	if err != nil {
		t.Fatal(err)
	}
	m.change(s.ID, func(s *fleet.Server) { s.Name = "changed" })
	again, err := m.store.SnapshotContent(t.Context(), res.ID)
	if err != nil || !bytes.Equal(kept, again) {
		t.Errorf("content changed: %v", err)
	}
}

func TestSigningKey(t *testing.T) {
	for _, bad := range []string{"x", "AAAA", base64.StdEncoding.EncodeToString(make([]byte, 64))} {
		if _, err := publish.SigningKeys(bad); err == nil || !strings.HasPrefix(err.Error(), "SIGNING_KEY takes") {
			t.Errorf("%q: %v, want an error that names SIGNING_KEY", bad, err)
		}
	}
	if key, err := publish.SigningKeys(" "); key != nil || err != nil {
		t.Errorf("no key: %v, %v", key, err)
	}
}
