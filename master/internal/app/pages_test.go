package app_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// browser keeps cookies and follows no redirect, so that a test sees them.
type browser struct {
	*testing.T
	http.Client
	url string
}

func newBrowser(t *testing.T, m *master) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{T: t, url: m.url, Client: http.Client{
		Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// do asks for a page, in English; a form is posted. header has pairs of names and values.
func (b *browser) do(path string, form url.Values, header ...string) (*http.Response, string) {
	b.Helper()
	method, body := http.MethodGet, ""
	if form != nil {
		method, body = http.MethodPost, form.Encode()
	}
	req, err := http.NewRequestWithContext(b.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Accept-Language", "en")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := b.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		b.Fatal(err)
	}
	return resp, string(page)
}

// want asks for a page, and for its status and texts in it.
func (b *browser) want(status int, path string, form url.Values, texts ...string) string {
	b.Helper()
	resp, page := b.do(path, form)
	if resp.StatusCode != status {
		b.Fatalf("%s: %s, want %d: %s", path, resp.Status, status, page)
	}
	for _, text := range texts {
		if !strings.Contains(page, text) {
			b.Errorf("%s lacks %q: %s", path, text, page)
		}
	}
	return page
}

func (b *browser) signIn(username, password string) {
	b.Helper()
	b.want(http.StatusSeeOther, "/admin/sign-in", url.Values{"username": {username}, "password": {password}})
}

var etagField = regexp.MustCompile(`name="etag" value="([^"]*)"`)

func etagOf(page string) string {
	return strings.ReplaceAll(etagField.FindStringSubmatch(page)[1], "&#34;", `"`)
}

// TestPagesNeedSignIn: without a session there are no pages but the one to sign in, which leads back.
func TestPagesNeedSignIn(t *testing.T) {
	m := startMaster(t)
	b := newBrowser(t, m)
	for _, path := range []string{"/admin/", "/admin/hosts", "/admin/servers/1?x=y", "/admin/users/new", "/admin/nothing"} {
		resp, page := b.do(path, nil)
		want := "/admin/sign-in?next=" + url.QueryEscape(path)
		if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != want || strings.Contains(page, "<nav") {
			t.Errorf("%s: %s to %q", path, resp.Status, resp.Header.Get("Location"))
		}
	}
	for _, path := range []string{"/admin/players/new", "/admin/servers/1/tokens", "/admin/servers/1/delete"} {
		if resp, _ := b.do(path, url.Values{"client_name": {"x"}}); resp.Header.Get("Location") != "/admin/sign-in" {
			t.Errorf("POST %s: %s", path, resp.Status)
		}
	}
	b.want(http.StatusUnauthorized, "/admin/sign-in", url.Values{"username": {"admin"}, "password": {"wrong password"}}, "is wrong")
	resp, _ := b.do("/admin/sign-in", url.Values{"username": {"root"}, "password": {adminPassword}, "next": {"https://example.com/"}})
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/admin/" {
		t.Errorf("signed in: %s to %q", resp.Status, resp.Header.Get("Location"))
	}
	b.want(http.StatusOK, "/admin/", nil, "Dashboard")
	b.want(http.StatusSeeOther, "/admin/sign-out", url.Values{})
	b.want(http.StatusSeeOther, "/admin/", nil)
}

// TestPagesRefuseOtherOrigins: a page of another site cannot make a signed-in browser write.
func TestPagesRefuseOtherOrigins(t *testing.T) {
	m := startMaster(t)
	b := newBrowser(t, m)
	b.signIn("root", adminPassword)
	form := url.Values{"client_name": {"Evil"}, "service_type": {"all"}}
	for _, header := range [][]string{
		{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"},
	} {
		if resp, page := b.do("/admin/players/new", form, header...); resp.StatusCode != http.StatusForbidden || !strings.Contains(page, "another origin") {
			t.Errorf("%v: %s", header, resp.Status)
		}
	}
	if page := b.want(http.StatusOK, "/admin/players?q=Evil", nil); strings.Contains(page, "<td>all") {
		t.Error("it was written")
	}
	resp, _ := b.do("/admin/", nil)
	if policy := resp.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
}

// TestPagesEdit: a row is made, its faults are told beside their fields, a stale edit loses nothing, and it is deleted.
func TestPagesEdit(t *testing.T) {
	m := startMaster(t)
	b := newBrowser(t, m)
	b.signIn("root", adminPassword)
	name := `<b>Te"st & Söhne</b>`
	b.want(http.StatusUnprocessableEntity, "/admin/players/new", url.Values{
		"client_name": {name}, "min_version": {"not one"}, "service_type": {"all"}, "ua_patterns": {"a\r\n\r\n(b"},
	}, `id="f-min_version-error"`, "must be a version", "&lt;b&gt;Te&#34;st &amp; Söhne&lt;/b&gt;", `value="not one"`)
	b.want(http.StatusSeeOther, "/admin/players/new", url.Values{
		"client_name": {name}, "min_version": {"4.8"}, "service_type": {"all"}, "ua_patterns": {"one\r\ntwo"}, "enabled": {"true"},
	})
	list := b.want(http.StatusOK, "/admin/players?q=S%C3%B6hne", nil, "&lt;b&gt;Te", "one, two", "Created.")
	if strings.Contains(list, "<b>Te") {
		t.Error("markup in a name is markup on the page")
	}
	path := regexp.MustCompile(`/admin/players/\d+`).FindString(list)
	first := b.want(http.StatusOK, path, nil, "one\ntwo")
	edit := url.Values{"client_name": {"Renamed"}, "min_version": {"5"}, "service_type": {"emby"}, "enabled": {"true"}, "etag": {etagOf(first)}}
	b.want(http.StatusSeeOther, path, edit)
	edit.Set("client_name", "Too late")
	stale := b.want(http.StatusPreconditionFailed, path, edit, "Somebody else", "Renamed", `value="Too late"`)
	edit.Set("etag", etagOf(stale))
	b.want(http.StatusSeeOther, path, edit)
	question := b.want(http.StatusOK, path+"/delete", nil, "Too late")
	b.want(http.StatusSeeOther, path+"/delete", url.Values{"etag": {etagOf(question)}, "detach": {"true"}})
	b.want(http.StatusNotFound, path, nil, "There is no such page")
}

// TestPagesOfViewer: who may only look gets no forms that write, and no write if sent all the same.
func TestPagesOfViewer(t *testing.T) {
	m := startMaster(t)
	admin := newBrowser(t, m)
	admin.signIn("root", adminPassword)
	admin.want(http.StatusSeeOther, "/admin/users/new", url.Values{
		"username": {"looker"}, "role": {"viewer"}, "password": {"looking at it"}, "enabled": {"true"},
	})
	viewer := newBrowser(t, m)
	viewer.signIn("looker", "looking at it")
	page := viewer.want(http.StatusOK, "/admin/players", nil)
	if strings.Contains(page, "/admin/players/new") || strings.Contains(page, "/admin/users") {
		t.Errorf("it is shown what it may not: %s", page)
	}
	viewer.want(http.StatusForbidden, "/admin/players/new", url.Values{"client_name": {"x"}, "service_type": {"all"}})
	viewer.want(http.StatusForbidden, "/admin/users", nil)
}

// TestPagesShowATokenOnce: the token is in the answer to its creation, ready for the .env, and on no page after.
func TestPagesShowATokenOnce(t *testing.T) {
	m := startMaster(t)
	b := newBrowser(t, m)
	b.signIn("root", adminPassword)
	b.want(http.StatusSeeOther, "/admin/servers/new", url.Values{
		"name": {"one"}, "service_type": {"emby"}, "host": {"203.0.113.10"}, "server_name": {"one.example.com"}, "upstream": {"203.0.113.10:8096"},
		"upstream_scheme": {"http"}, "enabled": {"true"},
	})
	page := b.want(http.StatusOK, "/admin/servers/1/tokens", url.Values{"name": {"slave"}}, "API_BASE="+m.url, "REDIS_HOST=redis")
	token := regexp.MustCompile(`APP_TOKEN=(uhd_\w+)`).FindStringSubmatch(page)
	if token == nil {
		t.Fatalf("no token: %s", page)
	}
	for _, path := range []string{"/admin/servers/1/tokens", "/admin/servers/1", "/admin/hosts", "/admin/"} {
		if page := b.want(http.StatusOK, path, nil); strings.Contains(page, token[1]) {
			t.Errorf("%s shows the token again", path)
		}
	}
	rotated := b.want(http.StatusOK, "/admin/servers/1/tokens/1/rotate", url.Values{}, "APP_TOKEN=uhd_")
	if strings.Contains(rotated, token[1]) {
		t.Error("the rotated token is the old one")
	}
	key := b.want(http.StatusOK, "/admin/api-keys/new", url.Values{"name": {"script"}, "role": {"viewer"}, "enabled": {"true"}}, "uha_")
	if secret := regexp.MustCompile(`uha_\w+`).FindString(key); strings.Contains(b.want(http.StatusOK, "/admin/api-keys", nil), secret) {
		t.Error("the key is shown again")
	}
}

// TestPagesPreferences: language and theme are kept, and nobody is led away.
func TestPagesPreferences(t *testing.T) {
	m := startMaster(t)
	b := newBrowser(t, m)
	b.signIn("root", adminPassword)
	resp, _ := b.do("/admin/preferences", url.Values{"lang": {"zh"}, "theme": {"dark"}, "next": {"//evil.example/"}})
	if resp.Header.Get("Location") != "/admin/" {
		t.Errorf("led to %q", resp.Header.Get("Location"))
	}
	b.want(http.StatusOK, "/admin/", nil, `lang="zh-CN"`, `data-theme="dark"`, "仪表盘")
}
