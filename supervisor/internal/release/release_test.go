package release_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/release"
)

var luaTree = fstest.MapFS{
	"access.lua":     {Data: []byte("require('uhd.access').run()\n")},
	"config.lua":     {Data: []byte("return {}\n")},
	"uhd/access.lua": {Data: []byte("return { run = function() end }\n")},
	"embed.go":       {Data: []byte("package lua\n")},
}

func config(root string) release.Config {
	return release.Config{
		Root: root, Lua: luaTree, NginxConf: []byte("# nginx.conf\n"), Placeholder: []byte("# 503\n"),
		Log: slog.New(slog.DiscardHandler),
	}
}

func open(t *testing.T, cfg release.Config) *release.Store {
	t.Helper()
	s, err := release.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// payload returns the n-th version, with content of its own.
func payload(t testing.TB, n int64, nginxConf string) *release.Payload {
	t.Helper()
	document, err := json.Marshal(api.Config{
		Version: n, SnapshotID: n, Epoch: 7, Mode: api.ModeMultiServer, ServiceType: api.Emby,
		RenderedNginx: nginxConf,
		LuaConfigs:    map[string]api.LuaConfig{"a": {DenyMessage: fmt.Sprint(n)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := release.Parse(document)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func stage(t *testing.T, s *release.Store, p *release.Payload) *release.Release {
	t.Helper()
	rel, err := s.Stage(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return rel
}

func read(t *testing.T, elem ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestStageAndCommit(t *testing.T) {
	root := t.TempDir()
	s := open(t, config(root))
	p := payload(t, 42, "server {}\n")
	rel := stage(t, s, p)
	if err := s.Commit(rel); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"conf/nginx.conf":    "# nginx.conf\n",
		"conf/server.conf":   "server {}\n",
		"conf/upstream.conf": "# Managed by UHD Slave agent - included in server.conf\n",
		"conf/maps.conf":     "# Managed by UHD Slave agent - included in server.conf\n",
		"conf/access.lua":    "require('uhd.access').run()\n",
		"lua/access.lua":     "require('uhd.access').run()\n", // through both symlinks
		"lua/config.lua":     "return {}\n",
	} {
		if got := read(t, root, name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if target, err := os.Readlink(filepath.Join(root, "conf")); err != nil || target != "releases/"+p.Hash {
		t.Errorf("conf -> %s, %v", target, err)
	}
	if target, err := os.Readlink(filepath.Join(root, "lua/access.lua")); err != nil || target != "../conf/access.lua" {
		t.Errorf("lua/access.lua -> %s, %v", target, err)
	}
	if _, err := os.Stat(filepath.Join(root, "lua/embed.go")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("lua/ holds what is not Lua")
	}
	var rules struct {
		Hash     string
		Version  int64
		Profiles map[string]api.LuaConfig
	}
	if err := json.Unmarshal([]byte(read(t, root, "conf/rules.json")), &rules); err != nil {
		t.Fatal(err)
	}
	if rules.Hash != p.Hash || rules.Version != 42 || rules.Profiles["a"].DenyMessage != "42" {
		t.Errorf("rules.json = %+v", rules)
	}
	current, err := s.Current()
	if err != nil || current.Hash != p.Hash || current.Version != 42 {
		t.Fatalf("Current = %+v, %v", current, err)
	}
	if changed, err := current.Changed(); err != nil || len(changed) > 0 {
		t.Errorf("Changed = %v, %v, want nothing", changed, err)
	}
}

func TestRenderedLuaReplacesTheBuiltIn(t *testing.T) {
	s := open(t, config(t.TempDir()))
	p := payload(t, 1, "server {}\n")
	p.RenderedLua = "-- rendered\n"
	rel := stage(t, s, p)
	if lua, err := rel.AccessLua(); err != nil || string(lua) != "-- rendered\n" {
		t.Errorf("access.lua = %q, %v", lua, err)
	}
}

// TestRulesAlone: what nginx reads decides whether it must reload.
func TestRulesAlone(t *testing.T) {
	s := open(t, config(t.TempDir()))
	one := stage(t, s, payload(t, 1, "server {}\n"))
	rules := stage(t, s, payload(t, 2, "server {}\n"))
	files := stage(t, s, payload(t, 3, "server { listen 81; }\n"))
	if rules.NeedsReload(one) {
		t.Error("other rules need a reload")
	}
	if !files.NeedsReload(one) {
		t.Error("another server.conf needs no reload")
	}
}

func TestProvenAndPrune(t *testing.T) {
	root := t.TempDir()
	s := open(t, config(root))
	var hashes []string
	for n := range int64(5) {
		rel := stage(t, s, payload(t, n+1, "server {}\n"))
		if err := errors.Join(s.Commit(rel), s.MarkProven(rel)); err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, rel.Hash)
	}
	bad := stage(t, s, payload(t, 9, "bad"))
	if err := s.Quarantine(bad.Identity, bad.Hash, "test", errors.New("bad")); err != nil {
		t.Fatal(err)
	}
	stage(t, s, payload(t, 10, "never committed"))
	if err := s.Prune(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = open(t, config(root)) // as after a restart
	var proven []string
	for _, p := range s.Proven() {
		proven = append(proven, p.Hash)
	}
	if want := []string{hashes[4], hashes[3], hashes[2]}; !slices.Equal(proven, want) {
		t.Errorf("Proven = %v, want %v", proven, want)
	}
	entries, err := os.ReadDir(filepath.Join(root, "releases"))
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for _, e := range entries {
		kept = append(kept, e.Name())
	}
	want := append(slices.Clone(hashes[2:]), bad.Hash)
	slices.Sort(want)
	if !slices.Equal(kept, want) {
		t.Errorf("releases/ = %v, want %v", kept, want)
	}
}

// TestIdentityOfTheLastPublish: the same content published again keeps its release and takes the new
// identity.
func TestIdentityOfTheLastPublish(t *testing.T) {
	s := open(t, config(t.TempDir()))
	rel := stage(t, s, payload(t, 1, "server {}\n"))
	again := *rel
	again.Identity = release.Identity{Version: 5, SnapshotID: 6, Epoch: 7}
	if err := errors.Join(s.Commit(rel), s.MarkProven(rel), s.MarkProven(&again)); err != nil {
		t.Fatal(err)
	}
	current, err := s.Current()
	if err != nil || current.Identity != again.Identity {
		t.Errorf("Current = %+v, %v, want identity %+v", current, err, again.Identity)
	}
	if n := len(s.Proven()); n != 1 {
		t.Errorf("%d proven releases, want 1", n)
	}
}

// TestRefresh: a binary with another nginx.conf brings a release up to itself; one whose files were
// damaged is made whole from its document; one whose document is damaged says so.
func TestRefresh(t *testing.T) {
	root := t.TempDir()
	s := open(t, config(root))
	rel := stage(t, s, payload(t, 1, "server {}\n"))
	if err := errors.Join(s.Commit(rel), s.MarkProven(rel), s.Close()); err != nil {
		t.Fatal(err)
	}
	upgraded := config(root)
	upgraded.NginxConf = []byte("# nginx.conf of another version\n")
	s = open(t, upgraded)
	if err := os.WriteFile(filepath.Join(rel.Dir, "server.conf"), []byte("garbage"), 0o644); err != nil {
		t.Fatal(err)
	}
	fresh, err := s.Refresh(t.Context(), rel)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, root, "conf/nginx.conf"); got != string(upgraded.NginxConf) {
		t.Errorf("nginx.conf = %q", got)
	}
	if got := read(t, root, "conf/server.conf"); got != "server {}\n" {
		t.Errorf("server.conf = %q", got)
	}
	if fresh.Identity != rel.Identity || fresh.Hash != rel.Hash {
		t.Errorf("Refresh = %+v, want the same release", fresh)
	}
	if err := os.WriteFile(filepath.Join(rel.Dir, "payload.json.gz"), []byte("garbage"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Refresh(t.Context(), rel); err == nil || !strings.Contains(err.Error(), "payload.json.gz") {
		t.Errorf("Refresh of a damaged document = %v", err)
	}
}

func TestDrift(t *testing.T) {
	root := t.TempDir()
	s := open(t, config(root))
	rel := stage(t, s, payload(t, 1, "server {}\n"))
	if err := s.Commit(rel); err != nil {
		t.Fatal(err)
	}
	if paths, err := s.Drift(rel); err != nil || len(paths) > 0 {
		t.Fatalf("Drift = %v, %v, want none", paths, err)
	}
	for name, text := range map[string]string{"conf/server.conf": "# edited\n", "lua/config.lua": "-- edited\n"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(root, "conf/access.lua")); err != nil {
		t.Fatal(err)
	}
	want := []string{"conf/access.lua", "conf/server.conf", "lua/config.lua"}
	if paths, err := s.Drift(rel); err != nil || !slices.Equal(paths, want) {
		t.Fatalf("Drift = %v, %v, want %v", paths, err, want)
	}
	if err := s.Restore(rel); err != nil {
		t.Fatal(err)
	}
	if paths, err := s.Drift(rel); err != nil || len(paths) > 0 {
		t.Errorf("Drift after Restore = %v, %v", paths, err)
	}
	if got := read(t, root, "conf/server.conf"); got != "server {}\n" {
		t.Errorf("server.conf = %q", got)
	}
}

func TestOnlyOneStorePerRoot(t *testing.T) {
	root := t.TempDir()
	s := open(t, config(root))
	if _, err := release.Open(config(root)); err == nil || !strings.Contains(err.Error(), "another supervisor") {
		t.Errorf("second Open = %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, config(root))
}

// TestAdoptFolder: the Lua agents kept conf as a folder.
func TestAdoptFolder(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "conf"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "conf/server.conf"), []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := open(t, config(root))
	if _, err := s.Current(); !errors.Is(err, release.ErrNoRelease) {
		t.Errorf("Current = %v, want ErrNoRelease", err)
	}
	kept, err := filepath.Glob(filepath.Join(root, "conf.before-*", "server.conf"))
	if err != nil || len(kept) != 1 {
		t.Errorf("kept = %v, %v", kept, err)
	}
}

func TestDamagedStateIsNotFatal(t *testing.T) {
	root := t.TempDir()
	s := open(t, config(root))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"proven.json", "quarantine.json", "pending_ack.json"} {
		if err := os.WriteFile(filepath.Join(root, "state", name), []byte("{{{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, config(root))
	if len(s.Proven()) > 0 || s.Quarantined() != nil || len(s.PendingAcks()) > 0 {
		t.Error("damaged state was read as something")
	}
}

func TestPendingAcksSurvive(t *testing.T) {
	root := t.TempDir()
	s := open(t, config(root))
	if err := s.SetPendingAcks([]api.Ack{{SnapshotID: 3, Status: api.AckFailed, Stage: "test"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, config(root))
	if acks := s.PendingAcks(); len(acks) != 1 || acks[0].SnapshotID != 3 || acks[0].Stage != "test" {
		t.Errorf("PendingAcks = %+v", acks)
	}
}

func TestPlaceholder(t *testing.T) {
	root := t.TempDir()
	s := open(t, config(root))
	rel, err := s.StagePlaceholder(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(rel); err != nil {
		t.Fatal(err)
	}
	current, err := s.Current()
	if err != nil || !current.IsPlaceholder() || current.Version != 0 {
		t.Errorf("Current = %+v, %v", current, err)
	}
	if got := read(t, root, "conf/server.conf"); got != "# 503\n" {
		t.Errorf("server.conf = %q", got)
	}
	key := read(t, root, "run/probe.key")
	if info, err := os.Stat(filepath.Join(root, "run/probe.key")); err != nil || info.Mode().Perm() != 0o600 || len(key) < 20 {
		t.Errorf("probe.key = %q, %v, %v", key, info, err)
	}
}

// TestReplacementCutShort: a release that had stepped aside for its replacement comes back.
func TestReplacementCutShort(t *testing.T) {
	root := t.TempDir()
	serveFirst(t, root)
	target, err := os.Readlink(filepath.Join(root, "conf"))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, target)
	if err := os.Rename(dir, dir+".old-"+filepath.Base(dir)+".tmp-123"); err != nil {
		t.Fatal(err)
	}
	requireUntouched(t, root)
}
