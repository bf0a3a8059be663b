package browser

import (
	_ "embed"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/uhdadmin/media-gateway/shared/testbed"
)

//go:embed access.js
var accessScript string

// wantUsable checks labels, names, headings, table headers, contrast and width.
func (t *tab) wantUsable(page string) {
	t.Helper()
	var found []string
	t.run(chromedp.Evaluate(accessScript, &found))
	for _, f := range found {
		t.Errorf("%s: %s", page, f)
	}
}

// paths of all pages that somebody gets to without anything being there but one server.
var paths = []string{
	"/admin/", "/admin/hosts", "/admin/account", "/admin/nothing-here", "/admin/publish", "/admin/snapshots", "/admin/sessions", "/admin/explain",
	"/admin/servers", "/admin/servers/new", "/admin/servers/1", "/admin/servers/1/delete", "/admin/servers/1/tokens",
	"/admin/profiles", "/admin/profiles/1", "/admin/players", "/admin/players/new", "/admin/uri-rules/new", "/admin/location-rules/new",
	"/admin/nginx-maps/new", "/admin/proxy-headers/new", "/admin/settings", "/admin/settings/new", "/admin/rate-limit-rules/new",
	"/admin/stream-rules/new", "/admin/enforcements/new", "/admin/users", "/admin/users/1", "/admin/api-keys/new",
	"/admin/telemetry", "/admin/telemetry/access-logs", "/admin/telemetry/playback-sessions", "/admin/analytics", "/admin/analytics/by-client",
	"/admin/analytics/by-reason", "/admin/signals",
}

func addServer(t *testing.T, m *testbed.Master) {
	t.Helper()
	_, err := m.Admin.AddServer(t.Context(), testbed.Server{
		Name: "Living room", ServiceType: "emby", Host: "203.0.113.10", ServerName: "emby.example.com", Upstream: "203.0.113.10:8096",
	})
	must(t, err)
}

// TestEveryPage: each page can be used by everybody, in both languages and themes, wide and on a phone, with and without
// scripts, and complains about nothing.
func TestEveryPage(t *testing.T) {
	m := startMaster(t)
	addServer(t, m)
	for i, l := range []look{
		{language: "zh-CN"},
		{language: "en", dark: true},
		{language: "zh-CN", width: 360, dark: true},
		{language: "en", width: 360, noScript: true},
	} {
		t.Run(fmt.Sprintf("%+v", l), func(t *testing.T) {
			if testing.Short() && i > 0 {
				t.Skip("one look is enough for -short")
			}
			tab := open(t, m, l)
			tab.visit("/admin/sign-in")
			tab.wantUsable("sign-in")
			tab.picture(fmt.Sprintf("%d-sign-in", i))
			tab.signIn()
			for _, path := range paths {
				tab.visit(path)
				tab.wantUsable(path)
				tab.picture(fmt.Sprintf("%d-%s", i, strings.ReplaceAll(strings.Trim(path, "/"), "/", "-")))
				if l.language == "en" && path != "/admin/nothing-here" {
					if text := tab.text("main"); strings.ContainsFunc(text, isHan) {
						t.Errorf("%s speaks Chinese to who asks for English: %s", path, text)
					}
				}
			}
		})
	}
}

func isHan(r rune) bool { return r >= 0x4e00 && r <= 0x9fff }
