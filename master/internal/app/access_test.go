package app_test

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// operation is one of the OpenAPI document.
type operation struct {
	method, path string
	id, tag      string
	role         string          // that it takes, as the document says; "public": none
	example      json.RawMessage // of its body; nil: it has none
	body         bool
}

func (op operation) what() string { return op.method + " " + op.path }

// operations lists all, from the document that the master serves.
func operations(t *testing.T, m *master) []operation {
	t.Helper()
	res := m.anonymous(t).do(t, "GET", "/api/v1/openapi.json", nil)
	res.want(t, http.StatusOK)
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string   `json:"operationId"`
			Tags        []string `json:"tags"`
			Role        string   `json:"x-role"`
			RequestBody *struct {
				Content map[string]struct {
					Example json.RawMessage `json:"example"`
				} `json:"content"`
			} `json:"requestBody"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(res.body, &doc); err != nil {
		t.Fatal(err)
	}
	var all []operation
	for path, methods := range doc.Paths {
		for method, op := range methods {
			o := operation{
				method: strings.ToUpper(method), path: strings.NewReplacer("{host}", "203.0.113.10", "{id}", "1", "{tid}", "1", "{other}", "1").Replace(path),
				id: op.OperationID, tag: strings.Join(op.Tags, " "), role: op.Role, body: op.RequestBody != nil,
			}
			if o.body {
				o.example = op.RequestBody.Content["application/json"].Example
			}
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b operation) int {
		return cmp.Or(strings.Compare(a.path, b.path), strings.Compare(a.method, b.method))
	})
	if len(all) < 50 {
		t.Fatalf("the document lists only %d operations", len(all))
	}
	return all
}

// isPublic reports whether anybody may ask for the operation.
func (op operation) isPublic() bool {
	return slices.Contains([]string{"POST " + admin + "/auth/login", "POST " + admin + "/auth/logout"}, op.what())
}

// wantedRole is the role that an operation must take: viewers read, operators write, and admins alone manage
// accounts and erase users. Everybody may do what concerns themselves.
func (op operation) wantedRole() string {
	name := strings.TrimPrefix(op.path, admin+"/")
	resource, _, _ := strings.Cut(name, "/")
	switch {
	case op.isPublic():
		return "public"
	case slices.Contains([]string{"users", "api-keys", "audit"}, resource), op.what() == "POST "+admin+"/privacy/erasures":
		return "admin"
	case op.method == "GET", slices.Contains([]string{"auth/password", "auth/end-sessions"}, name):
		return "viewer"
	}
	return "operator"
}

// TestAccessMatrix goes through every operation there is: nobody comes in without a login or with a key that
// does not hold, nobody does what their role does not include, and no other site's page writes.
func TestAccessMatrix(t *testing.T) { onBoth(t, testAccessMatrix) }

func testAccessMatrix(t *testing.T, m *master) {
	nobody, viewer, operator := m.anonymous(t), m.withRole(t, "viewer"), m.withRole(t, "operator")
	unknown, expired, disabled := m.anonymous(t), m.withKey(t, `{"name": "old", "role": "admin"}`), m.withKey(t, `{"name": "off", "role": "admin"}`)
	unknown.auth = "Bearer uha_UNKNOWN"
	m.admin.do(t, "PATCH", keysPath+"/3", `{"expires_at": "2020-01-01T00:00:00Z"}`).want(t, http.StatusOK)
	m.admin.do(t, "PATCH", keysPath+"/4", `{"enabled": false}`).want(t, http.StatusOK)
	for _, op := range operations(t, m) {
		role := op.wantedRole()
		if op.role != role {
			t.Errorf("%s takes the role %q, want %q", op.what(), op.role, role)
		}
		if role == "public" {
			continue
		}
		t.Run(op.what(), func(t *testing.T) {
			var body any
			if op.body {
				body = "{}"
			}
			for _, c := range []*client{nobody, unknown, expired, disabled} {
				if res := c.do(t, op.method, op.path, body); res.problem(t, http.StatusUnauthorized).Detail == "" || res.Header.Get("WWW-Authenticate") == "" {
					t.Errorf("401 without WWW-Authenticate: %s", res.body)
				}
			}
			if op.method != "GET" {
				foreign := m.admin.do(t, op.method, op.path, body, "Sec-Fetch-Site", "cross-site")
				if p := foreign.problem(t, http.StatusForbidden); !strings.Contains(p.Detail, "another origin") {
					t.Errorf("a write from another site's page gives %+v", p)
				}
			}
			if op.tag == "auth" && op.method == "POST" {
				return // keys, which have no password and no sessions, are refused
			}
			for has, c := range map[string]*client{"viewer": viewer, "operator": operator} {
				refused := role == "admin" || role == "operator" && has == "viewer"
				if got := c.do(t, op.method, op.path, body); refused {
					got.problem(t, http.StatusForbidden)
				} else if got.StatusCode == http.StatusForbidden || got.StatusCode == http.StatusUnauthorized {
					t.Errorf("the %s is refused: %s", has, got.body)
				}
			}
		})
	}
}

// TestScopeMatrix: a key with a scope does nothing that is not of its resource, and with :read it only reads.
func TestScopeMatrix(t *testing.T) {
	m := startMaster(t)
	all := operations(t, m)
	readers := map[string]*client{}
	for _, op := range all {
		if readers[op.tag] == nil {
			readers[op.tag] = m.withKey(t, `{"name": "`+op.tag+`", "role": "admin", "scopes": ["`+op.tag+`:read"]}`)
		}
	}
	for _, op := range all {
		if op.isPublic() {
			continue
		}
		var body any
		if op.body {
			body = "{}"
		}
		other := readers["players"]
		if op.tag == "players" {
			other = readers["servers"]
		}
		if p := other.do(t, op.method, op.path, body).problem(t, http.StatusForbidden); !strings.Contains(p.Detail, "this takes "+op.tag) {
			t.Errorf("%s: a key of another scope gets %+v", op.what(), p)
		}
		got := readers[op.tag].do(t, op.method, op.path, body)
		if refused := got.StatusCode == http.StatusForbidden; refused != (op.method != "GET") {
			t.Errorf("%s: a key that may only read gets %d: %s", op.what(), got.StatusCode, got.body)
		}
	}
}

func TestRawTextIsForAdmins(t *testing.T) {
	m := startMaster(t)
	operator := m.withRole(t, "operator")
	raw := newServer("emby1")
	raw["custom_nginx"] = "client_max_body_size 10m;"
	if p := operator.do(t, "POST", servers, raw).problem(t, http.StatusForbidden); !strings.Contains(p.Detail, "custom_nginx") {
		t.Errorf("the problem does not name the field: %+v", p)
	}
	m.admin.do(t, "POST", servers, raw).want(t, http.StatusCreated)
	raw["note"] = "the raw text as it was"
	operator.do(t, "PUT", servers+"/1", raw).want(t, http.StatusOK)
	operator.do(t, "PUT", servers+"/1", newServer("emby1")).problem(t, http.StatusForbidden)
	operator.do(t, "PATCH", servers+"/1", `{"custom_nginx": ""}`).problem(t, http.StatusForbidden)
	operator.do(t, "PATCH", "/api/v1/admin/profiles/1", `{"custom_lua": "os.exit()"}`).problem(t, http.StatusForbidden)
	m.admin.do(t, "PATCH", "/api/v1/admin/profiles/1", `{"custom_lua": "ngx.say(1)"}`).want(t, http.StatusOK)
}

func TestSession(t *testing.T) { onBoth(t, testSession) }

func testSession(t *testing.T, m *master) {
	const me = "/api/v1/admin/auth/me"
	if got := m.admin.do(t, "GET", me, nil).object(t); got["name"] != "root" || got["role"] != "admin" {
		t.Errorf("me is %v", got)
	}
	login := m.anonymous(t).do(t, "POST", "/api/v1/admin/auth/login", map[string]string{"username": "root", "password": adminPassword})
	cookies := login.Cookies()
	if len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteLaxMode || cookies[0].Secure {
		t.Fatalf("the login sets %v", cookies)
	}

	// Another site's page cannot write with the browser's cookie; the own page and other programs can.
	own := strings.Replace(m.url, "http://", "", 1)
	for _, c := range []struct {
		headers []string
		status  int
	}{
		{[]string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		{[]string{"Origin", "https://evil.example"}, http.StatusForbidden},
		{[]string{"Sec-Fetch-Site", "same-origin", "Origin", "http://" + own}, http.StatusCreated},
	} {
		res := m.admin.do(t, "POST", servers, newServer("s"+c.headers[0]), c.headers...)
		if c.status == http.StatusForbidden {
			res.problem(t, c.status)
		} else {
			res.want(t, c.status)
		}
	}

	// A new password ends the sessions of the old one; logging out ends a session at once.
	m.admin.do(t, "POST", "/api/v1/admin/users", map[string]any{"username": "ann", "password": "first password", "role": "viewer"}).want(t, http.StatusCreated)
	ann := m.login(t, "ann", "first password")
	ann.do(t, "GET", me, nil).want(t, http.StatusOK)
	m.admin.do(t, "PATCH", "/api/v1/admin/users/2", `{"password": "second password"}`).want(t, http.StatusOK)
	ann.do(t, "GET", me, nil).problem(t, http.StatusUnauthorized)
	ann = m.login(t, "ann", "second password")
	m.admin.do(t, "PATCH", "/api/v1/admin/users/2", `{"enabled": false}`).want(t, http.StatusOK)
	ann.do(t, "GET", me, nil).problem(t, http.StatusUnauthorized)
	ann.do(t, "POST", "/api/v1/admin/auth/login", map[string]string{"username": "ann", "password": "second password"}).problem(t, http.StatusUnauthorized)
	stolen := cookies[0]
	thief := m.anonymous(t)
	thief.do(t, "GET", me, nil, "Cookie", stolen.Name+"="+stolen.Value).want(t, http.StatusOK)
	thief.do(t, "POST", "/api/v1/admin/auth/logout", nil, "Cookie", stolen.Name+"="+stolen.Value).want(t, http.StatusNoContent)
	thief.do(t, "GET", me, nil, "Cookie", stolen.Name+"="+stolen.Value).problem(t, http.StatusUnauthorized)
}

func TestSecureCookieBehindTLS(t *testing.T) {
	m := startMaster(t, "PUBLIC_URL=https://master.example.com")
	login := m.anonymous(t).do(t, "POST", "/api/v1/admin/auth/login", map[string]string{"username": "root", "password": adminPassword},
		"Sec-Fetch-Site", "cross-site", "Origin", "https://master.example.com") // a proxy changed the Host
	login.want(t, http.StatusOK)
	if cookies := login.Cookies(); len(cookies) != 1 || !cookies[0].Secure {
		t.Errorf("the login sets %v", cookies)
	}
}

func TestLoginFailures(t *testing.T) {
	m := startMaster(t)
	const login = "/api/v1/admin/auth/login"
	c := m.anonymous(t)
	secret := "this is no JSON string"
	if res := c.do(t, "POST", login, `{"username": "root", "pass": "`+secret+`"}`); res.StatusCode != 422 || strings.Contains(string(res.body), secret) {
		t.Errorf("%d repeats what was sent: %s", res.StatusCode, res.body)
	}
	if res := c.do(t, "POST", login, `{"username": "root", "password": "`+secret); res.StatusCode != 400 || strings.Contains(string(res.body), secret) {
		t.Errorf("%d repeats what was sent: %s", res.StatusCode, res.body)
	}
	unknown := c.do(t, "POST", login, map[string]string{"username": "nobody", "password": "wrong password"}).problem(t, http.StatusUnauthorized)
	for range 4 {
		wrong := c.do(t, "POST", login, map[string]string{"username": "root", "password": "wrong password"}).problem(t, http.StatusUnauthorized)
		if wrong.Detail != unknown.Detail {
			t.Errorf("a wrong password says %q, an unknown user %q", wrong.Detail, unknown.Detail)
		}
	}
	c.do(t, "POST", login, map[string]string{"username": "root", "password": adminPassword}).want(t, http.StatusOK)
	for range 5 {
		c.do(t, "POST", login, map[string]string{"username": "root", "password": "wrong password"}).problem(t, http.StatusUnauthorized)
	}
	throttled := c.do(t, "POST", login, map[string]string{"username": "root", "password": adminPassword})
	throttled.problem(t, http.StatusTooManyRequests)
	if throttled.Header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
}

func TestAccounts(t *testing.T) { onBoth(t, testAccounts) }

func testAccounts(t *testing.T, m *master) {
	const users, keys = "/api/v1/admin/users", "/api/v1/admin/api-keys"
	if p := m.admin.do(t, "POST", users, map[string]any{"username": "ann"}).problem(t, 422); !names(p, "body.password") {
		t.Errorf("a user without a password gives %+v", p)
	}
	if p := m.admin.do(t, "POST", users, map[string]any{"username": "ann", "password": "short"}).problem(t, 422); !names(p, "body.password") {
		t.Errorf("a short password gives %+v", p)
	}
	if p := m.admin.do(t, "POST", users, map[string]any{"username": "ann", "password": "long enough", "role": "boss"}).problem(t, 422); !names(p, "body.role") {
		t.Errorf("an unknown role gives %+v", p)
	}
	m.admin.do(t, "POST", users, map[string]any{"username": "ann", "password": "long enough"}).want(t, http.StatusCreated)
	m.admin.do(t, "PUT", users+"/2", map[string]any{"username": "ann", "role": "operator"}).want(t, http.StatusOK)
	m.login(t, "ann", "long enough") // PUT without a password keeps it
	m.admin.do(t, "DELETE", users+"/1", nil).problem(t, http.StatusConflict)
	m.admin.do(t, "PATCH", users+"/1", `{"role": "viewer"}`).problem(t, http.StatusConflict)
	if list := m.admin.do(t, "GET", users, nil); strings.Contains(string(list.body), "argon2") {
		t.Errorf("the list shows hashes: %s", list.body)
	}

	viewer := m.withRole(t, "viewer")
	viewer.do(t, "GET", "/api/v1/admin/auth/me", nil).want(t, http.StatusOK)
	key := m.admin.do(t, "GET", keys, nil)
	if strings.Contains(string(key.body), viewer.auth[len("Bearer "):]) || !strings.Contains(string(key.body), `"prefix":"uha_`) {
		t.Errorf("the list is %s", key.body)
	}
	patched := m.admin.do(t, "PATCH", keys+"/1", `{"enabled": false, "prefix": "uha_x"}`)
	patched.want(t, http.StatusOK)
	if strings.Contains(string(patched.body), "uha_x") {
		t.Errorf("the prefix can be written: %s", patched.body)
	}
	viewer.do(t, "GET", "/api/v1/admin/auth/me", nil).problem(t, http.StatusUnauthorized)
}

func TestLimits(t *testing.T) { onBoth(t, testLimits) }

func testLimits(t *testing.T, m *master) {
	for path, bad := range map[string]string{
		"rate-limit-rules": `{"apply_to": "nobody"}`,
		"stream-rules":     `{"apply_to": "user", "max_streams": -1}`,
		"enforcements":     `{"dimension": "ip", "dimension_value": "192.0.2.1", "effective_until": "soon"}`,
	} {
		m.admin.do(t, "POST", "/api/v1/admin/"+path, bad).problem(t, 422)
	}
	m.admin.do(t, "POST", "/api/v1/admin/rate-limit-rules", `{"apply_to": "ip", "rate_per_second": 10}`).want(t, http.StatusCreated)
	m.admin.do(t, "POST", "/api/v1/admin/stream-rules", `{"apply_to": "user", "max_streams": 2}`).want(t, http.StatusCreated)
	made := m.admin.do(t, "POST", "/api/v1/admin/enforcements", `{"dimension": "ip", "dimension_value": "192.0.2.1", "action": "reject"}`)
	made.want(t, http.StatusCreated)
	if got := made.object(t); got["effective_until"] != nil || got["enabled"] != true || got["id"] != 1.0 {
		t.Errorf("made %s", made.body)
	}
}
