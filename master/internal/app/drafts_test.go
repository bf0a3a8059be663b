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
