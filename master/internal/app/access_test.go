package app_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// operation is one of the OpenAPI document.
type operation struct {
	method, path string
	body         bool
}

// operations lists all, from the document that the master serves.
func operations(t *testing.T, m *master) []operation {
	t.Helper()
	res := m.anonymous(t).do(t, "GET", "/api/v1/openapi.json", nil)
	res.want(t, http.StatusOK)
	var doc struct {
		Paths map[string]map[string]struct {
			RequestBody json.RawMessage `json:"requestBody"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(res.body, &doc); err != nil {
		t.Fatal(err)
	}
	var all []operation
	for path, methods := range doc.Paths {
		for method, op := range methods {
			path := strings.NewReplacer("{id}", "1", "{tid}", "1").Replace(path)
			all = append(all, operation{strings.ToUpper(method), path, op.RequestBody != nil})
		}
	}
	slices.SortFunc(all, func(a, b operation) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	if len(all) < 50 {
		t.Fatalf("the document lists only %d operations", len(all))
	}
	return all
}

// TestAccessMatrix goes through every operation there is: nobody comes in without a login, viewers write
// nothing, operators do not manage accounts nor erase users.
func TestAccessMatrix(t *testing.T) { onBoth(t, testAccessMatrix) }

func testAccessMatrix(t *testing.T, m *master) {
	const auth = "/api/v1/admin/auth/"
	public := []string{"POST " + auth + "login", "POST " + auth + "logout"}
	own := []string{"POST " + auth + "password", "POST " + auth + "end-sessions"} // any user's, about themselves
	nobody, viewer, operator := m.anonymous(t), m.withRole(t, "viewer"), m.withRole(t, "operator")
	unknown := m.anonymous(t)
	unknown.auth = "Bearer uha_UNKNOWN"
	for _, op := range operations(t, m) {
		what := op.method + " " + op.path
		if slices.Contains(public, what) {
			continue
		}
		t.Run(what, func(t *testing.T) {
			var body any
			if op.body {
				body = "{}"
			}
			res := nobody.do(t, op.method, op.path, body)
			res.problem(t, http.StatusUnauthorized)
			if res.Header.Get("WWW-Authenticate") == "" {
				t.Error("401 without WWW-Authenticate")
			}
			unknown.do(t, op.method, op.path, body).problem(t, http.StatusUnauthorized)
			if slices.Contains(own, what) {
				return
			}
			accounts := strings.Contains(op.path, "/users") || strings.Contains(op.path, "/api-keys") || strings.HasSuffix(op.path, "/audit")
			if op.method != "GET" || accounts {
				viewer.do(t, op.method, op.path, body).problem(t, http.StatusForbidden)
			} else if got := viewer.do(t, op.method, op.path, nil); got.StatusCode == http.StatusForbidden {
				t.Errorf("a viewer may not read: %s", got.body)
			}
			got := operator.do(t, op.method, op.path, body)
			erases := op.method == "POST" && strings.HasSuffix(op.path, "/privacy/erasures")
			if (accounts || erases) != (got.StatusCode == http.StatusForbidden) {
				t.Errorf("an operator gets %d: %s", got.StatusCode, got.body)
			}
		})
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
