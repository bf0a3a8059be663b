package nginx

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/nginxconf"
)

// The pipeline's steps on a good release, in order.
func TestApplyRelease(t *testing.T) {
	s := newSlave(t)
	s.commit(s.stage(release{hash: "a"}))
	server, _ := s.run(nil)
	s.serves("a")

	dir := s.stage(release{hash: "b", extra: `server { listen 127.0.0.1:1; server_name ~^never$; return 204; }`})
	ctx := t.Context()
	s.must(server.Test(ctx, dir))
	s.must(server.Rehearse(ctx, dir))
	if !gone(pathsOf(s.root).rehearsal) {
		t.Error("the rehearsal left its private root")
	}
	s.serves("a")

	dir = s.stage(release{hash: "b"})
	s.commit(dir)
	s.must(server.Reload(ctx))
	s.must(server.Verify(ctx, dir, "b"))
	s.serves("b")
	state, err := server.State(ctx)
	s.must(err)
	if state.Generation != 2 || state.RulesHash != "b" || state.WorkerCount != 2 {
		t.Errorf("state %+v", state)
	}
	info, err := os.Stat(pathsOf(s.root).adminSocket)
	s.must(err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("admin socket has mode %v", info.Mode())
	}
}

// TestReloadLeavesNoOldWorker: once a reload is through, only workers with the new configuration take connections.
func TestReloadLeavesNoOldWorker(t *testing.T) {
	s := newSlave(t)
	s.commit(s.stage(release{hash: "0"}))
	server, _ := s.run(nil)
	for i := range 10 {
		var before map[int]bool
		s.eventually("both workers take connections", func() bool {
			var err error
			before, err = accepting(server.instance())
			s.must(err)
			return len(before) == 2
		})
		hash := strconv.Itoa(i + 1)
		s.commit(s.stage(release{hash: hash}))
		s.must(server.Reload(t.Context()))
		now, err := accepting(server.instance())
		s.must(err)
		for pid := range before {
			if now[pid] {
				t.Errorf("worker %d of release %d still takes connections", pid, i)
			}
		}
		if len(now) == 0 {
			t.Error("nobody takes connections")
		}
		s.serves(hash)
	}
}

func TestRefusedByTest(t *testing.T) {
	s := newSlave(t)
	s.commit(s.stage(release{hash: "a"}))
	server, _ := s.run(nil)
	dir := s.stage(release{hash: "b", http: "\nupstream media {\n    no_such_directive on;\n}"})
	err := server.Test(t.Context(), dir)
	contains(t, err, `server.conf:3: unknown directive "no_such_directive"`)
	var refusal *nginxconf.TestError
	if !errors.As(err, &refusal) || refusal.File != filepath.Join(dir, "server.conf") || refusal.Line != 3 {
		t.Errorf("got %#v", refusal)
	}
	s.serves("a")
}

func TestRefusedByCompiler(t *testing.T) {
	s := newSlave(t)
	s.commit(s.stage(release{hash: "a"}))
	server, _ := s.run(nil)
	const good, bad = "return ngx.var.uri", "\n\nif then end"
	s.must(server.CheckLua(t.Context(), "access.lua", good))
	contains(t, server.CheckLua(t.Context(), "access.lua", bad), "access.lua:3:")
	contains(t, server.CheckRules(t.Context(), []byte(`{"hash": 1}`)), "hash")
	contains(t, server.PushRules(t.Context(), []byte(`{`)), "")
	state, err := server.State(t.Context())
	s.must(err)
	if state.ActiveHash != "a" {
		t.Errorf("refused rules changed the active hash to %q", state.ActiveHash)
	}
}

// Same zone, other key: nginx -t accepts it and the reload does not.
func TestRefusedReload(t *testing.T) {
	s := newSlave(t)
	zone := func(key string) string { return "limit_req_zone " + key + " zone=z:1m rate=10r/s;" }
	first := s.stage(release{hash: "a", http: zone("$binary_remote_addr")})
	s.commit(first)
	server, _ := s.run(nil)
	second := s.stage(release{hash: "b", http: zone("$server_name")})
	ctx := t.Context()
	s.must(server.Test(ctx, second))
	s.commit(second)
	err := server.Reload(ctx)
	contains(t, err, `limit_req "z" uses the "$server_name" key while previously it used the "$binary_remote_addr" key`)
	if _, ok := errors.AsType[*ReloadError](err); !ok {
		t.Errorf("got %T", err)
	}
	short, cancel := context.WithTimeout(ctx, time.Second) // what is refused stays refused
	defer cancel()
	contains(t, server.Verify(short, second, "b"), `serves rules "a"`)
	s.serves("a")

	s.commit(first)
	s.must(server.Verify(ctx, first, "a")) // it never left
	s.must(server.Reload(ctx))
	s.must(server.Verify(ctx, first, "a"))
	third := s.stage(release{hash: "c", http: zone("$binary_remote_addr")})
	s.commit(third)
	s.must(server.Reload(ctx))
	s.must(server.Verify(ctx, third, "c"))
	s.serves("c")
}

// A chain that compiles and answers 500 is caught before a player meets it, and by Verify if it was
// committed all the same.
func TestRefusedByRehearsal(t *testing.T) {
	s := newSlave(t)
	s.commit(s.stage(release{hash: "a"}))
	server, _ := s.run(nil)
	ctx := t.Context()
	dir := s.stage(release{hash: "b", access: "-- an error\n\nerror('out of cheese')\n"})
	s.must(server.Test(ctx, dir))
	err := server.Rehearse(ctx, dir)
	contains(t, err, "one.example", "answers 500", "access.lua:3: out of cheese")
	var failure *ProbeError
	if !errors.As(err, &failure) || failure.Status != 500 || failure.Server != "one.example" {
		t.Errorf("got %#v", failure)
	}
	s.serves("a")
	if left := s.left(); len(left) != 3 { // master and two workers of the serving nginx
		t.Errorf("processes left: %+v", left)
	}

	s.commit(dir)
	s.must(server.Reload(ctx))
	contains(t, server.Verify(ctx, dir, "b"), "one.example", "answers 500")

	// Rules that the data plane cannot read: no worker will show their hash.
	dir = s.stage(release{hash: "c"})
	s.must(os.WriteFile(filepath.Join(dir, "rules.json"), []byte(`{"hash": "c", "default": 7}`), 0o644))
	contains(t, server.Rehearse(ctx, dir), "rules")
}

// Rules alone reach every worker without a reload.
func TestPushRules(t *testing.T) {
	s := newSlave(t)
	dir := s.stage(release{hash: "a"})
	s.commit(dir)
	server, _ := s.run(nil)
	rules, err := os.ReadFile(filepath.Join(s.stage(release{hash: "b"}), "rules.json"))
	s.must(err)
	s.must(server.CheckRules(t.Context(), rules))
	if state, err := server.State(t.Context()); err != nil || state.ActiveHash != "a" {
		t.Errorf("checking rules has changed them: %+v %v", state, err)
	}
	s.must(server.PushRules(t.Context(), rules))
	s.must(server.Verify(t.Context(), dir, "b"))
	if state, err := server.State(t.Context()); err != nil || state.Generation != 1 {
		t.Errorf("got %+v, %v", state, err)
	}
}
