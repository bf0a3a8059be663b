package app_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestPatchHost: all servers of a host are changed, or none; those of other hosts and service types are not.
func TestPatchHost(t *testing.T) { onBoth(t, testPatchHost) }

func testPatchHost(t *testing.T, m *master) {
	const hosts = "/api/v1/admin/hosts"
	for _, name := range []string{"emby1", "emby2", "elsewhere"} {
		server := newServer(name)
		if name == "elsewhere" {
			server["host"] = "203.0.113.20"
		}
		m.admin.do(t, "POST", servers, server).want(t, http.StatusCreated)
	}
	m.admin.do(t, "POST", "/api/v1/admin/profiles", `{"name": "family", "service_type": "emby"}`).want(t, http.StatusCreated)
	m.admin.do(t, "POST", "/api/v1/admin/profiles", `{"name": "films", "service_type": "jellyfin"}`).want(t, http.StatusCreated)
	family := m.admin.do(t, "GET", "/api/v1/admin/profiles?q=family", nil).items(t, "id")[0]
	films := m.admin.do(t, "GET", "/api/v1/admin/profiles?q=films", nil).items(t, "id")[0]
	wantProfiles := func(want string) {
		t.Helper()
		if got := strings.Join(m.admin.do(t, "GET", servers, nil).items(t, "profile_id"), " "); got != want {
			t.Errorf("the servers have the profiles %s, want %s", got, want)
		}
	}

	const patch = hosts + "/203.0.113.10?service_type=emby"
	m.admin.do(t, "PATCH", patch, `{"profile_id": `+family+`}`).want(t, http.StatusOK)
	wantProfiles(family + " " + family + " <nil>")
	m.admin.do(t, "PATCH", patch, `{"enabled": false}`).want(t, http.StatusOK)
	wantProfiles(family + " " + family + " <nil>") // absent is not null
	if got := strings.Join(m.admin.do(t, "GET", servers, nil).items(t, "enabled"), " "); got != "false false true" {
		t.Errorf("the servers are enabled: %s", got)
	}
	if p := m.admin.do(t, "PATCH", patch, `{"profile_id": `+films+`}`).problem(t, http.StatusUnprocessableEntity); !names(p, "body.profile_id") {
		t.Errorf("a profile for another kind of server gives %+v", p)
	}
	wantProfiles(family + " " + family + " <nil>")
	m.admin.do(t, "PATCH", patch, `{"profile_id": null}`).want(t, http.StatusOK)
	wantProfiles("<nil> <nil> <nil>")
	m.admin.do(t, "PATCH", patch, `{}`).problem(t, http.StatusUnprocessableEntity)
	m.admin.do(t, "PATCH", patch, `{"name": "x"}`).problem(t, http.StatusUnprocessableEntity)
	m.admin.do(t, "PATCH", hosts+"/203.0.113.99?service_type=emby", `{"enabled": true}`).problem(t, http.StatusNotFound)
	m.admin.do(t, "PATCH", hosts+"/203.0.113.10?service_type=jellyfin", `{"enabled": true}`).problem(t, http.StatusNotFound)

	changes := m.admin.do(t, "GET", "/api/v1/admin/audit?resource=servers&action=update", nil).items(t, "resource_id")
	if len(changes) != 6 {
		t.Errorf("the audit log has %d changes of servers, want 6: %v", len(changes), changes)
	}
	if got := m.admin.do(t, "GET", hosts+"?q=ELSEWHERE.example", nil).items(t, "host"); len(got) != 1 || got[0] != "203.0.113.20" {
		t.Errorf("a search for a domain finds %v", got)
	}
}
