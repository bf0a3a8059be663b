package agent_test

import (
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/agent"
)

func TestFirstApply(t *testing.T) {
	m, s := newMaster(t), newSlave(t)
	s.start(t, m)
	if got := s.status("/"); got != http.StatusServiceUnavailable {
		t.Errorf("before the first configuration: %d, want 503", got)
	}
	if err := s.agent.Ready(t.Context()); err == nil {
		t.Error("ready without a release")
	}
	cfg := m.publish(t, s.servers(3, "", ""))
	m.requireApplied(t, cfg)

	if status, body, err := get(s.url("/Items"), "emby3.test"); err != nil || status != http.StatusOK || body != "media /Items" {
		t.Errorf("through the gateway: %d %q, %v", status, body, err)
	}
	if err := s.agent.Ready(t.Context()); err != nil {
		t.Errorf("Ready = %v", err)
	}
	s.log.requireInOrder(t,
		`msg="Config update available: 0 -> 1706959200"`,
		`msg="Written rendered nginx config to server.conf"`,
		`msg="Cleared upstream.conf and maps.conf"`,
		`msg="Nginx config reloaded (multi-server mode, 3 servers)"`)
	if got := s.conf(t, "server.conf"); got != cfg.RenderedNginx {
		t.Error("server.conf is not rendered_nginx")
	}
	for _, name := range []string{"upstream.conf", "maps.conf"} {
		if got := s.conf(t, name); got != "# Managed by UHD Slave agent - included in server.conf\n" {
			t.Errorf("%s = %q", name, got)
		}
	}
	if out, err := exec.Command("nginx", "-e", "stderr", "-t", "-c", filepath.Join(s.root, "conf/nginx.conf")).CombinedOutput(); err != nil {
		t.Errorf("nginx -t: %v: %s", err, out)
	}
	ack := m.ack(t, cfg.SnapshotID)
	for _, stage := range []string{"fetch", "check", "stage", "test", "rehearse", "commit", "reload", "verify"} {
		if _, ok := ack.Timings[stage]; !ok {
			t.Errorf("ack has no time of stage %s", stage)
		}
	}
	eventually(t, "no more pending acks", func() bool { return s.agent.Status(t.Context()).PendingAcks == 0 })
	eventually(t, "a heartbeat that says ready", func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, b := range m.beats {
			if b.Status == agent.Ready && int64(b.CurrentConfigVersion) == cfg.Version {
				return true
			}
		}
		return false
	})
}

// TestRulesAlone: a change of rules reaches every worker without a reload.
func TestRulesAlone(t *testing.T) {
	m, s := newMaster(t), newSlave(t)
	s.start(t, m)
	m.requireApplied(t, m.publish(t, s.config("", "")))
	before := s.state(t)
	cfg := s.config("", "")
	cfg.LuaConfigs["p1"] = blocking("/forbidden")
	cfg = m.publish(t, cfg)
	m.requireApplied(t, cfg)

	after := s.state(t)
	if after.Generation != before.Generation {
		t.Errorf("generation %d -> %d, want no reload", before.Generation, after.Generation)
	}
	for _, w := range after.Workers {
		if w.RulesHash != cfg.ConfigHash {
			t.Errorf("worker %d has rules %s, want %s", w.PID, w.RulesHash, cfg.ConfigHash)
		}
	}
	if got := s.status("/forbidden"); got != http.StatusForbidden {
		t.Errorf("blocked path: %d, want 403", got)
	}
	if got := s.status("/Items"); got != http.StatusOK {
		t.Errorf("other path: %d, want 200", got)
	}
	if !strings.Contains(s.conf(t, "rules.json"), cfg.ConfigHash) {
		t.Error("rules.json on disk is not the pushed one")
	}
}

// TestPublishedAgain: the same content under a new snapshot is acked, and nothing else happens.
func TestPublishedAgain(t *testing.T) {
	m, s := newMaster(t), newSlave(t)
	s.start(t, m)
	m.requireApplied(t, m.publish(t, s.config("", "")))
	before := s.state(t)
	_, fetches := m.counts()
	cfg := m.publish(t, s.config("", ""))
	m.requireApplied(t, cfg)
	if _, again := m.counts(); again != fetches {
		t.Error("the same content was fetched again")
	}
	if after := s.state(t); after.Generation != before.Generation {
		t.Error("the same content was reloaded")
	}
	if got := s.agent.Status(t.Context()).Release; got.Version != cfg.Version || got.SnapshotID != cfg.SnapshotID {
		t.Errorf("release = %+v, want version %d", got, cfg.Version)
	}
}

// TestBackToWhatServes: after a configuration that failed, the one that serves is published again.
func TestBackToWhatServes(t *testing.T) {
	m, s := newMaster(t), newSlave(t)
	s.start(t, m)
	m.requireApplied(t, m.publish(t, s.config("", "")))
	bad := m.publish(t, s.config("nonsense;\n", ""))
	if ack := m.ack(t, bad.SnapshotID); ack.Status != api.AckFailed {
		t.Fatalf("ack = %+v", ack)
	}
	if got := s.agent.Status(t.Context()); got.Status != agent.Degraded || got.Quarantine == nil {
		t.Errorf("status = %s, quarantine %+v, want degraded", got.Status, got.Quarantine)
	}
	m.requireApplied(t, m.publish(t, s.config("", "")))
	if got := s.agent.Status(t.Context()); got.Status != agent.Ready || got.Quarantine != nil {
		t.Errorf("status = %s, quarantine %+v, want ready", got.Status, got.Quarantine)
	}
}

// TestVersionsFall: a master restored from a backup is followed.
func TestVersionsFall(t *testing.T) {
	m, s := newMaster(t), newSlave(t)
	s.start(t, m)
	first := m.publish(t, s.config("# one\n", ""))
	m.requireApplied(t, first)
	m.requireApplied(t, m.publish(t, s.config("# two\n", "")))
	m.restore(t, first)
	eventually(t, "the first configuration again", func() bool {
		return s.agent.Status(t.Context()).Release.Version == first.Version
	})
	if !strings.HasPrefix(s.conf(t, "server.conf"), "# one\n") {
		t.Error("server.conf is not the first one")
	}
}

// TestOldMaster knows neither wait, hashes, profiles nor Bearer, and answers in envelopes.
func TestOldMaster(t *testing.T) {
	m, s := newMaster(t), newSlave(t)
	m.old = true
	m.mangle = func(document []byte) []byte {
		var members map[string]any
		mustUnmarshal(t, document, &members)
		for _, unknown := range []string{"config_hash", "snapshot_id", "epoch", "signature", "service_type", "lua_configs"} {
			delete(members, unknown)
		}
		return mustMarshal(t, members)
	}
	s.start(t, m)
	m.requireApplied(t, m.publish(t, s.config("# one\n", "")))
	m.requireApplied(t, m.publish(t, s.config("# two\n", "")))
	if !strings.HasPrefix(s.conf(t, "server.conf"), "# two\n") {
		t.Error("server.conf is not the second one")
	}
	if got := s.status("/Items"); got != http.StatusOK {
		t.Errorf("through the gateway: %d", got)
	}
	_, fetches := m.counts()
	polls, _ := m.counts()
	eventually(t, "more polls", func() bool { now, _ := m.counts(); return now > polls+3 })
	if _, now := m.counts(); now != fetches {
		t.Errorf("fetched %d times more without a new version", now-fetches)
	}
}

// TestSurvivesAlone: without its master the slave boots from disk and serves.
func TestSurvivesAlone(t *testing.T) {
	m, s := newMaster(t), newSlave(t)
	s.start(t, m)
	m.requireApplied(t, m.publish(t, s.config("", "")))
	s.stop()
	m.Close()
	s.start(t, m)
	if got := s.status("/Items"); got != http.StatusOK {
		t.Errorf("without a master: %d, want 200", got)
	}
	eventually(t, "a failed poll", func() bool { return s.agent.Status(t.Context()).Poll.Failures > 0 })
	s.log.requireInOrder(t, "Config version check failed: master not reached", "check API_BASE")
	if err := s.agent.Ready(t.Context()); err != nil {
		t.Errorf("Ready = %v", err)
	}
}

func TestWrongToken(t *testing.T) {
	m, s := newMaster(t), newSlave(t)
	s.start(t, m)
	cfg := m.publish(t, s.config("", ""))
	m.requireApplied(t, cfg)
	m.set(func(m *master) { m.refuse = func(*http.Request) int { return http.StatusUnauthorized } })
	s.agent.Pull()
	eventually(t, "the log line", func() bool {
		return strings.Contains(s.log.String(), "Config version check failed: 401 Unauthorized: check APP_TOKEN")
	})
	if got := s.status("/Items"); got != http.StatusOK {
		t.Errorf("with a wrong token: %d, want the last configuration", got)
	}
	m.set(func(m *master) { m.refuse = nil })
	s.agent.Pull()
	m.requireApplied(t, m.publish(t, s.config("# next\n", "")))
}

// TestAckIsKept: an ack that the master could not take is sent when it can, even by the next process.
func TestAckIsKept(t *testing.T) {
	m, s := newMaster(t), newSlave(t)
	m.refuse = func(r *http.Request) int {
		if strings.HasSuffix(r.URL.Path, "/ack") {
			return http.StatusInternalServerError
		}
		return 0
	}
	s.start(t, m)
	bad := m.publish(t, s.config("nonsense;\n", ""))
	eventually(t, "a pending ack", func() bool { return s.agent.Status(t.Context()).PendingAcks == 1 })
	s.stop()
	m.set(func(m *master) { m.refuse = nil })
	s.start(t, m)
	if ack := m.ack(t, bad.SnapshotID); ack.Status != api.AckFailed || ack.Stage != "test" {
		t.Errorf("ack = %+v", ack)
	}
}

// TestReloadsAreCoalesced: of many publishes within RELOAD_MIN_INTERVAL, the last is applied when it ends.
func TestReloadsAreCoalesced(t *testing.T) {
	m, s := newMaster(t), newSlave(t)
	s.change = func(cfg *agent.Config) { cfg.ReloadMinInterval = 4 * time.Second }
	s.start(t, m)
	m.requireApplied(t, m.publish(t, s.config("", "")))
	before := s.state(t).Generation
	end := s.players(t)
	var last api.Config
	for n := range 50 {
		last = m.publish(t, s.config(fmt.Sprintf("# %d\n", n), ""))
		time.Sleep(20 * time.Millisecond) // an operator's script
	}
	m.requireApplied(t, last)
	end()
	if reloads := s.state(t).Generation - before; reloads != 1 {
		t.Errorf("50 publishes made %d reloads, want 1", reloads)
	}
}

// TestReloadsWaitForOldWorkers: with eight generations of workers that still stream, a reload waits for
// one of them to end, and rules do not.
func TestReloadsWaitForOldWorkers(t *testing.T) {
	m, s := newMaster(t), newSlave(t)
	s.start(t, m)
	m.requireApplied(t, m.publish(t, s.config("", "")))
	var streams []func()
	for n := range 8 {
		streams = append(streams, s.stream(t))
		m.requireApplied(t, m.publish(t, s.config(fmt.Sprintf("# %d\n", n), "")))
	}
	rules := s.config("# 7\n", "")
	rules.LuaConfigs["p1"] = blocking("/forbidden")
	m.requireApplied(t, m.publish(t, rules))

	before := s.state(t).Generation
	next := m.publish(t, s.config("# next\n", ""))
	eventually(t, "the deferral", func() bool { return strings.Contains(s.log.String(), "Reload deferred") })
	if now := s.state(t).Generation; now != before {
		t.Errorf("generation %d -> %d while deferred", before, now)
	}
	streams[3]()
	m.requireApplied(t, next)
}
