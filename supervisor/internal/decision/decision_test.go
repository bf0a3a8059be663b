package decision_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/supervisor/internal/decision"
	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
)

// gate is the nginx that is told, and the clock.
type gate struct {
	mu      sync.Mutex
	now     time.Time
	fail    error
	version int64
	set     []nginx.Decision
	pushes  int
}

func (g *gate) PushDecisions(_ context.Context, version int64, set []nginx.Decision) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pushes++
	if g.fail != nil {
		return g.fail
	}
	g.version, g.set = version, set
	return nil
}

func (g *gate) change(f func(*gate)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f(g)
}

func (g *gate) clock() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now
}

// has waits until nginx goes by n decisions.
func (g *gate) has(t *testing.T, n int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		g.mu.Lock()
		have := len(g.set)
		g.mu.Unlock()
		if have == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("nginx has %d decisions, want %d", have, n)
		}
	}
}

func start(t *testing.T, g *gate) *decision.Set {
	t.Helper()
	g.now = time.Unix(1_700_000_000, 0)
	s, err := decision.New(decision.Config{Nginx: g, Now: g.clock, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return s
}

// TestPushed on each change as one set, whose versions rise, and again to an nginx that was started anew.
func TestPushed(t *testing.T) {
	g := &gate{}
	s := start(t, g)
	s.Kick("1", "a")
	g.has(t, 1)
	first := g.version
	if d := g.set[0]; d.Dimension != "session" || d.Scope != "1" || d.Value != "a" || d.Action != "reject" || d.Reason != "kicked" ||
		*d.Until != g.now.Add(decision.KickedFor).Unix() {
		t.Errorf("%+v", d)
	}
	s.Kick("1", "b")
	g.has(t, 2)
	if g.version <= first {
		t.Errorf("version %d after %d", g.version, first)
	}
	g.change(func(g *gate) { g.set, g.fail = nil, nginx.ErrDown })
	s.Restarted()
	g.change(func(g *gate) { g.fail = nil })
	s.Restarted()
	g.has(t, 2)
}

// TestRetried: what a running nginx did not take is pushed again.
func TestRetried(t *testing.T) {
	g := &gate{fail: errors.New("busy")}
	s := start(t, g)
	s.Kick("1", "a")
	for s.Status().LastError == "" {
		time.Sleep(time.Millisecond)
	}
	g.change(func(g *gate) { g.fail = nil })
	g.has(t, 1)
	if st := s.Status(); st.Count != 1 {
		t.Errorf("%+v", st)
	}
}

func TestEnds(t *testing.T) {
	g := &gate{}
	s := start(t, g)
	s.Kick("1", "a")
	g.has(t, 1)
	if !s.Kicked("1", "a") || s.Kicked("2", "a") || s.Kicked("1", "b") {
		t.Error("kicked is not what was kicked")
	}
	g.change(func(g *gate) { g.now = g.now.Add(decision.KickedFor) })
	if s.Kicked("1", "a") || s.Status().Count != 0 {
		t.Error("kicked for ever")
	}
	g.change(func(g *gate) { g.set = nil })
	s.Kick("1", "b")
	g.has(t, 1)
	if g.set[0].Value != "b" {
		t.Errorf("%+v", g.set)
	}
}

// TestNothingToSay: an nginx without decisions is not bothered.
func TestNothingToSay(t *testing.T) {
	g := &gate{}
	s := start(t, g)
	s.Restarted()
	s.Kick("1", "a")
	g.has(t, 1)
	if g.pushes != 1 {
		t.Errorf("%d pushes", g.pushes)
	}
}

func TestBounded(t *testing.T) {
	g := &gate{}
	s := start(t, g)
	for i := range 10_010 {
		if i == 10 {
			g.change(func(g *gate) { g.now = g.now.Add(time.Second) })
		}
		s.Kick("1", fmt.Sprint(i))
	}
	g.has(t, 10_000)
	if s.Kicked("1", "0") || !s.Kicked("1", "10009") {
		t.Error("the wrong ones made room")
	}
}

// TestReplace: a source's decisions stand beside others, go when they are not named any more or end, and are
// pushed only when they are others.
func TestReplace(t *testing.T) {
	g := &gate{}
	s := start(t, g)
	until := g.now.Add(time.Hour).Unix()
	of := func(value string) nginx.Decision {
		return nginx.Decision{Dimension: "user", Value: value, Action: "reject", Reason: "quota_requests", Until: new(until)}
	}
	s.Kick("1", "a")
	s.Replace(decision.Quota, []nginx.Decision{of("u"), of("v")})
	s.Replace(decision.Enforcement, []nginx.Decision{of("u")})
	g.has(t, 4)
	version := s.Status().Version
	s.Replace(decision.Quota, []nginx.Decision{of("u"), of("v")})
	if now := s.Status().Version; now != version {
		t.Error("the same decisions are a change")
	}
	s.Replace(decision.Quota, []nginx.Decision{of("v")})
	g.has(t, 3)
	g.change(func(g *gate) { g.now = g.now.Add(2 * time.Hour) })
	s.Replace(decision.Enforcement, nil)
	g.has(t, 0)
}
