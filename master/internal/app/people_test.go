package app_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestAudit: every write is on someone's account, with before and after, and no secret in it.
func TestAudit(t *testing.T) { onBoth(t, testAudit) }

func testAudit(t *testing.T, m *master) {
	const audit = "/api/v1/admin/audit"
	m.anonymous(t).do(t, "POST", "/api/v1/admin/auth/login", `{"username": "root", "password": "guessed it"}`).problem(t, 401)
	m.slaveOf(t, "emby1")
	m.admin.do(t, "PATCH", servers+"/1", `{"note": "moved"}`).want(t, http.StatusOK)
	m.admin.do(t, "PATCH", servers+"/1", `{"listen_http": -1}`).problem(t, 422) // nothing happened
	m.admin.do(t, "DELETE", servers+"/1/tokens/1", nil).want(t, http.StatusNoContent)
	m.admin.do(t, "POST", "/api/v1/admin/snapshots", `{}`).want(t, http.StatusCreated)
	program := m.withRole(t, "operator")
	program.do(t, "DELETE", servers+"/1", nil).want(t, http.StatusNoContent)
	m.admin.do(t, "POST", "/api/v1/admin/users", `{"username": "ann", "password": "a secret of hers", "role": "viewer"}`).want(t, http.StatusCreated)
	m.admin.do(t, "PATCH", "/api/v1/admin/users/2", `{"password": "another secret"}`).want(t, http.StatusOK)

	res := m.admin.do(t, "GET", audit, nil)
	want := []string{"update", "create", "delete", "create", "publish", "revoke", "update", "create", "create", "login-failed", "login", "create"}
	if got := res.items(t, "action"); !slices.Equal(got, want) {
		t.Errorf("actions are %v, want %v", got, want)
	}
	if got := res.items(t, "resource"); !slices.Equal(got, []string{"users", "users", "servers", "api-keys", "snapshots", "tokens", "servers", "tokens", "servers", "auth", "auth", "users"}) {
		t.Errorf("resources are %v", got)
	}
	if got := res.items(t, "actor"); got[2] != t.Name()+" operator" || got[0] != "root" || got[11] != "master" {
		t.Errorf("actors are %v", got)
	}
	if got := res.items(t, "address"); got[0] != "127.0.0.1" {
		t.Errorf("addresses are %v", got)
	}
	if got := res.items(t, "hidden"); got[0] != "[password]" {
		t.Errorf("hidden are %v", got)
	}
	for _, secret := range []string{"secret", "argon2", "guessed", "uhd_session", adminPassword} {
		if strings.Contains(string(res.body), secret) {
			t.Errorf("the audit log holds %q: %s", secret, res.body)
		}
	}
	moved := m.admin.do(t, "GET", audit+"?resource=servers&resource_id=1&action=update&q=moved", nil)
	if got := moved.items(t, "before"); len(got) != 1 || strings.Contains(got[0], "moved") || !strings.Contains(moved.items(t, "after")[0], "note:moved") {
		t.Errorf("%s", moved.body)
	}
	program.do(t, "GET", audit, nil).problem(t, http.StatusForbidden)
}

// TestKeyScopes narrow what a key's role lets it do.
func TestKeyScopes(t *testing.T) {
	m := startMaster(t)
	const keys = "/api/v1/admin/api-keys"
	key := func(name, scopes string) *client {
		res := m.admin.do(t, "POST", keys, `{"name": "`+name+`", "role": "operator", "scopes": [`+scopes+`]}`)
		res.want(t, http.StatusCreated)
		c := m.anonymous(t)
		c.auth = "Bearer " + res.object(t)["key"].(string)
		return c
	}
	servers, players := "/api/v1/admin/servers", "/api/v1/admin/players"
	narrow := key("narrow", `"servers:read", "players"`)
	narrow.do(t, "GET", servers, nil).want(t, http.StatusOK)
	narrow.do(t, "POST", servers, newServer("a")).problem(t, http.StatusForbidden)
	narrow.do(t, "POST", players, `{"client_name": "Infuse", "service_type": "all"}`).want(t, http.StatusCreated)
	narrow.do(t, "GET", players, nil).want(t, http.StatusOK)
	if p := narrow.do(t, "GET", "/api/v1/admin/hosts", nil).problem(t, http.StatusForbidden); !strings.Contains(p.Detail, "hosts:read") {
		t.Errorf("%+v", p)
	}
	reader := key("reader", `"*:read"`)
	reader.do(t, "GET", "/api/v1/admin/hosts", nil).want(t, http.StatusOK)
	reader.do(t, "POST", servers, newServer("a")).problem(t, http.StatusForbidden)
	reader.do(t, "GET", keys, nil).problem(t, http.StatusForbidden) // its role is not enough
	key("all", ``).do(t, "POST", servers, newServer("a")).want(t, http.StatusCreated)
	if p := m.admin.do(t, "POST", keys, `{"name": "typo", "scopes": ["server"]}`).problem(t, 422); !names(p, "body.scopes") {
		t.Errorf("%+v", p)
	}
	m.admin.do(t, "PATCH", keys+"/1", `{"scopes": ["hosts"]}`).want(t, http.StatusOK)
	narrow.do(t, "GET", servers, nil).problem(t, http.StatusForbidden)
}

// TestOwnPassword: who changes it stays logged in here, and nowhere else.
func TestOwnPassword(t *testing.T) {
	m := startMaster(t)
	const me, password = "/api/v1/admin/auth/me", "/api/v1/admin/auth/password"
	elsewhere := m.login(t, "root", adminPassword)
	m.admin.do(t, "POST", password, `{"current": "wrong one", "password": "a longer one"}`).problem(t, 401)
	if p := m.admin.do(t, "POST", password, `{"current": "`+adminPassword+`", "password": "short"}`).problem(t, 422); !names(p, "body.password") {
		t.Errorf("%+v", p)
	}
	m.admin.do(t, "POST", password, `{"current": "`+adminPassword+`", "password": "a longer one"}`).want(t, http.StatusNoContent)
	m.admin.do(t, "GET", me, nil).want(t, http.StatusOK)
	elsewhere.do(t, "GET", me, nil).problem(t, 401)
	m.anonymous(t).do(t, "POST", "/api/v1/admin/auth/login", `{"username": "root", "password": "`+adminPassword+`"}`).problem(t, 401)
	m.login(t, "root", "a longer one")
	m.withRole(t, "admin").do(t, "POST", password, `{"current": "a longer one", "password": "another one"}`).problem(t, http.StatusForbidden)
}

// TestSessionsCanBeEnded, one's own and, by an admin, another's.
func TestSessionsCanBeEnded(t *testing.T) {
	m := startMaster(t)
	const me = "/api/v1/admin/auth/me"
	m.admin.do(t, "POST", "/api/v1/admin/users", `{"username": "ann", "password": "hers alone", "role": "operator"}`).want(t, http.StatusCreated)
	here, there := m.login(t, "ann", "hers alone"), m.login(t, "ann", "hers alone")
	here.do(t, "POST", "/api/v1/admin/users/1/end-sessions", nil).problem(t, http.StatusForbidden)
	m.admin.do(t, "POST", "/api/v1/admin/users/2/end-sessions", nil).want(t, http.StatusNoContent)
	here.do(t, "GET", me, nil).problem(t, 401)
	there.do(t, "GET", me, nil).problem(t, 401)
	m.admin.do(t, "GET", me, nil).want(t, http.StatusOK)
	here, there = m.login(t, "ann", "hers alone"), m.login(t, "ann", "hers alone")
	here.do(t, "POST", "/api/v1/admin/auth/end-sessions", nil).want(t, http.StatusNoContent)
	there.do(t, "GET", me, nil).problem(t, 401)
	m.admin.do(t, "POST", "/api/v1/admin/users/9/end-sessions", nil).problem(t, http.StatusNotFound)
}
