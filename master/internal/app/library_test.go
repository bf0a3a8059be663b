package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

const adminAPI = "/api/v1/admin/"

// TestTwoEditors: of two who edit the same row, the second is told what it is now, and by which ETag to go on.
func TestTwoEditors(t *testing.T) { onBoth(t, testTwoEditors) }

func testTwoEditors(t *testing.T, m *master) {
	for path, body := range map[string]string{
		"servers":        `{"name": "NAME", "service_type": "emby", "host": "203.0.113.10", "server_name": "NAME.example.com", "upstream": "203.0.113.10:8096"}`,
		"players":        `{"client_name": "NAME"}`,
		"location-rules": `{"name": "NAME", "kind": "deny", "pattern": "/x"}`,
		"nginx-maps":     `{"name": "NAME", "source": "host"}`,
		"proxy-headers":  `{"name": "NAME", "action": "hide_response", "header": "X-Powered-By"}`,
		"profiles":       `{"name": "NAME", "service_type": "emby"}`,
	} {
		text := func(name string) string { return strings.ReplaceAll(body, "NAME", name) }
		made := m.admin.do(t, "POST", adminAPI+path, text("one"))
		made.want(t, http.StatusCreated)
		row, seen := made.Header.Get("Location"), made.Header.Get("ETag")
		first := m.admin.do(t, "PUT", row, text("two"), "If-Match", seen)
		first.want(t, http.StatusOK)
		for _, second := range []response{
			m.admin.do(t, "PUT", row, text("three"), "If-Match", seen),
			m.admin.do(t, "PATCH", row, `{}`, "If-Match", seen),
			m.admin.do(t, "DELETE", row, nil, "If-Match", seen),
			m.admin.do(t, "PUT", row, text("three"), "If-Match", `"no revision"`),
		} {
			second.problem(t, http.StatusPreconditionFailed)
			var told struct {
				ETag    string
				Current json.RawMessage
			}
			if err := json.Unmarshal(second.body, &told); err != nil {
				t.Fatal(err)
			}
			now := strings.TrimSpace(string(first.body))
			if told.ETag != first.Header.Get("ETag") || second.Header.Get("ETag") != told.ETag || string(told.Current) != now {
				t.Errorf("%s is told %s and ETag %q; it is %s", second.what, second.body, second.Header.Get("ETag"), now)
			}
		}
		m.admin.do(t, "PUT", row, text("three"), "If-Match", first.Header.Get("ETag")).want(t, http.StatusOK)
	}
	m.admin.do(t, "PUT", adminAPI+"players/99", `{"client_name": "x"}`, "If-Match", `"no revision"`).problem(t, http.StatusNotFound)
}

// TestUsed: what is in use stays, says by whom, and goes when it is asked to let go.
func TestUsed(t *testing.T) {
	m := startMaster(t)
	m.admin.do(t, "POST", adminAPI+"players", `{"client_name": "Infuse"}`).want(t, http.StatusCreated)
	m.admin.do(t, "POST", adminAPI+"profiles", `{"name": "kids", "service_type": "emby", "player_ids": [1]}`).want(t, http.StatusCreated)
	uses := m.withRole(t, "viewer").do(t, "GET", adminAPI+"players/1/uses", nil)
	uses.want(t, http.StatusOK)
	if !strings.Contains(string(uses.body), `{"resource":"profiles","id":3,"name":"kids","field":"player_ids","implicit":false,"fixed":false}`) {
		t.Errorf("used by %s", uses.body)
	}
	kept := m.admin.do(t, "DELETE", adminAPI+"players/1", nil).problem(t, http.StatusConflict)
	if !names(kept, adminAPI+"profiles/3") || !strings.Contains(kept.Detail, "detach=true") {
		t.Errorf("the problem does not name the user and the cure: %+v", kept)
	}
	m.admin.do(t, "DELETE", adminAPI+"players/1?detach=true", nil).want(t, http.StatusNoContent)
	if p := m.admin.do(t, "GET", adminAPI+"profiles/3", nil); !strings.Contains(string(p.body), `"player_ids":[]`) {
		t.Errorf("the profile is %s", p.body)
	}
	m.admin.do(t, "DELETE", adminAPI+"profiles/1?detach=true", nil).problem(t, http.StatusConflict)
}

// TestSettingsAPI: what a setting takes is said where it is refused, and in the document.
func TestSettingsAPI(t *testing.T) {
	m := startMaster(t)
	for _, body := range []string{
		`{"name": "hsts", "value": {"max_age": 31536000}}`, `{"name": "http2", "value": false}`, `{"name": "tls", "value": "modern"}`,
		`{"name": "deny_messages", "value": {"ban": {"en": "out"}}}`, `{"name": "fake_counts", "value": {"enabled": true, "value": 8}}`, `{"name": "client_max_body_size", "value": "20m"}`,
		`{"name": "resolver", "value": ["192.0.2.53"]}`,
	} {
		m.admin.do(t, "POST", adminAPI+"settings", body).want(t, http.StatusCreated)
	}
	if p := m.admin.do(t, "POST", adminAPI+"settings", `{"name": "hsts", "value": {"max_age": "long"}}`).problem(t, 422); !names(p, "body.value") {
		t.Errorf("%+v", p)
	}
	if p := m.admin.do(t, "PATCH", adminAPI+"profiles/1", `{"settings": {"tls": "modern"}}`).problem(t, 422); !strings.Contains(p.Detail, "settings") {
		t.Errorf("%+v", p)
	}
	m.admin.do(t, "PATCH", adminAPI+"profiles/1", `{"settings": {"hsts": null, "client_max_body_size": "1g"}}`).want(t, http.StatusOK)
}

// TestFirstStart: a new master has the players that people use; the next start adds none.
func TestFirstStart(t *testing.T) {
	m := startMaster(t, "STARTING_SET=true")
	players := m.admin.do(t, "GET", adminAPI+"players?limit=500", nil).items(t, "client_name")
	if len(players) < 27 {
		t.Errorf("only %q", players)
	}
}
