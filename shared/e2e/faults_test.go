package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// scripted is a slave under a scriptMaster, with a release that serves.
type scripted struct {
	*scriptMaster
	slave *testbed.Slave
	port  int
	media string // host:port of the media server
}

// names of the servers of a good scripted configuration.
var names = []string{"a.test", "b.test", "c.test"}

func startScripted(t testing.TB) *scripted {
	t.Helper()
	_, media := startMedia(t)
	s := &scripted{scriptMaster: newScriptMaster(t), port: freePort(t), media: media}
	root := filepath.Join(shortDir(t), "slave")
	s.slave = &testbed.Slave{Root: root}
	s.publish(t, s.good("first"))
	s.slave = startSlave(t, testbed.SlaveConfig{Root: root, MasterURL: s.URL, Token: "uhd_scripted"})
	if ack := s.waitAck(t); ack.Status != api.AckApplied {
		t.Fatalf("the first configuration was not applied: %+v\n%s", ack, s.slave.Log)
	}
	return s
}

// good is a configuration that works; each answer carries its mark in X-Mark.
func (s *scripted) good(mark string) api.Config {
	var b strings.Builder
	// A shared zone: what nginx -t cannot compare with the running one.
	fmt.Fprintf(&b, "limit_req_zone $binary_remote_addr zone=shared:1m rate=100000r/s;\nupstream media { server %s; }\n", s.media)
	lua := filepath.Join(s.slave.Root, "lua")
	for _, name := range names {
		fmt.Fprintf(&b, `server {
    listen %d;
    server_name %s;
    access_by_lua_file %[3]s/access.lua;
    log_by_lua_file %[3]s/log_handler.lua;
    header_filter_by_lua_file %[3]s/header_filter.lua;
    add_header X-Mark %s always;
    location / { proxy_pass http://media; }
}
`, s.port, name, lua, mark)
	}
	return api.Config{
		ServiceType: api.Jellyfin, RenderedNginx: b.String(), SiblingCount: len(names),
		LuaConfig: api.LuaConfig{BlockList: []api.PathRule{{Pattern: "/blocked-by-" + mark, MatchType: api.MatchExact}}},
	}
}

// TestBadConfigurations: whatever is wrong with a configuration, every request of players is served by
// the old release, disk and shared dict stay on the old hash, the ack names stage and cause, the bad one
// is not tried in a loop, and the next good one is applied.
func TestBadConfigurations(t *testing.T) {
	s := startScripted(t)
	mark := "first"
	for i, tt := range []struct {
		name   string
		spoil  func(*api.Config)
		tamper func(*scriptMaster)
		stage  string
		cause  string // in the ack's error
	}{
		{
			name: "nginx -t fails", stage: "test", cause: `unknown directive "nonsense"`,
			spoil: func(c *api.Config) { c.RenderedNginx += "nonsense on;\n" },
		},
		{
			name: "passes -t, nginx refuses the reload", stage: "reload", cause: "previously it used",
			spoil: func(c *api.Config) {
				c.RenderedNginx = strings.Replace(c.RenderedNginx, "$binary_remote_addr", "$server_name", 1)
			},
		},
		{
			name: "Lua does not compile", stage: "test", cause: "access.lua:1",
			spoil: func(c *api.Config) { c.RenderedLua = "this is not Lua (" },
		},
		{
			name: "the access chain answers 500", stage: "rehearse", cause: "500",
			spoil: func(c *api.Config) { c.RenderedLua = `error("boom")` },
		},
		{
			name: "a rule's regex does not compile", stage: "test", cause: "block_list",
			spoil: func(c *api.Config) {
				c.LuaConfig.BlockList = []api.PathRule{{Pattern: "(", MatchType: api.MatchRegex}}
			},
		},
		{
			name: "truncated body", stage: "fetch", cause: "EOF",
			tamper: func(m *scriptMaster) { m.cut = 20 },
		},
		{
			name: "wrong hash", stage: "check", cause: "hash",
			tamper: func(m *scriptMaster) {
				m.body = []byte(strings.Replace(string(m.body), "X-Mark", "X-Kram", 1))
			},
		},
		{
			name: "empty render", stage: "check", cause: "empty",
			spoil: func(c *api.Config) { c.RenderedNginx = "" },
		},
		{
			name: "drops most server blocks", stage: "check", cause: "allow_shrink",
			spoil: func(c *api.Config) {
				c.RenderedNginx = c.RenderedNginx[:strings.Index(c.RenderedNginx, "server {")] + "server { listen " + fmt.Sprint(s.port) + "; return 200; }\n"
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := s.release(t)
			watch := s.watchServing(t, mark)

			config := s.good(fmt.Sprintf("bad%d", i))
			if tt.spoil != nil {
				tt.spoil(&config)
			}
			var breaks []func(*scriptMaster)
			if tt.tamper != nil {
				breaks = append(breaks, tt.tamper)
			}
			s.publish(t, config, breaks...)
			ack := s.waitAck(t)
			if ack.Status != api.AckFailed || ack.Stage != tt.stage || !strings.Contains(ack.Error, tt.cause) {
				t.Errorf("ack = %+v, want failed at %s with %q", ack, tt.stage, tt.cause)
			}
			s.waitSettled(t)
			watch()
			if after := s.release(t); after != before {
				t.Errorf("disk or shared dict moved from %+v to %+v", before, after)
			}
			if n := s.fetches(); n > 2 {
				t.Errorf("the bad configuration was fetched %d times", n)
			}

			mark = fmt.Sprintf("good%d", i)
			s.publish(t, s.good(mark))
			if ack := s.waitAck(t); ack.Status != api.AckApplied {
				t.Fatalf("the next good configuration was not applied: %+v", ack)
			}
			if got := s.mark(t); got != mark {
				t.Errorf("%s serves, want %s", got, mark)
			}
		})
	}
}

// release is what a slave runs, on disk and in memory.
type release struct{ conf, rules string }

func (s *scripted) release(t testing.TB) release {
	t.Helper()
	hash, err := s.slave.Release()
	must(t, err)
	state := adminState(t, s.slave.Root)
	return release{conf: hash, rules: state.ActiveHash}
}

// waitSettled waits until the slave has asked for the version twice more, so that a loop of
// attempts would show.
func (s *scripted) waitSettled(t testing.TB) {
	t.Helper()
	asked := s.asked.Load()
	eventually(t, func() error {
		if n := s.asked.Load() - asked; n < 2 {
			return fmt.Errorf("the slave asked for the version %d times after its ack, want 2", n)
		}
		return nil
	})
}

func (s *scripted) mark(t testing.TB) string {
	t.Helper()
	res := ask(t, s.port, names[0], "/System/Info/Public")
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("status %d", res.StatusCode)
	}
	return res.Header.Get("X-Mark")
}

// watchServing keeps asking until the returned function is called, and fails the test when an answer is
// not 200 from the release with the mark.
func (s *scripted) watchServing(t testing.TB, mark string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	var asked atomic.Int64
	go func() {
		defer close(done)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			got, status, err := s.try("/System/Info/Public")
			asked.Add(1)
			if err != nil || status != http.StatusOK || got != mark {
				t.Errorf("a player got %d from release %q, %v; want 200 from %q", status, got, err, mark)
				return
			}
		}
	}()
	end := func() {
		cancel()
		<-done
	}
	t.Cleanup(end)
	return func() {
		end()
		if asked.Load() == 0 {
			t.Error("no request was made meanwhile")
		}
	}
}

// nginxState is what the admin socket tells.
type nginxState struct {
	PID        int    `json:"pid"`
	Generation int    `json:"generation"`
	RulesHash  string `json:"rules_hash"`
	ActiveHash string `json:"active_hash"`
	Workers    []struct {
		PID       int    `json:"pid"`
		RulesHash string `json:"rules_hash"`
	} `json:"workers"`
}

// adminState asks nginx itself, over its admin socket.
func adminState(t testing.TB, root string) nginxState {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(root, "run", "admin.sock"))
		},
	}}
	res, err := client.Get("http://admin/state")
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	must(t, err)
	var state nginxState
	if err := json.Unmarshal(body, &state); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return state
}
