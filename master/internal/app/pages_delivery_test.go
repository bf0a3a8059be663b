package app_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/showcase"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// fill makes the showcase's fleet at a master, and returns it with a browser that an admin is signed in with.
func fill(t *testing.T, m *master) (*showcase.Fleet, *browser) {
	t.Helper()
	admin, err := testbed.Login(t.Context(), m.url, "root", adminPassword)
	if err != nil {
		t.Fatal(err)
	}
	fleet, err := showcase.Fill(t.Context(), admin, m.url, showcase.Config{Rows: 20})
	if err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t, m)
	b.signIn("root", adminPassword)
	return fleet, b
}

// TestPagesOfHosts: hosts are found by their servers and by state; a host's servers are enabled one by one and all at once, and
// get a profile.
func TestPagesOfHosts(t *testing.T) {
	m := startMaster(t)
	_, b := fill(t, m)
	b.want(http.StatusOK, "/admin/hosts", nil, "198.51.100.1", "cannot load certificate", "Failed at test")
	found := b.want(http.StatusOK, "/admin/hosts?q=MEDIA7.example", nil, "198.51.100.1")
	if strings.Contains(found, "198.51.100.2") {
		t.Error("a search for a domain finds other hosts, too")
	}
	failed := b.want(http.StatusOK, "/admin/hosts?state=failed", nil, "198.51.100.4")
	if strings.Contains(failed, "198.51.100.1<") {
		t.Error("among the failed hosts are others")
	}
	const path = "/admin/hosts/198.51.100.1/emby"
	b.want(http.StatusOK, path, nil, "media1.example.com", "media7.example.com", "Servers (2)")
	b.want(http.StatusNotFound, "/admin/hosts/198.51.100.1/jellyfin", nil)
	b.want(http.StatusSeeOther, "/admin/servers/1/enabled", url.Values{"enabled": {"false"}, "next": {path}})
	b.want(http.StatusOK, path, nil, "Disabled; it takes effect", "Enable all servers")
	b.want(http.StatusSeeOther, path, url.Values{"enabled": {"true"}})
	if page := b.want(http.StatusOK, path, nil); strings.Contains(page, "Enable all servers") {
		t.Error("not all servers are enabled")
	}
	profile := m.admin.do(t, "POST", "/api/v1/admin/profiles", `{"name": "Whole host", "service_type": "emby"}`).object(t)["id"]
	b.want(http.StatusSeeOther, path, url.Values{"profile_id": {fmt.Sprint(profile)}})
	if page := b.want(http.StatusOK, path, nil); strings.Count(page, "<td>Whole host</td>") != 2 {
		t.Errorf("not both servers have the profile: %s", page)
	}
	b.want(http.StatusSeeOther, path, url.Values{"profile_id": {""}})
	if page := b.want(http.StatusOK, path, nil); strings.Contains(page, "<td>Whole host</td>") {
		t.Error("the servers keep the profile")
	}
}

// TestPagesOfDelivery: a publish with its canary, which is halted; any two publishes compared; a rollback that says first what it
// will do.
func TestPagesOfDelivery(t *testing.T) {
	m := startMaster(t)
	fleet, b := fill(t, m)
	b.want(http.StatusOK, "/admin/snapshots", nil, "first configuration", "at night", `<option value="0">What is configured now`)
	failed := b.want(http.StatusOK, "/admin/snapshots/2", nil, "cannot load certificate", "3 of 6 hosts have applied it")
	if strings.Index(failed, "198.51.100.4") > strings.Index(failed, "198.51.100.1<") {
		t.Error("failures do not come first")
	}
	if only := b.want(http.StatusOK, "/admin/snapshots/2?status=failed", nil, "198.51.100.4"); strings.Contains(only, "198.51.100.1<") {
		t.Error("among the failures is a success")
	}
	b.want(http.StatusOK, "/admin/snapshots/compare?from=1&to=2", nil, "no package lists", "198.51.100.2")
	b.want(http.StatusOK, "/admin/snapshots/compare?from=2", nil, "What is configured now")
	b.want(http.StatusNotFound, "/admin/snapshots/compare?from=99&to=1", nil)

	m.admin.do(t, "PATCH", "/api/v1/admin/players/1", `{"min_version": "99"}`).want(t, http.StatusOK)
	made := m.admin.do(t, "POST", "/api/v1/admin/snapshots", `{"note": "a canary", "canary": {"hosts": ["198.51.100.1"], "soak": "1h"}}`)
	made.want(t, http.StatusCreated)
	page := fmt.Sprintf("/admin/snapshots/%v", made.object(t)["id"])
	b.want(http.StatusOK, page, nil, "Canaries", "0 have applied it, 1 must", "Go on to all hosts now")
	slave := m.anonymous(t)
	slave.auth = "Bearer " + fleet.Tokens[0]
	slave.do(t, "POST", api.PathMediaSlave+"/ack", fmt.Sprintf(`{"snapshot_id": %v, "status": "applied"}`, made.object(t)["id"])).want(t, http.StatusOK)
	waitFor(t, "the canary soaks", func() bool {
		_, text := b.do(page, nil)
		return strings.Contains(text, " left · ") && strings.Contains(text, "1 have applied it, 1 must")
	})
	b.want(http.StatusOK, "/admin/rollouts?state=soaking", nil, "a canary")
	b.want(http.StatusSeeOther, page+"/halt", url.Values{"reason": {"players stutter"}})
	b.want(http.StatusOK, page, nil, "players stutter")
	b.want(http.StatusOK, "/admin/rollouts?state=halted", nil, "players stutter")

	b.want(http.StatusOK, "/admin/snapshots/1/rollback", nil, "Roll back to #1", `class="removed"`)
	if list := m.admin.do(t, "GET", "/api/v1/admin/snapshots", nil).items(t, "id"); list[0] == "1" {
		t.Errorf("asking about a rollback has published: %v", list)
	}
	res, _ := b.do("/admin/snapshots/1/rollback", url.Values{"note": {"back"}})
	if res.StatusCode != http.StatusSeeOther {
		t.Fatalf("the rollback answers %s", res.Status)
	}
	b.want(http.StatusOK, res.Header.Get("Location"), nil, "back", "Going back")
	b.want(http.StatusSeeOther, "/admin/rollouts/1/cancel", url.Values{})
	b.want(http.StatusOK, "/admin/rollouts?state=cancelled", nil, "at night")
}
