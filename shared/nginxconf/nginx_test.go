package nginxconf_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/uhdadmin/media-gateway/shared/nginxconf"
)

// dump runs nginx -T on http{body} and returns whether it passes and what it printed.
func dump(t *testing.T, body string) (string, bool) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "nginx.conf")
	conf := fmt.Sprintf("pid %s/nginx.pid; error_log stderr; include /etc/nginx/modules-enabled/*.conf;\nevents {}\nhttp {\naccess_log off;\n%s\n}\n", dir, body)
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "nginx", "-T", "-c", file).CombinedOutput()
	return string(out), err == nil
}

// TestAgainstNginx puts words into a map, whose syntax takes any, and lets nginx and Parse judge the
// same text.
func TestAgainstNginx(t *testing.T) {
	for _, word := range []string{
		`b`, `"b c"`, `'b"c'`, `"b\"c"`, `b\;c`, `"b"c`, `b"c`, `"b`, `b}c`, `b{c`, `${c}`, `x${c`, `"${"`, `#`, `b#c`, `\`, `""`, `)`, `"b")`, `"b"}`, "b\nc", `b;c d; e`,
		strings.Repeat("x", 4095), strings.Repeat("x", 4096), `"` + strings.Repeat("x", 4094) + `"`, `"` + strings.Repeat("x", 4095) + `"`,
		"1;\n#" + strings.Repeat("x", 4094) + "\ne 1", "1;\n#" + strings.Repeat("x", 4095) + "\ne 1",
	} {
		// A hostnames-less map to a plain string; variables in it must exist, so $c is made.
		body := "map $uri $c { default 1; }\nmap $host $d {\n a " + word + ";\n}"
		_, err := nginxconf.Parse([]byte(body))
		out, ok := dump(t, body)
		refused := strings.Contains(out, "invalid number of the map parameters") || strings.Contains(out, "invalid variable name") ||
			strings.Contains(out, "the closing bracket in") // read, but not understood: the map's matter
		if (err == nil) != (ok || refused) {
			t.Errorf("%.40q: Parse says %v, nginx says\n%.300s", word, err, out)
		}
	}
}

// TestFormatPassesNginx compares what nginx reads from Format's text with what went in: nginx answers the
// quoted value as the name of a file it cannot find.
func TestFormatPassesNginx(t *testing.T) {
	for _, value := range []string{"a b", `a"b`, `a\b`, `a\"b`, "a;b", "a{b}", "a#b", "a'b", `\n`, "ü", `\\`, `a\`} {
		ds := []*nginxconf.Directive{{Name: "include", Args: []string{"/nonexistent/" + value}}}
		out, ok := dump(t, string(nginxconf.Format(ds)))
		if ok || !strings.Contains(out, `open() "/nonexistent/`+value+`" failed`) {
			t.Errorf("%q: nginx says %s", value, out)
		}
	}
}

// TestReadsTheSystemsConfiguration reads every file that nginx -T prints for Debian's own configuration.
func TestReadsTheSystemsConfiguration(t *testing.T) {
	body := `include /etc/nginx/mime.types;
	server { listen unix:` + t.TempDir() + `/s.sock; location ~* \.(js|css)$ { content_by_lua_block { ngx.say("}" .. [[}]]) -- }
	} } }`
	out, ok := dump(t, body)
	if !ok {
		t.Fatalf("nginx -T: %s", out)
	}
	files := strings.Split(out, "# configuration file ")[1:]
	if len(files) < 2 {
		t.Fatalf("nginx -T printed %d files", len(files))
	}
	for _, f := range files {
		name, text, _ := strings.Cut(f, "\n")
		ds, err := nginxconf.Parse([]byte(text))
		if err != nil {
			t.Errorf("%s %v", name, err)
		}
		if again, err := nginxconf.Parse(nginxconf.Format(ds)); err != nil || len(again) != len(ds) {
			t.Errorf("%s: formatted text does not read back: %v", name, err)
		}
	}
}
