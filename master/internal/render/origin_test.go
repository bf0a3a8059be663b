package render_test

import (
	"strings"
	"testing"

	"github.com/uhdadmin/media-gateway/master/internal/library"
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

// TestOriginsAroundHeaders: server blocks share the text of an operator's headers, but what follows it is each block's own.
func TestOriginsAroundHeaders(t *testing.T) {
	in := input(server(1, "a.com", "1.2.3.4:1"), server(2, "b.com", "1.2.3.4:2"))
	h := library.NewProxyHeader()
	h.ID, h.Name, h.Action, h.Header, h.Value = 7, "edge", library.HeaderSetRequest, "X-Edge", "yes"
	in.ProxyHeaders = []library.ProxyHeader{h}
	config, origins, err := render.Trace(in)
	check(t, err)
	var header, after []string
	for i, line := range strings.Split(config.RenderedNginx, "\n") {
		switch strings.TrimSpace(line) {
		case "proxy_set_header X-Edge yes;":
			header = append(header, origins.At(i+1).String())
		case "proxy_max_temp_file_size 0;":
			after = append(after, origins.At(i+1).String())
		}
	}
	for i, want := range []string{"server 1 (" + in.Servers[0].Name + ")", "server 2 (" + in.Servers[1].Name + ")"} {
		if len(header) != 2 || len(after) != 2 || header[i] != "proxy-header 7 (edge)" || after[i] != want {
			t.Fatalf("the headers come from %q, what follows from %q", header, after)
		}
	}
}
