package render_test

import (
	"strings"
	"testing"

	"github.com/uhdadmin/media-gateway/master/internal/render"
)

// TestOrigins: of each line it is known what an operator would change to change it.
func TestOrigins(t *testing.T) {
	one, two := server(1, "a.com", "1.2.3.4:1"), server(2, "b.com", "1.2.3.4:2")
	two.CustomNginx = "gzip on;\nlocation /x { return 204; }"
	config, origins, err := render.Trace(input(one, two))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(config.RenderedNginx, "\x00") {
		t.Error("marks are left in the text")
	}
	found := map[string]string{}
	for i, line := range strings.Split(config.RenderedNginx, "\n") {
		found[strings.TrimSpace(line)] = origins.At(i + 1).String()
	}
	for line, want := range map[string]string{
		"server 1.2.3.4:2;":            "server 2 (" + two.Name + "), upstream",
		"server_name a.com;":           "server 1 (" + one.Name + "), server_name",
		"gzip on;":                     "server 2 (" + two.Name + "), custom_nginx",
		"return 204;":                  "server 2 (" + two.Name + "), custom_nginx",
		"proxy_pass http://b_com;":     "server 2 (" + two.Name + ")",
		"# ===== Maps =====":           "the gateway's own template",
		"# ===== Upstreams =====":      "the gateway's own template",
		"location / {":                 "server 2 (" + two.Name + ")",
		"# ===== Server Block 1 =====": "server 1 (" + one.Name + ")",
	} {
		if found[line] != want {
			t.Errorf("%q comes from %q, want %q", line, found[line], want)
		}
	}
}
