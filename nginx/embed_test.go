package nginx_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/uhdadmin/media-gateway/lua"
	"github.com/uhdadmin/media-gateway/nginx"
)

// newRoot makes a SLAVE_ROOT with a placeholder release.
func newRoot(t *testing.T, name, listen string) string {
	t.Helper()
	parent, err := os.MkdirTemp("", "uhd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(parent) })
	root := filepath.Join(parent, name)
	for _, sub := range []string{"run", "spool"} {
		if err := os.MkdirAll(filepath.Join(root, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(filepath.Join(root, "lua"), lua.Files); err != nil {
		t.Fatal(err)
	}
	conf, err := nginx.Render(nginx.Params{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, "conf")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"nginx.conf": conf, "upstream.conf": nil, "maps.conf": nil, "server.conf": nginx.Placeholder(listen),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// TestConfigurationTest: nginx -t accepts what is rendered, whatever the root is called, and warns of nothing.
func TestConfigurationTest(t *testing.T) {
	for _, name := range []string{"slave", "with space", "köln,#1", "it(1)"} {
		t.Run(name, func(t *testing.T) {
			root := newRoot(t, name, "unix:/tmp/uhd-placeholder-never-bound.sock")
			out, err := exec.Command("nginx", "-t", "-c", filepath.Join(root, "conf", "nginx.conf")).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if text := string(out); strings.Contains(text, "[warn]") {
				t.Errorf("nginx warns:\n%s", text)
			}
		})
	}
}

func TestRenderRefusesPaths(t *testing.T) {
	for want, p := range map[string]nginx.Params{
		"Root":    {Root: "relative"},
		"ConfDir": {Root: "/ok", ConfDir: `/a"b`},
		"RunDir":  {Root: "/ok", RunDir: "/a$b"},
		"LuaDir":  {Root: "/ok", LuaDir: "/a;b"},
		"socket":  {Root: "/" + strings.Repeat("x", 100)},
		"User":    {Root: "/ok", User: "a; daemon on"},
	} {
		if _, err := nginx.Render(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want an error about %s", p, err, want)
		}
	}
}

func TestRenderIsDeterministic(t *testing.T) {
	p := nginx.Params{Root: "/opt/slave"}
	one, err := nginx.Render(p)
	if err != nil {
		t.Fatal(err)
	}
	two, err := nginx.Render(p)
	if err != nil || string(one) != string(two) {
		t.Errorf("two renderings differ, or %v", err)
	}
	for _, want := range []string{
		"lua_shared_dict rate_limit 32m;", "lua_shared_dict config_cache 10m;",
		"lua_shared_dict telemetry_buffer 32m;", "lua_shared_dict session_store 16m;",
		"include upstream.conf;", "include maps.conf;", "include server.conf;",
	} {
		if !strings.Contains(string(one), want) {
			t.Errorf("nginx.conf has no %q", want)
		}
	}
}
