package agent_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/agent"
)

// zone is a shared zone; nginx -t passes with either key, and a reload from one to the other is refused.
func zone(key string) string { return "limit_req_zone " + key + " zone=players:1m rate=1000r/s;\n" }

// TestFailures: whatever is wrong with a configuration, the release that serves goes on serving every
// request, disk and shared dict stay on its hash, the ack says what failed where, the configuration is
// not tried in a loop, and the next good one is applied.
func TestFailures(t *testing.T) {
	for name, tt := range map[string]struct {
		servers int
		bad     func(s *slave) api.Config
		mangle  func(document []byte) []byte
		stage   string
		cause   string
	}{
		"nginx -t": {
			bad:   func(s *slave) api.Config { return s.config("", "no_such_directive on;") },
			stage: "test", cause: `unknown directive "no_such_directive"`,
		},
		"reload refused": {
			bad:   func(s *slave) api.Config { return s.config(zone("$server_name"), "") },
			stage: "reload", cause: `"players" uses the "$server_name" key`,
		},
		"Lua does not compile": {
			bad:   func(s *slave) api.Config { return withLua(s.config("", ""), "local = 1") },
			stage: "test", cause: "access.lua:1:",
		},
		"access chain answers 500": {
			bad:   func(s *slave) api.Config { return withLua(s.config("", ""), `error("broken chain")`) },
			stage: "rehearse", cause: "broken chain",
		},
		"rules do not compile": {
			bad: func(s *slave) api.Config {
				cfg := s.config("", "")
				cfg.LuaConfigs["p1"] = api.LuaConfig{BlockList: []api.PathRule{{Pattern: "([", MatchType: api.MatchRegex}}}
				return cfg
			},
			stage: "test", cause: "block_list",
		},
		"truncated body": {
			bad:    func(s *slave) api.Config { return s.config("# cut\n", "") },
			mangle: func(document []byte) []byte { return document[:len(document)/2] },
			stage:  "fetch", cause: "bad answer of the master",
		},
		"wrong hash": {
			bad: func(s *slave) api.Config { return s.config("# mangled\n", "") },
			mangle: func(document []byte) []byte {
				return bytes.Replace(document, []byte("# mangled"), []byte("# MANGLED"), 1)
			},
			stage: "check", cause: "content hash is",
		},
		"empty render": {
			bad:   func(*slave) api.Config { return api.Config{RenderedNginx: " \n"} },
			stage: "check", cause: "empty render",
		},
		"most servers gone": {
			servers: 3,
			bad:     func(s *slave) api.Config { return s.servers(1, "", "") },
			stage:   "check", cause: "2 of 3 server blocks would go: publish with allow_shrink when that is meant",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, s := newMaster(t), newSlave(t)
			m.impatient = true // so that a loop would show
			s.start(t, m)
			good := m.publish(t, s.servers(max(tt.servers, 1), zone("$binary_remote_addr"), ""))
			m.requireApplied(t, good)
			end := s.players(t)

			m.set(func(m *master) { m.mangle = tt.mangle })
			bad := m.publish(t, tt.bad(s))
			ack := m.ack(t, bad.SnapshotID)
			if ack.Status != api.AckFailed || ack.Stage != tt.stage || !strings.Contains(ack.Error, tt.cause) {
				t.Errorf("ack = %+v, want failed at %s: …%s…", ack, tt.stage, tt.cause)
			}
			requireServes(t, s, good)
			requireLeftAlone(t, m, s)

			m.set(func(m *master) { m.mangle = nil })
			next := m.publish(t, s.servers(max(tt.servers, 1), zone("$binary_remote_addr")+"# next\n", ""))
			m.requireApplied(t, next)
			end()
			requireServes(t, s, next)
		})
	}
}

func withLua(cfg api.Config, lua string) api.Config {
	cfg.RenderedLua = lua
	return cfg
}

// requireServes: disk, every worker and the shared dict are on cfg.
func requireServes(t *testing.T, s *slave, cfg api.Config) {
	t.Helper()
	if target, err := os.Readlink(filepath.Join(s.root, "conf")); err != nil || target != "releases/"+cfg.ConfigHash {
		t.Errorf("conf -> %s, %v, want %s", target, err, cfg.ConfigHash)
	}
	if proven := s.store.Proven(); len(proven) == 0 || proven[0].Hash != cfg.ConfigHash {
		t.Errorf("proven = %+v, want %s first", proven, cfg.ConfigHash)
	}
	state := s.state(t)
	if state.ActiveHash != cfg.ConfigHash {
		t.Errorf("active rules = %s, want %s", state.ActiveHash, cfg.ConfigHash)
	}
	for _, w := range state.Workers {
		if w.RulesHash != cfg.ConfigHash {
			t.Errorf("worker %d has rules %s, want %s", w.PID, w.RulesHash, cfg.ConfigHash)
		}
	}
	if got := s.status("/Items"); got != http.StatusOK {
		t.Errorf("GET /Items = %d, want 200", got)
	}
}

// requireLeftAlone: polls go on, and what failed is not fetched again, nor acked again.
func requireLeftAlone(t *testing.T, m *master, s *slave) {
	t.Helper()
	q := s.store.Quarantined()
	if q == nil || q.Attempts != 1 {
		t.Fatalf("quarantine = %+v, want one attempt", q)
	}
	polls, fetches := m.counts()
	eventually(t, "more polls", func() bool { now, _ := m.counts(); return now > polls+3 })
	if _, now := m.counts(); now != fetches {
		t.Error("what failed was fetched again at once")
	}
}

// failsOnTCP is an access chain that only the rehearsal, on unix sockets, gets through.
const failsOnTCP = `
if not ngx.var.server_addr:find("unix:", 1, true) then
  error("fails on TCP only")
end
require("uhd.access").run()`

// TestVerifyFails: a configuration that passes the rehearsal and fails where players are is taken back
// by another reload.
func TestVerifyFails(t *testing.T) {
	m, s := newMaster(t), newSlave(t)
	s.start(t, m)
	good := m.publish(t, s.config("", ""))
	m.requireApplied(t, good)
	generation := s.state(t).Generation
	bad := m.publish(t, withLua(s.config("", ""), failsOnTCP))
	if ack := m.ack(t, bad.SnapshotID); ack.Status != api.AckFailed || ack.Stage != "verify" {
		t.Errorf("ack = %+v, want failed at verify", ack)
	}
	requireServes(t, s, good)
	if now := s.state(t).Generation; now != generation+2 {
		t.Errorf("generation %d -> %d, want two reloads", generation, now)
	}
	m.requireApplied(t, m.publish(t, s.config("# next\n", "")))
}

// TestRollbackFails: when the way back is blocked as well, the slave says so and goes back once it can.
func TestRollbackFails(t *testing.T) {
	m, s := newMaster(t), newSlave(t)
	m.impatient = true
	s.start(t, m)
	extra := filepath.Join(s.root, "extra.conf")
	edit(t, extra, "# fine\n")
	good := m.publish(t, s.config("", "include "+extra+";"))
	m.requireApplied(t, good)

	edit(t, extra, "nonsense;\n") // which nginx does not read before it reloads
	bad := m.publish(t, withLua(s.config("", ""), failsOnTCP))
	if ack := m.ack(t, bad.SnapshotID); ack.Stage != "verify" || !strings.Contains(ack.Error, "roll back to version") {
		t.Errorf("ack = %+v, want both failures", ack)
	}
	if got := s.agent.Status(t.Context()); got.Status != agent.Degraded || !strings.Contains(got.Reason, "nonsense") {
		t.Errorf("status = %s: %s", got.Status, got.Reason)
	}
	edit(t, extra, "# fine again\n")
	eventually(t, "the way back", func() bool { return strings.Contains(s.log.String(), "Back on the last proven release") })
	requireServes(t, s, good)
}

// TestPortTaken: nginx -t and the rehearsal do not see that another program has the port; the reload does.
func TestPortTaken(t *testing.T) {
	m, s := newMaster(t), newSlave(t)
	s.start(t, m)
	good := m.publish(t, s.config("", ""))
	m.requireApplied(t, good)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	end := s.players(t)
	bad := m.publish(t, s.config("", fmt.Sprintf("listen %s;", ln.Addr())))
	if ack := m.ack(t, bad.SnapshotID); ack.Stage != "reload" || !strings.Contains(ack.Error, "Address already in use") {
		t.Errorf("ack = %+v, want failed at reload", ack)
	}
	requireServes(t, s, good)
	end()
}

// TestPullRetries: an operator who asks need not wait for the quarantine.
func TestPullRetries(t *testing.T) {
	m, s := newMaster(t), newSlave(t)
	s.start(t, m)
	m.requireApplied(t, m.publish(t, s.config("", "")))
	file := filepath.Join(s.root, "missing.conf")
	cfg := m.publish(t, s.config("", "include "+file+";"))
	if ack := m.ack(t, cfg.SnapshotID); ack.Status != api.AckFailed {
		t.Fatalf("ack = %+v", ack)
	}
	if err := os.WriteFile(file, []byte("# there it is\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.agent.Pull()
	eventually(t, "the configuration that failed", func() bool {
		return s.agent.Status(t.Context()).Release.Version == cfg.Version
	})
	eventually(t, "the end of the quarantine", func() bool { return s.store.Quarantined() == nil })
}

// TestShrinkThatIsMeant is applied, down to nothing.
func TestShrinkThatIsMeant(t *testing.T) {
	m, s := newMaster(t), newSlave(t)
	s.start(t, m)
	m.requireApplied(t, m.publish(t, s.servers(3, "", "")))
	less := s.servers(1, "", "")
	less.AllowShrink = true
	m.requireApplied(t, m.publish(t, less))
	m.requireApplied(t, m.publish(t, api.Config{AllowShrink: true}))
}

func TestSignature(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(document []byte) []byte {
		var cfg api.Config
		mustUnmarshal(t, document, &cfg)
		signature := ed25519.Sign(private, api.SignedMessage(cfg.ConfigHash, cfg.Version, cfg.Epoch))
		cfg.Signature = base64.StdEncoding.EncodeToString(signature)
		return mustMarshal(t, cfg)
	}
	m, s := newMaster(t), newSlave(t)
	s.change = func(cfg *agent.Config) { cfg.PublicKeys = []ed25519.PublicKey{public} }
	s.start(t, m)

	unsigned := m.publish(t, s.config("# unsigned\n", ""))
	if ack := m.ack(t, unsigned.SnapshotID); ack.Stage != "check" || !strings.Contains(ack.Error, "not signed: set SIGNING_KEY") {
		t.Errorf("ack of unsigned = %+v", ack)
	}
	m.set(func(m *master) { m.mangle = sign })
	signed := m.publish(t, s.config("# signed\n", ""))
	m.requireApplied(t, signed)

	// The signature of one version does not make another.
	m.set(func(m *master) {
		m.mangle = func(document []byte) []byte {
			var cfg api.Config
			mustUnmarshal(t, sign(document), &cfg)
			cfg.Version += 1000
			return mustMarshal(t, cfg)
		}
	})
	replayed := m.publish(t, s.config("# replayed\n", ""))
	if ack := m.ack(t, replayed.SnapshotID); ack.Stage != "check" || !strings.Contains(ack.Error, "signature does not fit") {
		t.Errorf("ack of replayed = %+v", ack)
	}
	requireServes(t, s, signed)
}

// TestKeyRotation: a slave takes what any of its keys has signed, whoever else has, and names those that it misses.
func TestKeyRotation(t *testing.T) {
	var public []ed25519.PublicKey
	var private []ed25519.PrivateKey
	for range 3 {
		pub, priv, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		public, private = append(public, pub), append(private, priv)
	}
	signed := func(keys ...ed25519.PrivateKey) func(*master) {
		return func(m *master) {
			m.mangle = func(document []byte) []byte {
				var cfg api.Config
				mustUnmarshal(t, document, &cfg)
				cfg.Signature = api.Sign(api.SignedMessage(cfg.ConfigHash, cfg.Version, cfg.Epoch), keys...)
				return mustMarshal(t, cfg)
			}
		}
	}
	m, s := newMaster(t), newSlave(t)
	s.change = func(cfg *agent.Config) { cfg.PublicKeys = public[:2] }
	s.start(t, m)
	m.set(signed(private[0]))
	m.requireApplied(t, m.publish(t, s.config("# old\n", "")))
	m.set(signed(private[2], private[1]))
	m.requireApplied(t, m.publish(t, s.config("# one that is known, one that is not\n", "")))
	m.set(signed(private[2]))
	unknown := m.publish(t, s.config("# unknown\n", ""))
	if ack := m.ack(t, unknown.SnapshotID); ack.Stage != "check" || !strings.Contains(ack.Error, "CONFIG_PUBLIC_KEY") || !strings.Contains(ack.Error, api.KeyID(public[2])) {
		t.Errorf("ack of an unknown key's = %+v", ack)
	}
}

// TestStageFails: a disk that cannot take the release changes nothing.
func TestStageFails(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	m, s := newMaster(t), newSlave(t)
	s.start(t, m)
	good := m.publish(t, s.config("", ""))
	m.requireApplied(t, good)
	unlock := immutable(t, filepath.Join(s.root, "releases"))
	end := s.players(t)
	bad := m.publish(t, s.config("# no place\n", ""))
	if ack := m.ack(t, bad.SnapshotID); ack.Stage != "stage" || !strings.Contains(ack.Error, "write under SLAVE_ROOT") {
		t.Errorf("ack = %+v", ack)
	}
	requireServes(t, s, good)
	unlock()
	m.requireApplied(t, m.publish(t, s.config("# place\n", "")))
	end()
}
