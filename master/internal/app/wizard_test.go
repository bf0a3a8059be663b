package app_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// fields returns what a browser would send of the form of a step, as it stands.
func fields(t *testing.T, page string) url.Values {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{}
	attr := func(n *html.Node, name string) (string, bool) {
		for _, a := range n.Attr {
			if a.Key == name {
				return a.Val, true
			}
		}
		return "", false
	}
	inForm := func(n *html.Node) bool {
		for ; n != nil; n = n.Parent {
			if id, _ := attr(n, "id"); id == "step" {
				return true
			}
		}
		return false
	}
	for n := range doc.Descendants() {
		name, _ := attr(n, "name")
		value, _ := attr(n, "value")
		kind, _ := attr(n, "type")
		_, checked := attr(n, "checked")
		switch {
		case name == "" || !inForm(n) || n.Data == "button" || kind == "checkbox" && !checked:
			continue
		case n.Data == "textarea":
			value = ""
			if n.FirstChild != nil {
				value = n.FirstChild.Data
			}
		case n.Data == "select":
			for i, o := 0, n.FirstChild; o != nil; i, o = i+1, o.NextSibling {
				if _, selected := attr(o, "selected"); selected || i == 0 {
					value, _ = attr(o, "value")
				}
			}
		}
		form.Add(name, value)
	}
	return form
}

// pick ticks, or unticks, the row of that name in the library's table and returns its id.
func pick(t *testing.T, page string, form url.Values, section, name string, on bool) string {
	t.Helper()
	m := regexp.MustCompile(`name="pick.` + section + `" value="(\d+)" aria-label="` + name + `"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("%s is not in the table of %s: %s", name, section, page)
	}
	var rest []string
	for _, id := range form["pick."+section] {
		if id != m[1] {
			rest = append(rest, id)
		}
	}
	if on {
		rest = append(rest, m[1])
	}
	form["pick."+section] = rest
	return m[1]
}

// press sends a form of the wizard with one of its buttons, and returns where it leads.
func (b *browser) press(path string, form url.Values, name, value string) string {
	b.Helper()
	sent := maps.Clone(form)
	sent.Set(name, value)
	resp, page := b.do(path, sent)
	if resp.StatusCode != http.StatusSeeOther {
		b.Fatalf("%s %s=%s: %s: %s", path, name, value, resp.Status, page)
	}
	return resp.Header.Get("Location")
}

// begin makes a draft and returns the path of its steps.
func (b *browser) begin(form url.Values) string {
	b.Helper()
	to := b.press("/admin/wizard/new", form, "do", "next")
	if !strings.HasSuffix(to, "/2") {
		b.Fatalf("a new draft leads to %s", to)
	}
	return strings.TrimSuffix(to, "2")
}

// TestWizardLosesNothing: each button saves what is entered, whatever is wrong with it; the errors stand beside their
// fields and lead there, and another browser goes on with it.
func TestWizardLosesNothing(t *testing.T) {
	m := startMaster(t, "STARTING_SET=true")
	b := newBrowser(t, m)
	b.signIn("root", adminPassword)
	b.want(http.StatusUnprocessableEntity, "/admin/wizard/new", url.Values{"name": {""}, "service_type": {"emby"}}, `id="name-error"`)
	at := b.begin(url.Values{"name": {"<b>Kids"}, "service_type": {"emby"}})
	b.want(http.StatusOK, "/admin/wizard", nil, "&lt;b&gt;Kids", "step 2 of 8")

	page := b.want(http.StatusOK, at+"2", nil, "With no player chosen")
	form := fields(t, page)
	infuse := pick(t, page, form, "players", "Infuse", true)
	pick(t, page, form, "players", "VLC", true)
	form.Set("inline.players."+infuse+".min_version", "not one")
	form.Set("profiles.0.unidentified", "reject")
	if to := b.press(at+"2", form, "add", "players"); !strings.Contains(to, "add=players") {
		t.Errorf("add leads to %s", to)
	}
	page = b.want(http.StatusOK, at+"2?add=players", nil,
		`value="not one"`, `href="#f-inline.players.`+infuse+`.min_version"`, "must be a version", "2 chosen", `<option value="reject" selected>`)
	form = fields(t, page)
	form.Set("players.1.client_name", `New "one" <i>`)
	form.Set("players.1.ua_patterns", "ok\r\n(b")
	form.Add("chosen.players", "1")
	if to := b.press(at+"2", form, "do", "next"); to != at+"2#faults" {
		t.Errorf("next with errors leads to %s", to)
	}
	if to := b.press(at+"2", fields(t, b.want(http.StatusOK, at+"2", nil)), "do", "go:1"); to != at+"1" {
		t.Errorf("the first step is at %s", to)
	}
	other := newBrowser(t, m)
	other.signIn("root", adminPassword)
	page = other.want(http.StatusOK, at+"2", nil, "3 chosen", `value="not one"`, "New &#34;one&#34; &lt;i&gt;", "ok\n(b",
		`id="f-players.1.ua_patterns-error"`, `href="#f-players.1.ua_patterns"`, "2 to mend")
	form = fields(t, page)
	form.Set("inline.players."+infuse+".min_version", "8.1")
	form.Set("players.1.ua_patterns", "ok")
	if to := other.press(at+"2", form, "do", "next"); to != at+"3" {
		t.Errorf("next leads to %s", to)
	}
	page = other.want(http.StatusOK, at+"2", nil, `value="8.1"`, "changed")
	if strings.Contains(page, `id="faults"`) {
		t.Errorf("errors that are mended are told: %s", page)
	}
	if to := other.press(at+"2", fields(t, page), "do", "remove:players:1"); !strings.HasPrefix(to, at+"2") {
		t.Errorf("removed, it leads to %s", to)
	}
	if page = other.want(http.StatusOK, at+"2", nil, "2 chosen"); strings.Contains(page, "New &#34;one") {
		t.Error("the removed row is there")
	}
	form = fields(t, page)
	form.Set("inline.players."+infuse+".min_version", "")
	other.press(at+"2", form, "do", "stay")
	row := m.admin.do(t, "GET", "/api/v1/admin/drafts/1", nil).object(t)
	if rows := row["document"].(map[string]any)["players"]; rows != nil {
		t.Errorf("rows that are as in the library again stay in the draft: %v", rows)
	}
}

// TestWizardOfTwo: who saves later learns of it, with what was entered still there and what the other has added kept; saving
// again keeps both.
func TestWizardOfTwo(t *testing.T) {
	m := startMaster(t, "STARTING_SET=true")
	b := newBrowser(t, m)
	b.signIn("root", adminPassword)
	at := b.begin(url.Values{"name": {"Both"}, "service_type": {"emby"}})
	path := at + "3"
	first, second := fields(t, b.want(http.StatusOK, path, nil)), fields(t, b.want(http.StatusOK, path, nil))
	first.Set("uri-rules.0.name", "of the first")
	first.Set("uri-rules.0.pattern", "/First")
	first.Set("uri-rules.0.action", "block")
	b.press(path, first, "do", "stay")
	second.Set("uri-rules.0.name", "of the second")
	second.Set("uri-rules.0.pattern", "no path")
	second.Set("uri-rules.0.action", "block")
	stale := b.want(http.StatusPreconditionFailed, path, second, "Somebody else", `value="of the second"`, `value="no path"`, `value="of the first"`)
	b.press(path, fields(t, stale), "do", "stay")
	b.want(http.StatusOK, path, nil, `value="of the first"`, `value="of the second"`, `id="f-uri-rules.1.pattern-error"`)
}

// TestWizardOfDefault: a default profile takes all that is enabled, so what is unticked there is disabled in the library once
// the draft is applied, and ticking it again takes that back.
func TestWizardOfDefault(t *testing.T) {
	m := startMaster(t, "STARTING_SET=true")
	b := newBrowser(t, m)
	b.signIn("root", adminPassword)
	id := ""
	for _, p := range m.admin.do(t, "GET", "/api/v1/admin/profiles?service_type=emby", nil).object(t)["items"].([]any) {
		id = fmt.Sprint(p.(map[string]any)["id"])
	}
	at := b.begin(url.Values{"name": {"All"}, "service_type": {"emby"}, "base": {"edit:" + id}})
	page := b.want(http.StatusOK, at+"2", nil, "This is the default profile")
	form := fields(t, page)
	pick(t, page, form, "players", "Kodi", false)
	b.press(at+"2", form, "do", "stay")
	held := func() string {
		draft := m.admin.do(t, "GET", "/api/v1/admin/drafts/1", nil).object(t)
		text, err := json.Marshal(draft["document"].(map[string]any)["players"])
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if got := held(); !strings.Contains(got, `"client_name":"Kodi","enabled":false`) {
		t.Errorf("the draft has %s", got)
	}
	page = b.want(http.StatusOK, at+"2", nil)
	form = fields(t, page)
	pick(t, page, form, "players", "Kodi", true)
	b.press(at+"2", form, "do", "stay")
	if got := held(); got != "null" {
		t.Errorf("after ticking it again, the draft has %s", got)
	}
}

// TestWizardOfLimits: limits of the same kind stand beside each other; a new one is added to those that are there, and one
// that is changed is that one.
func TestWizardOfLimits(t *testing.T) {
	m := startMaster(t)
	for _, rule := range []string{`{"apply_to": "user", "rate_per_second": 5}`, `{"apply_to": "user", "quota_daily": 1000}`} {
		m.admin.do(t, "POST", "/api/v1/admin/rate-limit-rules", rule).want(t, http.StatusCreated)
	}
	b := newBrowser(t, m)
	b.signIn("root", adminPassword)
	path := b.begin(url.Values{"name": {"Limits"}, "service_type": {"emby"}}) + "6"
	form := fields(t, b.want(http.StatusOK, path, nil, "for the whole fleet"))
	for name, value := range map[string]string{"apply_to": "user", "quota_monthly": "9000", "over_action": "reject", "enabled": "true"} {
		form.Set("rate-limit-rules.0."+name, value)
	}
	b.press(path, form, "do", "stay")
	// The profile is made, too.
	changes := func() string { return string(m.admin.do(t, "POST", "/api/v1/admin/drafts/1/check", "{}").body) }
	if got := changes(); strings.Count(got, `"op":"create"`) != 2 || strings.Contains(got, `"op":"update"`) {
		t.Errorf("a new limit: %s", got)
	}
	b.press(path, fields(t, b.want(http.StatusOK, path, nil)), "do", "open:rate-limit-rules:2")
	page := b.want(http.StatusOK, path, nil)
	form = fields(t, page)
	at := regexp.MustCompile(`name="of.rate-limit-rules.(\d+)" value="2"`).FindStringSubmatch(page)[1]
	form.Set("rate-limit-rules."+at+".quota_daily", "2000")
	b.press(path, form, "do", "stay")
	if got := changes(); strings.Count(got, `"op":"update"`) != 1 || !strings.Contains(got, `"before":1000,"after":2000`) || strings.Count(got, `"op":"create"`) != 2 {
		t.Errorf("one of two is changed: %s", got)
	}
	b.press(path, fields(t, b.want(http.StatusOK, path, nil)), "do", "remove:rate-limit-rules:"+at)
	if got := changes(); strings.Contains(got, `"op":"update"`) || strings.Count(got, `"op":"create"`) != 2 {
		t.Errorf("the change is taken back: %s", got)
	}
}

// TestWizardOfViewer: who may only look sees the draft and changes nothing.
func TestWizardOfViewer(t *testing.T) {
	m := startMaster(t)
	b := newBrowser(t, m)
	b.signIn("root", adminPassword)
	at := b.begin(url.Values{"name": {"Mine"}, "service_type": {"emby"}})
	m.admin.do(t, "POST", "/api/v1/admin/users", `{"username": "eyes", "password": "only looks on", "role": "viewer"}`).want(t, http.StatusCreated)
	viewer := newBrowser(t, m)
	viewer.signIn("eyes", "only looks on")
	for step := 1; step <= 8; step++ {
		path := fmt.Sprint(at, step)
		page := viewer.want(http.StatusOK, path, nil, "Mine", "Your role may look")
		if strings.Contains(page, `value="next"`) {
			t.Errorf("step %d has a button for who may only look", step)
		}
		do := "next"
		if step == 8 {
			do = "publish"
		}
		viewer.want(http.StatusForbidden, path, url.Values{"etag": {`"2"`}, "do": {do}, "name": {"Taken"}})
	}
	viewer.want(http.StatusForbidden, "/admin/wizard/1/delete", url.Values{"etag": {`"2"`}})
	viewer.want(http.StatusForbidden, "/admin/wizard/new", url.Values{"name": {"x"}, "service_type": {"emby"}})
	b.want(http.StatusNotFound, at+"9", nil)
	b.want(http.StatusNotFound, "/admin/wizard/77/1", nil)
}

// TestWizardOfMany: with thousands of rows in the draft, and then in the library and chosen, pages stay below 150 KB, and
// none of what is not on a page is lost.
func TestWizardOfMany(t *testing.T) {
	const many = 2000
	m := startMaster(t)
	m.admin.do(t, "POST", "/api/v1/admin/servers", `{"name": "One", "service_type": "emby", "host": "h1", "server_name": "one.example.com", "upstream": "10.0.0.1:8096"}`).want(t, http.StatusCreated)
	b := newBrowser(t, m)
	b.signIn("root", adminPassword)
	at := b.begin(url.Values{"name": {"Many"}, "service_type": {"emby"}})
	var rules, names []any
	for i := range many {
		name := fmt.Sprintf("rule %04d", i)
		rules = append(rules, map[string]any{"name": name, "action": "block", "pattern": fmt.Sprintf("/Blocked/%d", i), "service_type": "all"})
		names = append(names, name)
	}
	profile := map[string]any{"name": "Many", "service_type": "emby", "uri_rules": names}
	const draft = "/api/v1/admin/drafts/1"
	m.admin.do(t, "PATCH", draft, map[string]any{"document": map[string]any{"uri-rules": rules, "profiles": []any{profile}}}).want(t, http.StatusOK)
	small := func(path string, texts ...string) string {
		page := b.want(http.StatusOK, path, nil, texts...)
		if len(page) > 150_000 {
			t.Errorf("%s has %d bytes", path, len(page))
		}
		return page
	}
	page := small(at+"3", "2000 chosen", "rule 1999")
	b.press(at+"3", fields(t, page), "do", "held:uri-rules:3")
	small(at+"3?held.uri-rules=3", "2000 chosen", "rule 0149")
	small(at + "8")

	preview := m.admin.do(t, "POST", draft+"/preview", "{}")
	preview.want(t, http.StatusOK)
	m.admin.do(t, "POST", draft+"/apply", "{}", "If-Match", preview.Header.Get("ETag")).want(t, http.StatusCreated)
	at = b.begin(url.Values{"name": {"Copy"}, "service_type": {"emby"}, "base": {"copy:3"}})
	page = small(at+"3", "2000 chosen", "page 1 of 20")
	form := fields(t, page)
	pick(t, page, form, "uri-rules", "rule 0007", false)
	b.press(at+"3", form, "do", "page:uri-rules:20")
	small(at+"3?page.uri-rules=20", "1999 chosen", "rule 1999")
	small(at+"3?q.uri-rules=rule+0007", "1 of 2000")
}
