package app_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
)

const (
	players   = "/api/v1/admin/players"
	snapshots = "/api/v1/admin/snapshots"
)

// guests is the document of a draft with something of everything: rows that are new, and one that is not.
const guests = `{
	"profiles": [{"name": "guests", "service_type": "emby", "unidentified": "reject",
		"players": [{"name": "VLC", "service_type": "all"}, {"name": "Acme TV", "service_type": "emby"}], "uri_rules": ["no downloads"]}],
	"players": [{"client_name": "Acme TV", "service_type": "emby", "min_version": "2.0"}, {"client_name": "VLC", "min_version": "3.0", "service_type": "all"}],
	"uri-rules": [{"name": "no downloads", "action": "block", "match_type": "prefix", "pattern": "/download", "service_type": "all"}],
	"rate-limit-rules": [{"apply_to": "user", "rate_per_second": 20}],
	"stream-rules": [{"apply_to": "user", "max_streams": 2}]
}`

// draftPreview is what tests look at of a draft's preview.
type draftPreview struct {
	Changes []struct {
		Op, Resource, Row string
		Fields            []struct {
			Name          string
			Before, After any
		}
	}
	Groups  []struct{ Diff string }
	Refused []struct{ Location, Message, Host string }
}

// preview returns a draft's preview and its ETag.
func (c *client) preview(t *testing.T, draft string) (seen draftPreview, etag string) {
	t.Helper()
	res := c.do(t, "POST", draft+"/preview", `{}`)
	res.want(t, http.StatusOK)
	if err := json.Unmarshal(res.body, &seen); err != nil {
		t.Fatal(err)
	}
	return seen, res.Header.Get("ETag")
}

// everything is all that is configured, as the API shows it.
func (m *master) everything(t *testing.T) string {
	t.Helper()
	var all []string
	for _, path := range []string{"profiles", "players", "uri-rules", "rate-limit-rules", "stream-rules", "servers", "drafts", "audit", "snapshots", "rollouts"} {
		res := m.admin.do(t, "GET", "/api/v1/admin/"+path, nil)
		res.want(t, http.StatusOK)
		all = append(all, string(res.body))
	}
	return strings.Join(all, "\n")
}

// TestDraftIsApplied: a preview shows what applying does, and does nothing; applying does just that, in one go, and
// tells all that waits for it.
func TestDraftIsApplied(t *testing.T) { onBoth(t, testDraftIsApplied) }

func testDraftIsApplied(t *testing.T, m *master) {
	slave, operator := m.slaveOf(t, "emby1"), m.withRole(t, "operator")
	m.admin.do(t, "POST", players, `{"client_name": "VLC", "min_version": "2.0"}`).want(t, http.StatusCreated)
	m.admin.do(t, "POST", snapshots, `{}`).want(t, http.StatusCreated)
	path := operator.begin(t, `{"name": "guests", "service_type": "emby"}`)
	operator.do(t, "PATCH", path, `{"server_ids": [1], "step": 8, "document": `+guests+`}`).want(t, http.StatusOK)

	before := m.everything(t)
	seen, etag := operator.preview(t, path)
	if got := m.everything(t); got != before {
		t.Errorf("a preview leaves\n%s\nit was\n%s", got, before)
	}
	var changes []string
	for _, c := range seen.Changes {
		changes = append(changes, c.Op+" "+c.Resource+" "+c.Row)
	}
	if want := []string{
		"create players emby Acme TV", "update players all VLC", "create uri-rules all no downloads", "create profiles emby guests",
		"create rate-limit-rules user", "create stream-rules user", "update servers emby 203.0.113.10 emby1.example.com",
	}; !slices.Equal(changes, want) {
		t.Errorf("it changes %q, want %q", changes, want)
	}
	if f := seen.Changes[1].Fields; len(f) != 1 || f[0].Name != "min_version" || f[0].Before != "2.0" || f[0].After != "3.0" {
		t.Errorf("of VLC it changes %+v", f)
	}
	if f := seen.Changes[6].Fields; len(f) != 1 || f[0].Name != "profile" || f[0].Before != nil || f[0].After != "guests" {
		t.Errorf("of the server it changes %+v", f)
	}
	if len(seen.Groups) != 1 || !strings.Contains(seen.Groups[0].Diff, "Acme TV") || len(seen.Refused) != 0 {
		t.Errorf("the preview shows %+v", seen)
	}

	limits := slave.version(t, "").LimitsRevision
	operator.do(t, "POST", path+"/apply", `{"note": "for guests"}`, "If-Match", etag).want(t, http.StatusCreated)
	waitFor(t, "the slave to hear of the limits", func() bool { return slave.version(t, "").LimitsRevision != limits })
	operator.do(t, "GET", path, nil).problem(t, http.StatusNotFound)
	config := slave.do(t, "GET", api.PathMediaSlave+"/config", nil)
	for _, part := range []string{"Acme TV", "/download"} {
		if !strings.Contains(string(config.body), part) {
			t.Errorf("the slave's configuration lacks %s", part)
		}
	}
	if live := slave.do(t, "GET", api.PathMediaSlave+"/rate-limits", nil); !strings.Contains(string(live.body), `"rate_per_second":20`) || !strings.Contains(string(live.body), `"max_streams":2`) {
		t.Errorf("the live limits are %s", live.body)
	}
	log := m.admin.do(t, "GET", "/api/v1/admin/audit?limit=9", nil)
	if got := log.items(t, "action"); !slices.Equal(got, []string{"publish", "apply", "update", "create", "create", "create", "create", "update", "create"}) {
		t.Errorf("the audit log has %v", got)
	}
	if got := log.items(t, "actor"); slices.ContainsFunc(got, func(a string) bool { return a != t.Name()+" operator" }) {
		t.Errorf("on the account of %v", got)
	}
	made := m.admin.do(t, "GET", "/api/v1/admin/profiles?q=guests", nil).items(t, "id")[0]
	if again, _ := operator.check(t, operator.begin(t, `{"name": "guests", "service_type": "emby", "base": `+made+`, "edit": true}`)); len(again) != 0 {
		t.Errorf("a draft of what is there changes %q", again)
	}
}

// TestDraftIsGuarded: what was previewed is applied, or nothing.
func TestDraftIsGuarded(t *testing.T) { onBoth(t, testDraftIsGuarded) }

func testDraftIsGuarded(t *testing.T, m *master) {
	m.slaveOf(t, "emby1")
	m.admin.do(t, "POST", players, `{"client_name": "VLC", "min_version": "2.0"}`).want(t, http.StatusCreated)
	m.admin.do(t, "POST", "/api/v1/admin/rate-limit-rules", `{"apply_to": "user", "rate_per_second": 5, "enabled": false}`).want(t, http.StatusCreated)
	path := m.admin.begin(t, `{"name": "guests", "service_type": "emby"}`)
	save := func(body string) { m.admin.do(t, "PATCH", path, body).want(t, http.StatusOK) }
	save(`{"server_ids": [1], "document": ` + guests + `}`)
	stale := func(what string, change func()) {
		t.Helper()
		_, etag := m.admin.preview(t, path)
		change()
		p := m.admin.do(t, "POST", path+"/apply", `{}`, "If-Match", etag)
		p.problem(t, http.StatusPreconditionFailed)
		_, now := m.admin.preview(t, path)
		if p.object(t)["etag"] != now {
			t.Errorf("%s: the problem has the ETag %v, a preview %s", what, p.object(t)["etag"], now)
		}
	}
	stale("another row", func() {
		m.admin.do(t, "PATCH", servers+"/1", `{"note": "moved"}`).want(t, http.StatusOK)
	})
	stale("the same row", func() {
		m.admin.do(t, "PATCH", players+"/1", `{"min_version": "2.5"}`).want(t, http.StatusOK)
	})
	stale("a row that is off, of which no slave would hear", func() {
		m.admin.do(t, "PATCH", "/api/v1/admin/rate-limit-rules/1", `{"rate_per_second": 6}`).want(t, http.StatusOK)
	})
	stale("the draft", func() { save(`{"document": {"stream-rules": []}}`) })
	stale("the draft's servers", func() { save(`{"server_ids": []}`) })
	seen, etag := m.admin.preview(t, path)
	if f := seen.Changes[1].Fields[0]; f.Before != "2.5" || f.After != "3.0" {
		t.Errorf("what somebody else has changed since is shown as %+v", f)
	}
	save(`{"step": 7}`) // changes nothing of what was seen
	m.admin.do(t, "POST", path+"/apply", `{}`, "If-Match", etag).want(t, http.StatusCreated)
}

// TestDraftThatNginxRefuses is not applied at all, and the problem says which of its rows to mend.
func TestDraftThatNginxRefuses(t *testing.T) { onBoth(t, testDraftThatNginxRefuses) }

func testDraftThatNginxRefuses(t *testing.T, m *master) {
	m.slaveOf(t, "emby1")
	operator := m.withRole(t, "operator")
	path := operator.begin(t, `{"name": "guests", "service_type": "emby", "base": 1, "edit": true}`)
	operator.do(t, "PATCH", path, `{"document": {"profiles": [{"name": "default", "service_type": "emby", "is_default": true, "custom_lua": "return ("}],
		"players": [{"client_name": "VLC"}], "rate-limit-rules": [{"apply_to": "user", "rate_per_second": 20}]}}`).want(t, http.StatusOK)
	const want = "body.document.profiles[0].custom_lua"
	seen, etag := operator.preview(t, path)
	if len(seen.Refused) != 1 || seen.Refused[0].Location != want || seen.Refused[0].Host != "203.0.113.10" {
		t.Errorf("the preview refuses %+v", seen.Refused)
	}
	before := m.everything(t)
	for _, body := range []string{`{}`, `{"at": "` + tomorrow() + `"}`} {
		if p := m.admin.do(t, "POST", path+"/apply", body, "If-Match", etag).problem(t, http.StatusUnprocessableEntity); !names(p, want) {
			t.Errorf("%s gives %+v", body, p)
		}
		if got := m.everything(t); got != before {
			t.Errorf("a refused draft leaves\n%s\nit was\n%s", got, before)
		}
	}
	for body, cure := range map[string]string{`{"skip_preflight": true}`: "skip_preflight takes the role admin", `{}`: "let an admin apply the draft"} {
		if p := operator.do(t, "POST", path+"/apply", body).problem(t, http.StatusForbidden); !strings.Contains(p.Detail, cure) {
			t.Errorf("%s by an operator gives %+v", body, p)
		}
	}
	few := m.withKey(t, `{"name": "few", "role": "admin", "scopes": ["drafts", "snapshots", "profiles"]}`)
	if p := few.do(t, "POST", path+"/apply", `{}`).problem(t, http.StatusForbidden); !strings.Contains(p.Detail, "takes players, too") {
		t.Errorf("a key without the scope gives %+v", p)
	}
	m.admin.do(t, "POST", path+"/apply", `{"skip_preflight": true}`).want(t, http.StatusCreated)
}

func tomorrow() string { return time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339) }

// TestDraftForLater: what it configures is configured now, and published then.
func TestDraftForLater(t *testing.T) { onBoth(t, testDraftForLater) }

func testDraftForLater(t *testing.T, m *master) {
	m.slaveOf(t, "emby1")
	path := m.admin.begin(t, `{"name": "guests", "service_type": "emby"}`)
	m.admin.do(t, "POST", path+"/apply", `{"at": "2020-01-01T00:00:00Z"}`).problem(t, http.StatusUnprocessableEntity)
	res := m.admin.do(t, "POST", path+"/apply", `{"note": "by night", "at": "`+tomorrow()+`"}`)
	res.want(t, http.StatusAccepted)
	if rollout := m.admin.do(t, "GET", res.Header.Get("Location"), nil).object(t); rollout["state"] != "scheduled" || rollout["note"] != "by night" {
		t.Errorf("the rollout is %v", rollout)
	}
	if got := m.admin.do(t, "GET", "/api/v1/admin/profiles", nil).items(t, "name"); !slices.Contains(got, "guests") {
		t.Errorf("profiles are %v", got)
	}
	if got := m.admin.do(t, "GET", snapshots, nil).items(t, "id"); len(got) != 0 {
		t.Errorf("published at once: %v", got)
	}
	m.admin.do(t, "GET", path, nil).problem(t, http.StatusNotFound)
}
