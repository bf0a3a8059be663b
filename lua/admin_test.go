package lua_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// rulesOf is a rules.json that blocks one path.
func rulesOf(hash, blocked string) string {
	return fmt.Sprintf(`{"hash": %q, "version": 1, "default": {"block_list": [{"pattern": %q, "match_type": "exact"}]}, "profiles": {}}`, hash, blocked)
}

func (g *gateway) putRules(t *testing.T, rules string) {
	t.Helper()
	if a := g.admin(t, http.MethodPut, "/rules", rules); a.StatusCode != http.StatusOK {
		t.Fatalf("PUT /rules: %s %s", a.Status, a.body)
	}
}

// blocks reports whether path is refused, on a connection of its own so that any worker may answer.
func (g *gateway) blocks(t *testing.T, path string) bool {
	t.Helper()
	return g.get(t, path, "Connection", "close").StatusCode == http.StatusForbidden
}

func TestState(t *testing.T) {
	g := start(t, setup{rules: rulesOf("one", "/one"), workers: 2})
	s := g.waitRules(t, 1, "one")
	if s.Generation != 1 || s.WorkerCount != 2 || s.PID == 0 || s.Workers[0].PID == s.Workers[1].PID {
		t.Errorf("got %+v", s)
	}
	if age := time.Since(time.UnixMilli(int64(s.Workers[0].LoadedAt * 1000))); age < 0 || age > patience {
		t.Errorf("loaded_at is %v ago", age)
	}
	for name, capacity := range map[string]int64{
		"rate_limit": 32 << 20, "config_cache": 10 << 20, "telemetry_buffer": 32 << 20, "session_store": 16 << 20,
	} {
		if d := s.Dicts[name]; d.Capacity != capacity || d.Free <= 0 || d.Free > capacity {
			t.Errorf("dict %s: %+v, want %d bytes", name, d, capacity)
		}
	}
	if a := g.admin(t, http.MethodPost, "/state", ""); a.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST /state: %s", a.Status)
	}
}

// TestRulesWithoutReload: new rules reach every worker, the generation stays, and the old rules end.
func TestRulesWithoutReload(t *testing.T) {
	g := start(t, setup{rules: rulesOf("one", "/one"), workers: 4})
	g.waitRules(t, 1, "one")
	if !g.blocks(t, "/one") || g.blocks(t, "/two") {
		t.Fatal("the rules of the start are not in force")
	}
	g.putRules(t, rulesOf("two", "/two"))
	s := g.waitRules(t, 1, "two")
	if s.Generation != 1 {
		t.Errorf("generation is %d: something reloaded", s.Generation)
	}
	for range 20 {
		if g.blocks(t, "/one") || !g.blocks(t, "/two") {
			t.Fatal("a worker decides by the old rules")
		}
	}
	for i := range 50 { // back and forth: what is not used any more is freed
		g.putRules(t, rulesOf(fmt.Sprint("h", i%3), "/x"))
	}
	g.waitRules(t, 1, "h1")
}

// TestRulesAreRefusedWhole: one bad profile, and nothing of the document is taken.
func TestRulesAreRefusedWhole(t *testing.T) {
	g := start(t, setup{rules: rulesOf("one", "/one"), workers: 2})
	for name, tt := range map[string]struct{ rules, field string }{
		"regex": {
			`{"hash": "bad", "default": {}, "profiles": {"3": {"block_list": [
				{"pattern": "/a", "match_type": "exact"}, {"pattern": "/b", "match_type": "exact"}, {"pattern": "a(", "match_type": "regex"}]}}}`,
			"profiles.3.block_list[2].pattern",
		},
		"no JSON":   {`{"hash": `, ""},
		"no hash":   {`{"default": {}}`, "hash"},
		"empty":     {``, ""},
		"no object": {`[]`, "hash"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/rules", "/rules?dry_run=1"} {
				a := g.admin(t, http.MethodPut, path, tt.rules)
				var refusal struct{ Error, Field string }
				if err := json.Unmarshal([]byte(a.body), &refusal); err != nil {
					t.Fatalf("%s: %v", a.body, err)
				}
				if a.StatusCode != http.StatusUnprocessableEntity || refusal.Field != tt.field || refusal.Error == "" {
					t.Errorf("%s: got %s %s, want 422 with field %q", path, a.Status, a.body, tt.field)
				}
			}
		})
	}
	a := g.admin(t, http.MethodPut, "/rules?dry_run=1", rulesOf("two", "/two"))
	if a.StatusCode != http.StatusOK || !strings.Contains(a.body, `"hash":"two"`) {
		t.Errorf("dry run: %s %s", a.Status, a.body)
	}
	if s := g.waitRules(t, 1, "one"); s.ActiveHash != "one" || !g.blocks(t, "/one") || g.blocks(t, "/two") {
		t.Errorf("something was applied: %+v", s)
	}
}

// TestFullDict: rules that find no room are refused and leave what runs alone.
func TestFullDict(t *testing.T) {
	g := start(t, setup{rules: rulesOf("one", "/one")})
	large := func(hash string) string {
		return fmt.Sprintf(`{"hash": %q, "default": {}, "padding": %q}`, hash, strings.Repeat("x", 3<<20))
	}
	refused := false
	for i := range 8 { // each is let go of when the next one runs
		if a := g.admin(t, http.MethodPut, "/rules", large(fmt.Sprint("large", i))); a.StatusCode != http.StatusOK {
			refused = true
			t.Logf("%d: %s", i, a.body)
		}
	}
	if refused {
		t.Error("rules of 3 MB replaced each other until there was no room")
	}
	if a := g.admin(t, http.MethodPut, "/rules", strings.Repeat(" ", 5<<20)); a.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a body of 5 MB: %s", a.Status)
	}
	g.waitRules(t, 1, "large7")
}

// TestReload: a reload is a new generation with the rules of the disk; one that nginx refuses leaves the
// old generation with its own.
func TestReload(t *testing.T) {
	servers := "limit_req_zone $uri zone=z:1m rate=100r/s;\n" + server(0, "{root}", "_", "")
	servers = strings.Replace(servers, ":0;", ":{port};", 1)
	g := start(t, setup{rules: rulesOf("one", "/one"), workers: 2, servers: servers})
	g.waitRules(t, 1, "one")
	g.write(t, "rules.json", rulesOf("two", "/two"))
	if !g.blocks(t, "/one") {
		t.Error("a file alone changed the rules")
	}
	g.reload(t)
	g.waitRules(t, 2, "two")

	good, err := os.ReadFile(g.path("conf", "server.conf"))
	must(t, err)
	// Another key for the same zone: -t accepts it, the running nginx does not.
	g.write(t, "server.conf", strings.Replace(string(good), "$uri zone", "$host zone", 1))
	g.write(t, "rules.json", rulesOf("three", "/three"))
	g.reload(t)
	eventually(t, func() error {
		emerg, err := os.ReadFile(g.path("run", "emerg.log"))
		if err != nil || len(emerg) == 0 {
			return fmt.Errorf("nginx has not refused the reload: %q, %w", emerg, err)
		}
		return nil
	})
	if s := g.state(t); s.RulesHash != "two" || s.ActiveHash != "two" || !g.blocks(t, "/two") || g.blocks(t, "/three") {
		t.Errorf("after a refused reload: %+v", s)
	}
	g.putRules(t, rulesOf("four", "/four"))
	g.waitRules(t, 2, "four")

	g.write(t, "server.conf", string(good))
	g.reload(t)
	g.waitRules(t, 3, "three")
}

// TestKilledWorker: the worker that takes its place starts with the rules that are active now, not with
// those of the last reload.
func TestKilledWorker(t *testing.T) {
	g := start(t, setup{rules: rulesOf("one", "/one")})
	g.putRules(t, rulesOf("two", "/two"))
	old := g.waitRules(t, 1, "two").PID
	must(t, syscall.Kill(old, syscall.SIGKILL))
	var first state // of the new worker, as early as can be
	eventually(t, func() error {
		if first = g.state(t); first.PID == old {
			return fmt.Errorf("worker %d is still there", old)
		}
		return nil
	})
	if first.RulesHash != "two" || !g.blocks(t, "/two") || g.blocks(t, "/one") {
		t.Errorf("the new worker has %+v", first)
	}
}

// TestBrokenRulesFile: nginx starts, says why it has no rules, and lets nobody through until it has.
func TestBrokenRulesFile(t *testing.T) {
	for name, rules := range map[string]string{
		"none": "", "no JSON": "{", "a bad regex": `{"hash": "x", "default": {"skip_list": [{"pattern": "(", "match_type": "regex"}]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			g := start(t, setup{rules: rules})
			a := g.get(t, "/Items")
			checkRefusal(t, a, http.StatusServiceUnavailable, "no_rules")
			if a.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			if s := g.state(t); s.RulesHash != "" || s.ActiveHash != "" || s.Generation != 1 {
				t.Errorf("state %+v", s)
			}
			if rules != "" && !strings.Contains(g.log.String(), "rules refused") {
				t.Errorf("nginx says nothing: %s", g.log)
			}
			g.putRules(t, rulesOf("one", "/one"))
			g.waitRules(t, 1, "one")
			if a := g.get(t, "/Items"); a.StatusCode != http.StatusOK {
				t.Errorf("with rules: %s", a.Status)
			}
		})
	}
}

func TestCompile(t *testing.T) {
	g := start(t, setup{})
	marker := g.path("run", "was-run")
	for name, tt := range map[string]struct{ source, want string }{
		"good":      {"local x = 1\nreturn x", ""},
		"bad":       {"local x = 1\n\nif", "access.lua:3: unexpected symbol near '<eof>'"},
		"never run": {`io.open("` + marker + `", "w")`, ""},
		"bytecode":  {"\x1bLJ\x02", "bytecode is not accepted"},
	} {
		t.Run(name, func(t *testing.T) {
			a := g.admin(t, http.MethodPost, "/compile", tt.source, "X-Chunk-Name", "access.lua")
			if tt.want == "" {
				if a.StatusCode != http.StatusOK || a.body != "{}" {
					t.Errorf("got %s %s", a.Status, a.body)
				}
				return
			}
			var refusal struct{ Error string }
			must(t, json.Unmarshal([]byte(a.body), &refusal))
			if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(refusal.Error, tt.want) {
				t.Errorf("got %s %s, want %q", a.Status, a.body, tt.want)
			}
		})
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("the source was run")
	}
}
