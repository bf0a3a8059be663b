package browser

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/uhdadmin/media-gateway/shared/showcase"
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
	"/admin/nginx-maps/new", "/admin/proxy-headers/new", "/admin/settings", "/admin/settings/new?name=deny_messages", "/admin/rate-limit-rules/new",
	"/admin/stream-rules/new", "/admin/enforcements/new", "/admin/users", "/admin/users/1", "/admin/api-keys/new",
	"/admin/telemetry", "/admin/telemetry/access-logs", "/admin/telemetry/playback-sessions", "/admin/analytics", "/admin/analytics/by-client",
	"/admin/analytics/by-reason", "/admin/signals", "/admin/quotas", "/admin/audit", "/admin/privacy", "/admin/wizard", "/admin/wizard/new",
}

// pathsOfUse are those of pages that a fleet in use has besides, or that have something to show only then.
var pathsOfUse = []string{
	"/admin/hosts/198.51.100.1/emby", "/admin/snapshots/1", "/admin/snapshots/2", "/admin/snapshots/compare?from=1&to=2", "/admin/snapshots/1/rollback", "/admin/rollouts", "/admin/explain?request_id=" + showcase.Refused,
	"/admin/profiles/3", "/admin/players/1", "/admin/uri-rules", "/admin/uri-rules/2", "/admin/location-rules/3", "/admin/nginx-maps/2", "/admin/rate-limit-rules",
	"/admin/rate-limit-rules/2", "/admin/stream-rules", "/admin/enforcements", "/admin/enforcements/1", "/admin/api-keys", "/admin/wizard/1/1", "/admin/wizard/1/2", "/admin/wizard/1/3",
	"/admin/wizard/1/4", "/admin/wizard/1/5", "/admin/wizard/1/6", "/admin/wizard/1/7", "/admin/wizard/1/8", "/admin/wizard/1/delete",
	"/admin/telemetry/blocked-requests", "/admin/telemetry/login-events", "/admin/telemetry/devices", "/admin/telemetry/bandwidth", "/admin/analytics/by-user",
}

// looks are how visitors come.
var looks = []look{
	{language: "zh-CN"},
	{language: "en", dark: true},
	{language: "zh-CN", width: 360, dark: true},
	{language: "en", width: 360, noScript: true},
}

func (l look) String() string {
	text := l.language
	if l.width != 0 {
		text += fmt.Sprintf("-%d", l.width)
	}
	if l.dark {
		text += "-dark"
	}
	if l.noScript {
		text += "-noscript"
	}
	return text
}

// TestEveryPage: each page of a fleet in use can be used by everybody, in both languages and themes, wide and on a phone,
// with and without scripts, and complains about nothing.
func TestEveryPage(t *testing.T) {
	m := startMaster(t)
	_, err := showcase.Fill(t.Context(), m.Admin, m.URL, showcase.Config{})
	must(t, err)
	for i, l := range looks {
		t.Run(l.String(), func(t *testing.T) {
			if testing.Short() && i > 0 {
				t.Skip("one look is enough for -short")
			}
			tab := open(t, m, l)
			tab.signIn()
			for _, path := range slices.Concat(paths, pathsOfUse) {
				tab.visit(path)
				tab.wantUsable(path)
				tab.picture(l.String() + "-" + nameOf(path))
			}
		})
	}
}

// TestEveryEmptyPage: so can those of a master that has one server and nothing else; in English they speak no Chinese.
func TestEveryEmptyPage(t *testing.T) {
	m := startMaster(t)
	addServer(t, m)
	tab := open(t, m, look{language: "en", width: 360})
	tab.visit("/admin/sign-in")
	tab.wantUsable("sign-in")
	tab.picture("empty-sign-in")
	tab.signIn()
	for _, path := range paths {
		tab.visit(path)
		tab.wantUsable(path)
		tab.picture("empty-" + nameOf(path))
		if text := tab.text("main"); path != "/admin/nothing-here" && strings.ContainsFunc(text, isHan) {
			t.Errorf("%s speaks Chinese to who asks for English: %s", path, text)
		}
	}
}

// TestLongNames: names that are longer than a phone is wide, without a place to break them, push nothing out of the page.
func TestLongNames(t *testing.T) {
	m := startMaster(t)
	_, err := showcase.Fill(t.Context(), m.Admin, m.URL, showcase.Config{Rows: 100, Suffix: strings.Repeat("长", 12) + strings.Repeat("W", 24)})
	must(t, err)
	tab := open(t, m, look{language: "zh-CN", width: 360})
	tab.signIn()
	for _, path := range slices.Concat([]string{
		"/admin/", "/admin/hosts", "/admin/publish", "/admin/snapshots", "/admin/sessions", "/admin/explain", "/admin/servers", "/admin/players", "/admin/profiles",
		"/admin/players/1/delete", "/admin/audit", "/admin/quotas", "/admin/signals", "/admin/wizard", "/admin/analytics/by-client", "/admin/analytics/by-user",
	}, pathsOfUse) {
		tab.visit(path)
		tab.wantUsable(path)
		tab.picture("long-" + nameOf(path))
	}
}

func addServer(t *testing.T, m *testbed.Master) {
	t.Helper()
	_, err := m.Admin.AddServer(t.Context(), testbed.Server{
		Name: "Living room", ServiceType: "emby", Host: "203.0.113.10", ServerName: "emby.example.com", Upstream: "203.0.113.10:8096",
	})
	must(t, err)
}

// nameOf is the name of a page's picture.
func nameOf(path string) string {
	return strings.NewReplacer("/", "-", "?", "-", "=", "-").Replace(strings.Trim(strings.TrimPrefix(path, "/admin"), "/"))
}

func isHan(r rune) bool { return r >= 0x4e00 && r <= 0x9fff }
