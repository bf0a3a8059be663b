package app_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/uhdadmin/media-gateway/master/internal/pages"
)

// publicPages are the patterns that need no session.
var publicPages = map[string]bool{
	"GET /admin/assets/{name}": true, "GET /admin/sign-in": true, "POST /admin/sign-in": true, "POST /admin/preferences": true,
}

// wildcard of a pattern of http.ServeMux.
var wildcard = regexp.MustCompile(`\{[^}]*\}`)

// address is one that a pattern takes, and how to ask for it.
func address(pattern string) (method, path string) {
	method, path, ok := strings.Cut(pattern, " ")
	if !ok {
		method, path = http.MethodGet, pattern
	}
	return method, wildcard.ReplaceAllString(strings.TrimSuffix(path, "{$}"), "1")
}

// TestPagesGuardEveryRoute: whatever is under /admin/ needs a session, takes no write from another origin, and is kept by
// the browser to what this master serves.
func TestPagesGuardEveryRoute(t *testing.T) {
	m := startMaster(t)
	nobody, root := newBrowser(t, m), newBrowser(t, m)
	root.signIn("root", adminPassword)
	writes := 0
	for _, pattern := range pages.Patterns() {
		method, path := address(pattern)
		var form url.Values
		if method == http.MethodPost {
			form = url.Values{}
		} else if method != http.MethodGet {
			t.Errorf("%s: pages take GET and POST", pattern)
		}
		resp, _ := nobody.do(path, form)
		wantKept(t, pattern, resp)
		if out := strings.HasPrefix(resp.Header.Get("Location"), "/admin/sign-in"); out == publicPages[pattern] {
			t.Errorf("%s without a session: %s to %q", pattern, resp.Status, resp.Header.Get("Location"))
		}
		if method != http.MethodPost {
			continue
		}
		writes++
		for _, header := range [][]string{
			{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"},
			{"Sec-Fetch-Site", "same-site", "Origin", "https://sub.evil.example"},
			{"Origin", "https://evil.example"},
			{"Origin", "null"},
		} {
			resp, _ := root.do(path, form, header...)
			wantKept(t, pattern, resp)
			if resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s from %v: %s", pattern, header, resp.Status)
			}
		}
	}
	if writes < 40 {
		t.Errorf("only %d routes write", writes)
	}
	if resp, _ := root.do("/admin/", nil); resp.StatusCode != http.StatusOK {
		t.Errorf("the session of who was misused has ended: %s", resp.Status)
	}
}

// wantKept checks the headers that every answer under /admin/ has.
func wantKept(t *testing.T, what string, resp *http.Response) {
	t.Helper()
	policy := resp.Header.Get("Content-Security-Policy")
	for _, directive := range []string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
	} {
		if !strings.Contains(policy, directive) {
			t.Errorf("%s: the policy %q lacks %s", what, policy, directive)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
		t.Errorf("%s: the policy is %q", what, policy)
	}
	if resp.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s may be taken for another type", what)
	}
	if page := strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") && resp.Header.Get("Location") == ""; page && resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s may be stored: %q", what, resp.Header.Get("Cache-Control"))
	}
}
