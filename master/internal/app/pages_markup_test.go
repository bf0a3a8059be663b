package app_test

import (
	"maps"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/uhdadmin/media-gateway/master/internal/pages"
	"github.com/uhdadmin/media-gateway/shared/showcase"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// hostile is what somebody may call a player, a rule or himself.
const hostile = " \"'><script>alert(1)</script><img onerror=f>{{.}}🎬\u202e"

// TestPagesKeepTextText: on every page that links lead to, names with markup in them are text, nothing is inline that the
// policy would refuse, no address is another host's, and no page shows a secret again.
func TestPagesKeepTextText(t *testing.T) {
	m := startMaster(t)
	admin, err := testbed.Login(t.Context(), m.url, "root", adminPassword)
	if err != nil {
		t.Fatal(err)
	}
	fleet, err := showcase.Fill(t.Context(), admin, m.url, showcase.Config{Rows: 200, Suffix: hostile})
	if err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t, m)
	b.signIn("root", adminPassword)
	secrets := append([]string{adminPassword}, fleet.Tokens...)
	for path, form := range map[string]url.Values{
		"/admin/servers/1/tokens": {"name": {"by page"}}, "/admin/api-keys/new": {"name": {"by page"}, "role": {"viewer"}, "enabled": {"true"}},
	} {
		secret := regexp.MustCompile(`uh[ads]_\w{20,}`).FindString(b.want(http.StatusOK, path, form))
		if secret == "" {
			t.Fatalf("POST %s shows no secret", path)
		}
		secrets = append(secrets, secret)
	}
	for _, c := range b.Jar.Cookies(&url.URL{Scheme: "http", Host: strings.TrimPrefix(m.url, "http://"), Path: "/"}) {
		secrets = append(secrets, c.Value)
	}
	seen := crawl(b, 6, func(path, page string) {
		wantPlain(t, path, page)
		for _, secret := range secrets {
			if strings.Contains(page, secret) {
				t.Errorf("%s shows the secret %s", path, secret)
			}
		}
	})
	for _, pattern := range pages.Patterns() {
		if method, _ := address(pattern); method == http.MethodGet && !seen[pattern] && !unlinked[pattern] {
			t.Errorf("no link leads to %s", pattern)
		}
	}
	for _, path := range []string{"/admin/players", "/admin/hosts", "/admin/servers", "/admin/explain", "/admin/sessions", "/admin/snapshots", "/admin/enforcements"} {
		b.want(http.StatusOK, path, nil, "&lt;script&gt;alert(1)&lt;/script&gt;")
	}
}

// TestFormsKeepTextText: whatever is entered into the fields of whatever form, what the answer says of it is text.
func TestFormsKeepTextText(t *testing.T) {
	m := startMaster(t)
	admin, err := testbed.Login(t.Context(), m.url, "root", adminPassword)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := showcase.Fill(t.Context(), admin, m.url, showcase.Config{Rows: 20}); err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t, m)
	b.signIn("root", adminPassword)
	forms := map[string]url.Values{}
	crawl(b, 6, func(at, page string) {
		for action, fields := range textForms(page) {
			if action == "" {
				action = at
			}
			forms[action] = fields
		}
	})
	repeated := 0
	for action, fields := range forms {
		for _, value := range []string{hostile, strings.Repeat("长", 255), `</textarea></select></title><script>alert(1)</script>`} {
			entered := url.Values{}
			for name, hidden := range fields {
				entered[name] = hidden
				if hidden == nil {
					entered.Set(name, value)
				}
			}
			resp, page := b.do(action, entered)
			if to := resp.Header.Get("Location"); to != "" {
				resp, page = b.do(to, nil)
			}
			wantKept(t, action, resp)
			wantPlain(t, action, page)
			switch {
			case strings.Contains(page, html.EscapeString(strings.TrimSpace(value))):
				repeated++
			case resp.StatusCode == http.StatusUnprocessableEntity && !slices.Contains(forgetful, path.Base(action)):
				t.Errorf("%s loses what was entered, %q", action, value)
			}
			if resp.StatusCode >= http.StatusInternalServerError {
				t.Errorf("%s of %q: %s", action, value, resp.Status)
			}
		}
	}
	if len(forms) < 20 || repeated < 20 {
		t.Errorf("%d forms take text, %d answers repeat it", len(forms), repeated)
	}
}

// forgetful are the forms of passwords, which are never shown.
var forgetful = []string{"password"}

// textForms returns the forms of a page that post texts: by their address the names of their fields, with the values of
// those that are hidden.
func textForms(page string) map[string]url.Values {
	forms, texts := map[string]url.Values{}, map[string]bool{}
	action, open := "", false
	eachTag(page, func(tag html.Token) {
		name := attribute(tag, "name")
		switch tag.Data {
		case "form":
			action, open = attribute(tag, "action"), attribute(tag, "method") == "post"
			if open {
				forms[action] = url.Values{}
			}
		case "input", "textarea", "select":
			if !open || name == "" {
				return
			}
			switch attribute(tag, "type") {
			case "hidden":
				forms[action].Add(name, attribute(tag, "value"))
			case "checkbox", "radio":
			default:
				forms[action][name] = nil
				texts[action] = texts[action] || tag.Data != "select"
			}
		}
	})
	maps.DeleteFunc(forms, func(action string, _ url.Values) bool { return !texts[action] })
	return forms
}

// unlinked are patterns of pages that links do not lead to.
var unlinked = map[string]bool{"GET /admin/sign-in": true, "GET /admin/assets/{name}": true, "/admin/": true}

// crawl visits pages by the links on them, beginning with the first page, at most so many of each kind, and returns the
// patterns that it was at.
func crawl(b *browser, most int, each func(path, page string)) map[string]bool {
	b.Helper()
	kinds := http.NewServeMux()
	for _, pattern := range pages.Patterns() {
		kinds.Handle(pattern, http.NotFoundHandler())
	}
	count, known := map[string]int{}, map[string]bool{}
	for todo := []string{"/admin/"}; len(todo) > 0; {
		path := todo[0]
		todo = todo[1:]
		req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, path, nil)
		if err != nil {
			b.Fatal(err)
		}
		_, kind := kinds.Handler(req)
		if known[path] || count[kind] == most {
			continue
		}
		known[path] = true
		count[kind]++
		resp, page := b.do(path, nil)
		wantKept(b.T, path, resp)
		if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
			continue
		}
		if resp.StatusCode != http.StatusOK {
			b.Errorf("a link leads to %s: %s", path, resp.Status)
			continue
		}
		each(path, page)
		todo = append(todo, links(b, path, page)...)
	}
	seen := map[string]bool{}
	for kind := range count {
		seen[kind] = true
	}
	return seen
}

// links returns the pages that a page links to.
func links(b *browser, path, page string) (list []string) {
	b.Helper()
	base, err := url.Parse(path)
	if err != nil {
		b.Fatal(err)
	}
	eachTag(page, func(tag html.Token) {
		for _, a := range tag.Attr {
			if tag.Data != "a" || a.Key != "href" {
				continue
			}
			to, err := base.Parse(a.Val)
			if err != nil {
				b.Errorf("%s links to %q: %v", path, a.Val, err)
			} else if to.Fragment = ""; strings.HasPrefix(to.Path, pages.Prefix) && !strings.HasPrefix(to.Path, pages.Prefix+"assets/") {
				list = append(list, to.String())
			}
		}
	})
	return list
}

func eachTag(page string, each func(html.Token)) {
	for z := html.NewTokenizer(strings.NewReader(page)); ; {
		switch z.Next() {
		case html.ErrorToken:
			return
		case html.StartTagToken, html.SelfClosingTagToken:
			each(z.Token())
		}
	}
}

// addresses are the attributes that a browser follows.
var addresses = []string{"href", "src", "action", "formaction", "srcset", "poster", "data", "ping", "xlink:href"}

// wantPlain checks that a page has only what our templates say.
func wantPlain(t *testing.T, path, page string) {
	t.Helper()
	eachTag(page, func(tag html.Token) {
		switch tag.Data {
		case "style", "iframe", "object", "embed", "base", "applet", "math", "foreignobject":
			t.Errorf("%s has a %s", path, tag.String())
		}
		if tag.Data == "script" && !strings.HasPrefix(attribute(tag, "src"), "/admin/assets/") {
			t.Errorf("%s has an inline script", path)
		}
		for _, a := range tag.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
				t.Errorf("%s has %s", path, tag.String())
			}
			if slices.Contains(addresses, a.Key) && !ours(a.Val) {
				t.Errorf("%s leads elsewhere: %s", path, tag.String())
			}
		}
	})
	if strings.Contains(page, "%!") {
		t.Errorf("%s has a text whose verbs do not fit: %s", path, page[strings.Index(page, "%!"):][:40])
	}
}

func attribute(tag html.Token, name string) string {
	for _, a := range tag.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// ours reports whether an address is of this master: a path of the pages or the admin API, or of the page itself.
func ours(address string) bool {
	for _, prefix := range []string{"/admin/", "/api/v1/", "?", "#"} {
		if strings.HasPrefix(address, prefix) {
			return true
		}
	}
	return false
}
