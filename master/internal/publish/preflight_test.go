package publish_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/preflight"
	"github.com/uhdadmin/media-gateway/master/internal/publish"
	"github.com/uhdadmin/media-gateway/master/internal/rollout"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// withPreflight lets the master's publisher ask the real nginx.
func (m *master) withPreflight(cfg preflight.Config) {
	cfg.Log, cfg.Registry = slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	m.pub = publish.New(publish.Config{
		Store: m.store, Board: m.board, SigningKeys: m.keys, Log: slog.New(slog.DiscardHandler), Preflight: preflight.New(cfg),
		Now: func() time.Time { return time.Unix(m.clock.Load(), 0) },
	})
}

// TestPreflightRefuses: what nginx does not take reaches no slave, and the error names what to change; hosts whose
// configuration stays do not count.
func TestPreflightRefuses(t *testing.T) {
	m := newMaster(t)
	m.withPreflight(preflight.Config{})
	good := m.addServer(groupA.Host, "a.com", api.Emby)
	bad := m.addServer("203.0.113.11", "b.com", api.Emby)
	first := m.publish(publish.Request{})
	if len(first.Preflight) != 2 || first.Preflight[0].Status != preflight.Passed {
		t.Errorf("preflights %+v", first.Preflight)
	}
	m.change(bad.ID, func(s *fleet.Server) { s.CustomNginx = "gzip on;\nno_such_thing 1;" })
	_, err := m.pub.Publish(t.Context(), publish.Request{})
	refused, ok := errors.AsType[*publish.PreflightError](err)
	if !ok || len(refused.Failed) != 1 || refused.Failed[0].Host != "203.0.113.11" || !publish.Refused(err) {
		t.Fatalf("published what nginx refuses: %v", err)
	}
	if o := refused.Failed[0].Origin; o == nil || o.ID != bad.ID || o.Field != "custom_nginx" || !strings.Contains(err.Error(), `unknown directive "no_such_thing"`) {
		t.Errorf("%v (%v)", err, o)
	}
	if e := m.board.Current(groupA); e.SnapshotID != first.ID {
		t.Error("the board has moved")
	}
	preview, err := m.pub.Preview(t.Context(), publish.Question{Host: "203.0.113.11"})
	if err != nil || len(preview.Groups) != 1 || preview.Groups[0].Preflight.Status != preflight.Failed || preview.Groups[0].Preflight.Text != "no_such_thing 1;" {
		t.Errorf("preview %+v, %v", preview, err)
	}

	m.publish(publish.Request{Order: rollout.Order{Hosts: []string{good.Host}}}) // the other host is not asked about
	m.publish(publish.Request{Order: rollout.Order{SkipPreflight: true}})

	m.withPreflight(preflight.Config{Bin: "/nowhere/nginx"})
	m.change(bad.ID, func(s *fleet.Server) { s.CustomNginx = "gzip off;" })
	if r := m.publish(publish.Request{}); len(r.Preflight) != 1 || r.Preflight[0].Status != preflight.NotRun {
		t.Errorf("without nginx: %+v", r.Preflight)
	}
	m.withPreflight(preflight.Config{Bin: "/nowhere/nginx", Mode: preflight.Require})
	m.change(bad.ID, func(s *fleet.Server) { s.CustomNginx = "gzip on;" })
	if _, err := m.pub.Publish(t.Context(), publish.Request{}); !publish.Refused(err) || !strings.Contains(err.Error(), "NGINX_BIN") {
		t.Errorf("a required preflight was not run, and: %v", err)
	}
}

// TestPreviewAndRollback: a preview shows what changes against what the slave runs; a rollback brings the content
// of an earlier snapshot with the limits of now, and what is configured stays.
func TestPreviewAndRollback(t *testing.T) {
	m := newMaster(t)
	s := m.addServer(groupA.Host, "a.com", api.Emby)
	first := m.publish(publish.Request{})
	m.change(s.ID, func(s *fleet.Server) { s.ServerName = "b.com" })
	group := func(q publish.Question) (publish.GroupPreview, string) {
		t.Helper()
		preview, err := m.pub.Preview(t.Context(), q)
		if err != nil || len(preview.Groups) != 1 {
			t.Fatalf("%+v, %v", preview, err)
		}
		return preview.Groups[0], preview.Hash
	}
	if g, _ := group(publish.Question{}); g.Against != nil || !g.Changed || !strings.Contains(g.Diff, "+    server_name b.com;") {
		t.Errorf("nothing was delivered yet: %+v", g.Against)
	}
	if err := m.store.Acknowledge(t.Context(), groupA, api.Ack{SnapshotID: api.Int(first.ID), Status: api.AckApplied}); err != nil {
		t.Fatal(err)
	}
	g, hash := group(publish.Question{Host: groupA.Host, Profile: 1})
	if g.Against == nil || g.Against.SnapshotID != first.ID || !strings.Contains(g.Diff, "-    server_name a.com;\n+    server_name b.com;") {
		t.Errorf("the diff is %s", g.Diff)
	}
	if _, err := m.pub.Preview(t.Context(), publish.Question{Host: "nowhere"}); err == nil {
		t.Error("a preview of nowhere")
	}

	m.change(s.ID, func(s *fleet.Server) { s.ServerName = "c.com" })
	_, err := m.pub.Publish(t.Context(), publish.Request{Expect: hash})
	stale, ok := errors.AsType[*publish.StaleError](err)
	if !ok {
		t.Fatalf("published what was not looked at: %v", err)
	}
	second := m.publish(publish.Request{Expect: stale.Current})

	diff, err := m.pub.Compare(t.Context(), publish.Pair{From: first.ID, To: second.ID})
	if err != nil || len(diff.Groups) != 1 || !strings.Contains(diff.Groups[0].Diff, "+    server_name c.com;") || !strings.Contains(diff.Content, `"server_name": "c.com"`) {
		t.Errorf("diff %+v, %v", diff, err)
	}
	before := m.board.Current(groupA)
	back := m.publish(publish.Request{Order: rollout.Order{Snapshot: first.ID}})
	after := m.board.Current(groupA)
	if back.Distributions[0].ConfigHash != first.Distributions[0].ConfigHash || after.Version <= before.Version {
		t.Errorf("rolled back to %+v", after)
	}
	if g, _ := group(publish.Question{}); !strings.Contains(g.RenderedNginx, "c.com") {
		t.Error("what is configured went back, too")
	}
}
