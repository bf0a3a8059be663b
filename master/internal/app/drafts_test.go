package app_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

const drafts = "/api/v1/admin/drafts"

// check returns what a draft would change, as "op resource row", and what is wrong with it, as "location message".
func (c *client) check(t *testing.T, draft string) (changes, errs []string) {
	t.Helper()
	res := c.do(t, "POST", draft+"/check", nil)
	res.want(t, http.StatusOK)
	answer := res.object(t)
	for _, c := range answer["changes"].([]any) {
		change := c.(map[string]any)
		changes = append(changes, fmt.Sprintf("%s %s %s", change["op"], change["resource"], change["row"]))
	}
	for _, e := range answer["errors"].([]any) {
		detail := e.(map[string]any)
		errs = append(errs, fmt.Sprintf("%s %s", detail["location"], detail["message"]))
	}
	return changes, errs
}

// begin makes a draft and returns its path.
func (c *client) begin(t *testing.T, body string) string {
	t.Helper()
	res := c.do(t, "POST", drafts, body)
	res.want(t, http.StatusCreated)
	return res.Header.Get("Location")
}

// TestDraftIsKept as it was entered, mistakes and all, and belongs to all who may edit.
func TestDraftIsKept(t *testing.T) { onBoth(t, testDraftIsKept) }

func testDraftIsKept(t *testing.T, m *master) {
	ann, bob := m.withRole(t, "operator"), m.withRole(t, "viewer")
	path := ann.begin(t, `{"name": "guests", "service_type": "emby"}`)
	first := ann.begin(t, `{"name": "kids", "service_type": "jellyfin", "base": 2, "edit": true}`)
	const wrong = `{"step": 3, "document": {"players": [{"client_name": "", "min_version": 7.10, "shiny": "\ud83c\udfac"}], "uri-rules": [{"action": "blok"}]}}`
	ann.do(t, "PATCH", path, wrong).want(t, http.StatusOK)
	kept := bob.do(t, "GET", path, nil)
	kept.want(t, http.StatusOK)
	for _, part := range []string{`"min_version":7.10`, `"shiny"`, `"blok"`, `"profiles":[{"name":"guests","service_type":"emby"}]`, `"step":3`, `"profile_id":null`, `operator"`} {
		if !strings.Contains(string(kept.body), part) {
			t.Errorf("the draft lacks %s: %s", part, kept.body)
		}
	}
	_, errs := ann.check(t, path)
	for _, want := range []string{"body.document.uri-rules[0].action must be one of", "body.document.players[0].shiny unknown field"} {
		if !slices.ContainsFunc(errs, func(e string) bool { return strings.HasPrefix(e, want) }) {
			t.Errorf("the check does not say %q: %q", want, errs)
		}
	}
	ann.do(t, "PATCH", path, `{"document": {"uri-rules": [], "players": [{"client_name": ""}]}}`).want(t, http.StatusOK)
	if _, errs := ann.check(t, path); len(errs) != 1 || !strings.HasPrefix(errs[0], "body.document.players[0].client_name must not be empty") {
		t.Errorf("the check says %q", errs)
	}

	list := bob.do(t, "GET", drafts, nil)
	if got := list.items(t, "name"); !slices.Equal(got, []string{"guests", "kids"}) { // changed last
		t.Errorf("the list has %v", got)
	}
	if strings.Contains(string(list.body), "document") {
		t.Errorf("the list holds whole documents: %s", list.body)
	}
	next := bob.do(t, "GET", drafts+"?limit=1&cursor="+bob.do(t, "GET", drafts+"?limit=1", nil).object(t)["next_cursor"].(string), nil)
	if got := next.items(t, "name"); !slices.Equal(got, []string{"kids"}) {
		t.Errorf("the second page has %v", got)
	}

	etag := ann.do(t, "GET", first, nil).Header.Get("ETag")
	ann.do(t, "PATCH", first, `{"step": 2}`, "If-Match", etag).want(t, http.StatusOK)
	ann.do(t, "PATCH", first, `{"step": 3}`, "If-Match", etag).problem(t, http.StatusPreconditionFailed)
	bob.do(t, "PATCH", first, `{"step": 3}`).problem(t, http.StatusForbidden)
	ann.do(t, "DELETE", first, nil).want(t, http.StatusNoContent)
	bob.do(t, "GET", first, nil).problem(t, http.StatusNotFound)
	ann.do(t, "POST", first+"/check", nil).problem(t, http.StatusNotFound)
	log := m.admin.do(t, "GET", "/api/v1/admin/audit?resource=drafts", nil)
	if got := log.items(t, "action"); !slices.Equal(got, []string{"delete", "update", "update", "update", "create", "create"}) || strings.Contains(string(log.body), "document") {
		t.Errorf("the audit log keeps %s", log.body)
	}
}

// TestDraftForm: what is no draft at all is refused at once, with the field and the cure.
func TestDraftForm(t *testing.T) {
	m := startMaster(t)
	path := m.admin.begin(t, `{"name": "guests", "service_type": "emby"}`)
	m.admin.do(t, "POST", "/api/v1/admin/profiles", `{"name": "tv", "service_type": "jellyfin"}`).want(t, http.StatusCreated)
	for body, location := range map[string]string{
		`{"name": "", "service_type": "emby"}`:                            "body.name",
		`{"name": "x"}`:                                                   "body.service_type",
		`{"name": "x", "service_type": "plex"}`:                           "body.service_type",
		`{"name": "x", "service_type": "emby", "edit": true}`:             "body.base",
		`{"name": "x", "service_type": "emby", "base": 99}`:               "body.base",
		`{"name": "x", "service_type": "emby", "base": 3}`:                "body.base",
		`{"name": "x", "service_type": "emby", "base": 3, "edit": true}`:  "body.base",
		`{"name": "x", "service_type": "emby", "base": null, "shiny": 1}`: "body.shiny",
	} {
		if p := m.admin.do(t, "POST", drafts, body).problem(t, http.StatusUnprocessableEntity); !names(p, location) && !strings.Contains(fmt.Sprint(p), strings.TrimPrefix(location, "body.")) {
			t.Errorf("%s gives %+v", body, p)
		}
	}
	if p := m.admin.do(t, "POST", drafts, `{"name": "guests", "service_type": "jellyfin"}`).problem(t, http.StatusConflict); !names(p, "body.name") {
		t.Errorf("a name twice gives %+v", p)
	}
	for body, location := range map[string]string{
		`{"step": 9}`:                                   "body.step",
		`{"server_ids": [1, 1]}`:                        "body.server_ids[1]",
		`{"document": {"settings": []}}`:                "body.document.settings",
		`{"document": {"players": {}}}`:                 "body.document.players",
		`{"document": {"players": ["VLC"]}}`:            "body.document.players[0]",
		`{"document": {"profiles": [{}, {}]}}`:          "body.document.profiles",
		`{"document": {"servers": [{"name": "mine"}]}}`: "body.document.servers",
	} {
		if p := m.admin.do(t, "PATCH", path, body).problem(t, http.StatusUnprocessableEntity); !names(p, location) {
			t.Errorf("%s gives %+v", body, p)
		}
	}
}

// TestDraftMistakes: what could not be applied is told with its place and its cure, and a draft changes no profile but its own.
func TestDraftMistakes(t *testing.T) { onBoth(t, testDraftMistakes) }

func testDraftMistakes(t *testing.T, m *master) {
	m.admin.do(t, "POST", servers, newServer("emby1")).want(t, http.StatusCreated)
	gone := newServer("gone")
	gone["service_type"] = "jellyfin"
	m.admin.do(t, "POST", servers, gone).want(t, http.StatusCreated)
	for _, name := range []string{"family", "kids"} {
		m.admin.do(t, "POST", "/api/v1/admin/profiles", `{"service_type": "emby", "name": "`+name+`"}`).want(t, http.StatusCreated)
	}
	family := m.admin.do(t, "GET", "/api/v1/admin/profiles?q=family", nil).items(t, "id")[0]
	fresh := m.admin.begin(t, `{"name": "guests", "service_type": "emby"}`)
	edit := m.admin.begin(t, `{"name": "edit", "service_type": "emby", "base": `+family+`, "edit": true}`)
	standard := m.admin.begin(t, `{"name": "standard", "service_type": "emby", "base": 1, "edit": true}`)

	profile := func(fields string) string {
		return `{"document": {"profiles": [{` + fields + `}], "players": [{"client_name": "VLC"}]}, "server_ids": [], "service_type": "emby"}`
	}
	const guests, fam = `"name": "guests", "service_type": "emby"`, `"name": "family", "service_type": "emby"`
	for _, c := range []struct{ draft, body, want string }{
		{fresh, `{"document": {"profiles": []}}`, "body.document.profiles must hold the draft's profile"},
		{fresh, profile(guests + `, "players": ["VLC", "Nobody"]`), `body.document.profiles[0].players[1] names "Nobody", which is none of the players`},
		{fresh, profile(guests + `, "uri_rules": "web"`), "body.document.profiles[0].uri_rules takes a list"},
		{fresh, profile(guests + `, "fake_counts_value": "many"`), "body.document.profiles[0].fake_counts_value does not take a string"},
		{fresh, profile(fam), "body.document.profiles[0].name is that of another profile"},
		{fresh, profile(`"name": "guests", "service_type": "jellyfin"`), "body.document.profiles[0].service_type must be emby"},
		{fresh, profile(guests + `, "is_default": true`), "body.document.profiles[0].is_default must be false"},
		{fresh, strings.Replace(profile(guests), `"server_ids": []`, `"server_ids": [1, 2]`, 1), "body.server_ids[1] must be a server for emby"},
		{fresh, strings.Replace(profile(guests), `"server_ids": []`, `"server_ids": [9]`, 1), "body.server_ids[0] names no server"},
		{edit, profile(`"name": "kids", "service_type": "emby"`), `body.document.profiles[0].name must stay "family"`},
		{edit, profile(`"name": "renamed", "service_type": "emby"`), `body.document.profiles[0].name must stay "family"`},
		{edit, profile(fam + `, "is_default": true`), "body.document.profiles[0].is_default must be false"},
		{edit, strings.Replace(profile(fam), `"service_type": "emby"}`, `"service_type": "jellyfin"}`, 1), "body.document.profiles[0].service_type must be emby"},
		{standard, profile(`"name": "other", "service_type": "emby"`), "body.document.profiles[0].is_default must be true"},
		{standard, `{"service_type": "jellyfin"}`, "body.service_type must be emby, as that of the profile"},
	} {
		m.admin.do(t, "PATCH", c.draft, c.body).want(t, http.StatusOK)
		if _, errs := m.admin.check(t, c.draft); len(errs) != 1 || !strings.HasPrefix(errs[0], c.want) {
			t.Errorf("%s: the check says %q, want %q", c.body, errs, c.want)
		}
		location, _, _ := strings.Cut(c.want, " ")
		for _, do := range []string{"/preview", "/apply"} {
			if p := m.admin.do(t, "POST", c.draft+do, `{}`).problem(t, http.StatusUnprocessableEntity); !names(p, location) {
				t.Errorf("%s: %s gives %+v", c.body, do, p)
			}
		}
	}
	m.admin.do(t, "DELETE", "/api/v1/admin/profiles/"+family, nil).want(t, http.StatusNoContent)
	if _, errs := m.admin.check(t, edit); len(errs) != 1 || !strings.HasPrefix(errs[0], "body.profile_id is of a profile that has been deleted") {
		t.Errorf("without its profile the check says %q", errs)
	}
	if got := m.admin.do(t, "GET", "/api/v1/admin/players", nil).items(t, "id"); len(got) != 0 {
		t.Errorf("what was refused leaves the players %v", got)
	}
}

// TestDraftOfDefault: a copy of a default profile selects what that takes now; a draft that changes it leaves its lists out,
// and gives servers back to it.
func TestDraftOfDefault(t *testing.T) { onBoth(t, testDraftOfDefault) }

func testDraftOfDefault(t *testing.T, m *master) {
	for _, player := range []string{
		`{"client_name": "VLC"}`, `{"client_name": "VLC", "service_type": "emby"}`, `{"client_name": "Infuse", "service_type": "jellyfin"}`, `{"client_name": "Old", "enabled": false}`,
	} {
		m.admin.do(t, "POST", "/api/v1/admin/players", player).want(t, http.StatusCreated)
	}
	profile := m.admin.do(t, "POST", "/api/v1/admin/profiles", `{"service_type": "emby", "name": "family"}`).object(t)["id"]
	server := newServer("emby1")
	server["profile_id"] = profile
	m.admin.do(t, "POST", servers, server).want(t, http.StatusCreated)

	copied := m.admin.do(t, "GET", m.admin.begin(t, `{"name": "copy", "service_type": "emby", "base": 1}`), nil)
	const want = `"profiles":[{"name":"copy","players":[{"name":"VLC","service_type":"all"},{"name":"VLC","service_type":"emby"}],"service_type":"emby"}]`
	if !strings.Contains(string(copied.body), want) {
		t.Errorf("the copy is %s, want %s", copied.body, want)
	}
	path := m.admin.begin(t, `{"name": "standard", "service_type": "emby", "base": 1, "edit": true}`)
	if got := m.admin.do(t, "GET", path, nil); !strings.Contains(string(got.body), `"profiles":[{"is_default":true,"name":"default","service_type":"emby"}]`) {
		t.Errorf("the draft of the default is %s", got.body)
	}
	m.admin.do(t, "PATCH", path, `{"server_ids": [1], "document": {"players": [{"client_name": "VLC", "enabled": false}]}}`).want(t, http.StatusOK)
	if changes, errs := m.admin.check(t, path); len(errs) != 0 || !slices.Equal(changes, []string{"update players all VLC", "update servers emby 203.0.113.10 emby1.example.com"}) {
		t.Errorf("it changes %q, %q", changes, errs)
	}
	m.admin.do(t, "POST", path+"/apply", `{}`).want(t, http.StatusCreated)
	if got := m.admin.do(t, "GET", servers+"/1", nil).object(t); got["profile_id"] != nil {
		t.Errorf("the server keeps the profile %v", got["profile_id"])
	}
}
