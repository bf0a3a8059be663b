package app_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestFormsOfRows: a list is filled in row by row without a script: nothing is saved until all is, faults stand beside
// their input in the visitor's language, and what was entered stays.
func TestFormsOfRows(t *testing.T) {
	m := startMaster(t)
	b := newBrowser(t, m)
	b.signIn("root", adminPassword)
	form := url.Values{
		"name": {"old_tv"}, "kind": {"deny"}, "source": {"http_user_agent"}, "service_type": {"all"}, "enabled": {"true"},
		"entries.0.match_type": {"prefix"}, "entries.0.pattern": {"OldTV/"}, "entries.0.value": {"1"}, "add": {"entries"},
	}
	page := b.want(http.StatusOK, "/admin/nginx-maps/new", form, `value="OldTV/"`, `name="entries.1.pattern"`, "autofocus")
	if strings.Contains(page, "entries.2.pattern") || strings.Contains(page, "-error") {
		t.Error("one row was asked for, and no check")
	}
	b.want(http.StatusOK, "/admin/nginx-maps", nil, "There is nothing here yet")

	form.Del("add")
	form.Set("entries.1.match_type", "exact") // stays empty: no row
	form.Set("entries.2.match_type", "regex")
	form.Set("entries.2.pattern", "(a+)+")
	resp, page := b.do("/admin/nginx-maps/new", form, "Accept-Language", "zh-CN")
	for _, want := range []string{`id="f-entries.1.pattern-error"`, "重复的内容本身又有多种匹配方式", `value="(a&#43;)&#43;"`, `value="OldTV/"`} {
		if resp.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(page, want) {
			t.Errorf("%s without %s: %s", resp.Status, want, page)
		}
	}
	form.Set("entries.2.pattern", "^Old")
	b.want(http.StatusSeeOther, "/admin/nginx-maps/new", form)
	page = b.want(http.StatusOK, "/admin/nginx-maps/1", nil, `name="entries.1.pattern" value="^Old"`)

	removed := url.Values{"name": {"old_tv"}, "kind": {"deny"}, "source": {"http_user_agent"}, "service_type": {"all"}, "etag": {etagOf(page)}}
	for _, name := range []string{"entries.0.match_type", "entries.0.pattern", "entries.1.match_type", "entries.1.pattern"} {
		removed.Set(name, map[bool]string{true: "exact", false: "x" + name}[strings.HasSuffix(name, "type")])
	}
	removed.Set("remove", "entries.0")
	page = b.want(http.StatusOK, "/admin/nginx-maps/1", removed, `value="xentries.1.pattern"`)
	if strings.Contains(page, "xentries.0") {
		t.Error("the row is still there")
	}
	b.want(http.StatusOK, "/admin/nginx-maps/1", nil, `value="OldTV/"`)
	b.want(http.StatusSeeOther, "/admin/servers/new", url.Values{
		"name": {"one"}, "service_type": {"emby"}, "host": {"203.0.113.10"}, "server_name": {"one.example.com"}, "upstream_scheme": {"http"},
		"upstream.0.address": {"203.0.113.10:8096"}, "upstream.0.weight": {"3"}, "upstream.1.address": {"203.0.113.11:8096"}, "upstream.1.backup": {"true"},
	})
	b.want(http.StatusOK, "/admin/servers", nil, "203.0.113.10:8096 · Weight 3; 203.0.113.11:8096 · Weight 1 · Backup")
}

// TestFormsOfSettings: each setting has its own inputs, and a profile's own values come and go.
func TestFormsOfSettings(t *testing.T) {
	m := startMaster(t)
	b := newBrowser(t, m)
	b.signIn("root", adminPassword)
	b.want(http.StatusOK, "/admin/settings", nil, "Trusted proxies", "/admin/settings/new?name=hsts", "not set")
	b.want(http.StatusSeeOther, "/admin/settings/new?name=nothing", nil)
	b.want(http.StatusOK, "/admin/settings/new?name=deny_messages", nil, `name="value.0.reason"`)
	for _, form := range []url.Values{
		{"name": {"hsts"}, "value.on": {"true"}, "value.max_age": {"86400"}, "value.include_subdomains": {"true"}},
		{"name": {"tls"}, "value": {"modern"}},
		{"name": {"http2"}},
		{"name": {"fake_counts"}, "value.enabled": {"true"}, "value.value": {"888"}},
		{"name": {"deny_messages"}, "value.0.reason": {"ban"}, "value.0.text": {"No."}, "value.1.reason": {"ban"}, "value.1.language": {"zh"}, "value.1.text": {"不行"}},
		{"name": {"trusted_proxies"}, "value": {"203.0.113.0/24\r\n2001:db8::1"}},
	} {
		b.want(http.StatusSeeOther, "/admin/settings/new", form)
	}
	got := m.admin.do(t, "GET", "/api/v1/admin/settings?limit=100", nil)
	for _, want := range []string{
		`"name":"hsts","value":{"include_subdomains":true,"max_age":86400,"preload":false}`, `"name":"tls","value":"modern"`, `"name":"http2","value":false`,
		`"value":{"enabled":true,"value":888}`, `{"ban":{"*":"No.","zh":"不行"}}`, `["203.0.113.0/24","2001:db8::1"]`,
	} {
		if !strings.Contains(string(got.body), want) {
			t.Errorf("without %s: %s", want, got.body)
		}
	}
	page := b.want(http.StatusUnprocessableEntity, "/admin/settings/new", url.Values{"name": {"resolver"}, "value": {"192.0.2.53\r\nx"}}, "line 2: must be the address")
	if !strings.Contains(page, "192.0.2.53\nx</textarea>") {
		t.Error("what was entered is lost")
	}
	b.want(http.StatusOK, "/admin/settings", nil, "For how long", "86,400", "203.0.113.0/24, 2001:db8::1", "888")

	if page := b.want(http.StatusOK, "/admin/profiles/1", nil, "A default profile"); strings.Contains(page, "player_ids") {
		t.Error("a default profile has players to select, which it does not heed")
	}
	profile := url.Values{
		"name": {"p"}, "service_type": {"emby"}, "unidentified": {"allow"}, "concurrent_streams.action_on_exceed": {"reject"}, "concurrent_streams.max_streams": {"2"},
		"settings.client_max_body_size.own": {"true"}, "settings.client_max_body_size": {"1g"}, "settings.fake_counts.value": {"7"},
	}
	b.want(http.StatusSeeOther, "/admin/profiles/new", profile)
	list := b.want(http.StatusOK, "/admin/profiles?q=p", nil)
	path := profilePath(t, list, "p")
	page = b.want(http.StatusOK, path, nil, `name="settings.client_max_body_size" value="1g"`, `name="concurrent_streams.max_streams"`)
	profile.Del("settings.client_max_body_size.own")
	profile.Set("etag", etagOf(page))
	b.want(http.StatusSeeOther, path, profile)
	id := strings.TrimPrefix(path, "/admin/profiles/")
	if got := m.admin.do(t, "GET", "/api/v1/admin/profiles/"+id, nil); !strings.Contains(string(got.body), `"settings":{}`) || !strings.Contains(string(got.body), `"max_streams":2`) {
		t.Errorf("the profile is %s", got.body)
	}
}

// profilePath is where the list links the row of that title to.
func profilePath(t *testing.T, list, title string) string {
	t.Helper()
	before, _, ok := strings.Cut(list, `">`+title+`</a>`)
	if !ok {
		t.Fatalf("no %s in %s", title, list)
	}
	return before[strings.LastIndex(before, `"`)+1:]
}

// TestPagesChangePassword: one's own password is changed, and the old one let in no more.
func TestPagesChangePassword(t *testing.T) {
	m := startMaster(t)
	b := newBrowser(t, m)
	b.signIn("root", adminPassword)
	b.want(http.StatusUnprocessableEntity, "/admin/account/password", url.Values{"current": {adminPassword}, "new": {"another one"}, "again": {"not that"}}, "differ")
	b.want(http.StatusSeeOther, "/admin/account/password", url.Values{"current": {adminPassword}, "new": {"another one"}, "again": {"another one"}})
	other := newBrowser(t, m)
	other.want(http.StatusUnauthorized, "/admin/sign-in", url.Values{"username": {"root"}, "password": {adminPassword}})
	other.signIn("root", "another one")
}
