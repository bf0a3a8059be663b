package agent_test

import (
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/agent"
	"github.com/uhdadmin/media-gateway/supervisor/internal/limits"
)

// TestLimits: live limits are in force without a publish, stay so through a publish, a reload, a refused
// configuration, a killed nginx and a restart without the master, and go when the master says so.
func TestLimits(t *testing.T) {
	m, s := newMaster(t), newSlave(t)
	var mu sync.Mutex
	var kicked []api.Kick
	s.change = func(cfg *agent.Config) {
		cfg.Limits = limits.Open(limits.Config{
			Path: filepath.Join(s.root, "state", "limits.json"), Changed: func(api.RateLimits) {}, Log: slog.New(slog.DiscardHandler),
		})
		cfg.Kicks = func(kicks []api.Kick) {
			mu.Lock()
			defer mu.Unlock()
			kicked = append(kicked, kicks...)
		}
	}
	cfg := m.publish(t, s.config("", ""))
	s.start(t, m)
	m.requireApplied(t, cfg)
	overlaid := func() bool {
		hash := s.state(t).ActiveHash
		return strings.HasPrefix(hash, m.config.ConfigHash+".")
	}
	limited := func() bool { return s.status("/") == http.StatusTooManyRequests && overlaid() }

	m.limit(api.LiveLimits{
		RateLimits: api.RateLimits{Revision: "1", Rules: []api.RateLimitRule{{ID: 1, ApplyTo: "global", RatePerMinute: 1, OverAction: "reject"}}},
		Kicks:      []api.Kick{{Scope: "1", PlaySessionID: "p"}},
	})
	eventually(t, "the limit", limited)
	mu.Lock()
	if len(kicked) != 1 || kicked[0].PlaySessionID != "p" {
		t.Errorf("kicked %+v", kicked)
	}
	mu.Unlock()
	m.requireApplied(t, m.publish(t, s.config("", "# reloaded\n")))
	eventually(t, "the limit after a reload", limited)
	rules := s.config("", "# reloaded\n")
	rules.LuaConfigs["p1"] = blocking("/blocked")
	m.requireApplied(t, m.publish(t, rules))
	eventually(t, "the limit after other rules", limited)
	if ack := m.ack(t, m.publish(t, s.config(zone("$server_name"), "# reloaded\n")).SnapshotID); ack.Status != api.AckApplied {
		t.Fatalf("%+v", ack)
	}
	refused := m.publish(t, s.config(zone("$remote_addr"), "# reloaded\n"))
	if ack := m.ack(t, refused.SnapshotID); ack.Status != api.AckFailed || strings.Contains(ack.Error, "roll back") {
		t.Fatalf("%+v", ack)
	}
	if s.status("/") != http.StatusTooManyRequests {
		t.Error("the limit is gone after a configuration that was refused")
	}
	m.requireApplied(t, m.publish(t, s.config(zone("$server_name"), "# mended\n")))

	pid, err := os.ReadFile(filepath.Join(s.root, "run", "nginx.pid"))
	if err != nil {
		t.Fatal(err)
	}
	main, err := strconv.Atoi(strings.TrimSpace(string(pid)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(main, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the limit at another nginx", func() bool {
		now, err := os.ReadFile(filepath.Join(s.root, "run", "nginx.pid"))
		state, stateErr := s.nginx.State(t.Context())
		return err == nil && stateErr == nil && string(now) != string(pid) && state.Generation > 0 && limited()
	})
	s.stop()
	m.set(func(m *master) { m.refuse = func(*http.Request) int { return http.StatusServiceUnavailable } })
	s.start(t, m)
	eventually(t, "the limit without the master", limited)
	m.set(func(m *master) { m.refuse = nil })
	s.agent.Pull()
	m.limit(api.LiveLimits{RateLimits: api.RateLimits{Revision: "2"}})
	eventually(t, "no limit", func() bool { return s.status("/") == http.StatusOK && !overlaid() })
}
