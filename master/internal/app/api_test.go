package app_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
)

const servers = "/api/v1/admin/servers"

func TestServerLife(t *testing.T) { onBoth(t, testServerLife) }

func testServerLife(t *testing.T, m *master) {
	made := m.admin.do(t, "POST", servers, newServer("emby1"))
	made.want(t, http.StatusCreated)
	server := made.object(t)
	for field, want := range map[string]any{
		"listen_http": 80.0, "listen_https": 443.0, "lua_root": "/opt/slave/lua", "enabled": true,
		"upstream": "203.0.113.10:8096", "profile_id": nil, "revision": 1.0,
	} {
		if server[field] != want {
			t.Errorf("a new server's %s is %v, want %v", field, server[field], want)
		}
	}
	one := made.Header.Get("Location")
	if one != servers+"/1" || made.Header.Get("ETag") != `"1"` {
		t.Errorf("Location %q, ETag %q", one, made.Header.Get("ETag"))
	}

	// What was read can be sent back, changed.
	server["upstream"] = []map[string]any{{"address": "203.0.113.10:8096"}, {"address": "203.0.113.11:8096", "weight": 3}}
	server["note"] = "two targets"
	m.admin.do(t, "PUT", one, server, "If-Match", `"1"`).want(t, http.StatusOK)
	m.admin.do(t, "PUT", one, server, "If-Match", `"1"`).problem(t, http.StatusPreconditionFailed)
	m.admin.do(t, "DELETE", one, nil, "If-Match", `"1"`).problem(t, http.StatusPreconditionFailed)

	// PATCH keeps what it does not name, PUT does not.
	patched := m.admin.do(t, "PATCH", one, `{"enabled": false}`)
	patched.want(t, http.StatusOK)
	if got := patched.object(t); got["note"] != "two targets" || got["enabled"] != false || got["created_at"] != server["created_at"] {
		t.Errorf("patched to %s", patched.body)
	}
	replaced := m.admin.do(t, "PUT", one, newServer("emby1"))
	replaced.want(t, http.StatusOK)
	if got := replaced.object(t); got["note"] != "" || got["enabled"] != true || got["id"] != 1.0 {
		t.Errorf("replaced by %s", replaced.body)
	}

	m.admin.do(t, "POST", servers, newServer("emby1")).problem(t, http.StatusConflict)
	m.admin.do(t, "POST", servers, newServer("emby2")).want(t, http.StatusCreated)
	if got := m.admin.do(t, "GET", servers+"?q=MBY2", nil).items(t, "name"); !slices.Equal(got, []string{"emby2"}) {
		t.Errorf("q=MBY2 finds %v", got)
	}
	if got := m.admin.do(t, "GET", servers+"?host=198.51.100.1", nil).items(t, "name"); len(got) != 0 {
		t.Errorf("another host has %v", got)
	}
	if p := m.admin.do(t, "GET", servers+"?hots=198.51.100.1", nil).problem(t, 422); !names(p, "query.hots") {
		t.Errorf("a misspelt filter gives %+v", p)
	}
	m.admin.do(t, "DELETE", one, nil).want(t, http.StatusNoContent)
	m.admin.do(t, "GET", one, nil).problem(t, http.StatusNotFound)
	m.admin.do(t, "GET", servers+"/nonsense", nil).problem(t, 422)
}

func TestListPages(t *testing.T) { onBoth(t, testListPages) }

func testListPages(t *testing.T, m *master) {
	for _, name := range []string{"a", "b", "c"} {
		m.admin.do(t, "POST", servers, newServer(name)).want(t, http.StatusCreated)
	}
	first := m.admin.do(t, "GET", servers+"?limit=2", nil)
	next := first.object(t)["next_cursor"].(string)
	second := m.admin.do(t, "GET", servers+"?limit=2&cursor="+next, nil)
	got := append(first.items(t, "name"), second.items(t, "name")...)
	if !slices.Equal(got, []string{"a", "b", "c"}) || second.object(t)["next_cursor"] != "" {
		t.Errorf("pages hold %v; the last: %s", got, second.body)
	}
	m.admin.do(t, "GET", servers+"?cursor=x", nil).problem(t, 422)
}

// TestBadBodies: the error names the field and nothing is stored.
func TestBadBodies(t *testing.T) {
	m := startMaster(t)
	with := func(field string, value any) map[string]any {
		s := newServer("emby1")
		s[field] = value
		return s
	}
	cases := map[string]struct {
		body  any
		field string
	}{
		"unknown field":      {with("hosst", "x"), "hosst"},
		"number for string":  {with("name", 5), "name"},
		"string for number":  {with("listen_http", "80"), "listen_http"},
		"fraction":           {with("listen_http", 80.5), "listen_http"},
		"port out of range":  {with("listen_http", 70000), "listen_http"},
		"no such service":    {with("service_type", "plex"), "service_type"},
		"no such profile":    {with("profile_id", 99), "profile_id"},
		"upstream of a kind": {with("upstream", 5), "upstream"},
		"unknown in target":  {with("upstream", []any{map[string]any{"address": "a:1", "wight": 1}}), "upstream"},
		"name missing":       {with("name", ""), "name"},
	}
	for _, nasty := range []string{"a;b", "a{b", "a}b", "a\nb", "a\"b", "a'b", "a$b", "a b", "a\\b", "a#b", "a\x00b"} {
		for _, field := range []string{"host", "server_name", "lua_root", "ssl_cert_path"} {
			value := nasty
			if field == "lua_root" || field == "ssl_cert_path" {
				value = "/" + nasty
			}
			cases[field+" "+nasty] = struct {
				body  any
				field string
			}{with(field, value), field}
		}
		if !strings.ContainsAny(nasty, " #") { // which a label may have
			cases["name "+nasty] = struct {
				body  any
				field string
			}{with("name", nasty), "name"}
		}
		cases["upstream "+nasty] = struct {
			body  any
			field string
		}{with("upstream", nasty+":8096"), "upstream"}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := m.admin.do(t, "POST", servers, c.body).problem(t, 422)
			for _, e := range p.Errors {
				if strings.HasPrefix(e.Location, "body."+c.field) && e.Message != "" {
					return
				}
			}
			t.Errorf("the problem does not name body.%s: %+v", c.field, p)
		})
	}
	p := m.admin.do(t, "POST", servers, "{\n  \"name\": \"x\",,\n}").problem(t, http.StatusBadRequest)
	if len(p.Errors) != 1 || !strings.Contains(p.Errors[0].Message, "line 2, column 15") {
		t.Errorf("bad JSON gives %+v, want its line and column", p)
	}
	m.admin.do(t, "POST", servers, "").problem(t, http.StatusBadRequest)
	m.admin.do(t, "POST", servers, "[]").problem(t, 422)
	m.admin.do(t, "POST", servers, "a=b", "Content-Type", "application/x-www-form-urlencoded").problem(t, http.StatusUnsupportedMediaType)
	if got := m.admin.do(t, "GET", servers, nil).items(t, "name"); len(got) != 0 {
		t.Errorf("stored %v", got)
	}
}

// TestHugeBodyIsNotRead speaks raw HTTP: http.Client may give up on a write error before it has read the
// answer.
func TestHugeBodyIsNotRead(t *testing.T) {
	m := startMaster(t)
	operator := m.withRole(t, "operator")
	conn, err := net.Dial("tcp", strings.TrimPrefix(m.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	const size = 100 << 20
	sent := make(chan int, 1)
	go func() {
		n, _ := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: master\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
			servers, operator.auth, size)
		block := bytes.Repeat([]byte(" "), 64<<10)
		for n < size {
			written, err := conn.Write(block)
			n += written
			if err != nil {
				break
			}
		}
		sent <- n
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	response{res, body, "POST " + servers}.problem(t, http.StatusRequestEntityTooLarge)
	if n := <-sent; n > 20<<20 { // kernel buffers take some
		t.Errorf("the master took %d MiB of a body of 100 MiB", n>>20)
	}
}

func TestProfiles(t *testing.T) { onBoth(t, testProfiles) }

func testProfiles(t *testing.T, m *master) {
	const profiles = "/api/v1/admin/profiles"
	if got := m.admin.do(t, "GET", profiles+"?is_default=true", nil).items(t, "service_type"); !slices.Equal(got, []string{"emby", "jellyfin"}) {
		t.Fatalf("default profiles are for %v", got)
	}
	m.admin.do(t, "DELETE", profiles+"/1", nil).problem(t, http.StatusConflict)
	m.admin.do(t, "POST", "/api/v1/admin/players", map[string]any{"client_name": "Infuse"}).want(t, http.StatusCreated)
	m.admin.do(t, "POST", "/api/v1/admin/players", map[string]any{"client_name": "Off", "enabled": false}).want(t, http.StatusCreated)
	m.admin.do(t, "POST", "/api/v1/admin/uri-rules", map[string]any{
		"name": "images", "action": "skip", "match_type": "regex", "pattern": `/Images/\w+$`,
	}).want(t, http.StatusCreated)
	clone := m.admin.do(t, "POST", profiles+"/1/clone", map[string]any{"name": "kids"})
	clone.want(t, http.StatusCreated)
	got := clone.object(t)
	players, _ := json.Marshal(got["player_ids"])
	rules, _ := json.Marshal(got["uri_rule_ids"])
	if got["is_default"] != false || string(players) != "[1]" || string(rules) != "[1]" {
		t.Errorf("the copy of the default is %s", clone.body)
	}
	patched := m.admin.do(t, "PATCH", profiles+"/3", `{"is_default": true, "concurrent_streams": {"max_streams": 2}}`)
	patched.want(t, http.StatusOK)
	if got := patched.object(t); got["is_default"] != false || got["concurrent_streams"].(map[string]any)["action_on_exceed"] != "reject" {
		t.Errorf("patched to %s", patched.body)
	}
	m.admin.do(t, "DELETE", "/api/v1/admin/players/1", nil).problem(t, http.StatusConflict)
	if p := m.admin.do(t, "POST", "/api/v1/admin/uri-rules", map[string]any{
		"name": "broken", "action": "block", "match_type": "regex", "pattern": `(`,
	}).problem(t, 422); !names(p, "body.pattern") {
		t.Errorf("a broken pattern gives %+v", p)
	}
}

func TestTokens(t *testing.T) {
	m := startMaster(t)
	m.admin.do(t, "POST", servers, newServer("emby1")).want(t, http.StatusCreated)
	const tokens = servers + "/1/tokens"
	made := m.admin.do(t, "POST", tokens, map[string]any{"name": "slave"})
	made.want(t, http.StatusCreated)
	token := made.object(t)
	text := token["token"].(string)
	if !strings.HasPrefix(text, "uhd_") || token["scopes"].([]any)[0] != "media_slave:1" || !strings.HasPrefix(text, token["prefix"].(string)) {
		t.Errorf("made %s", made.body)
	}
	if list := m.admin.do(t, "GET", tokens, nil); strings.Contains(string(list.body), text) || strings.Contains(string(list.body), "hash") {
		t.Errorf("the list shows the secret: %s", list.body)
	}
	rotated := m.admin.do(t, "POST", tokens+"/1/rotate", map[string]any{"overlap_seconds": 60})
	rotated.want(t, http.StatusCreated)
	if next := rotated.object(t); next["token"] == text || next["id"] != 2.0 || next["name"] != "slave" {
		t.Errorf("rotated to %s", rotated.body)
	}
	m.admin.do(t, "POST", tokens+"/2/rotate", nil).want(t, http.StatusCreated)
	m.admin.do(t, "DELETE", tokens+"/2", nil).want(t, http.StatusNoContent)
	m.admin.do(t, "POST", tokens+"/2/rotate", nil).problem(t, http.StatusConflict)
	m.admin.do(t, "DELETE", servers+"/2/tokens/1", nil).problem(t, http.StatusNotFound)
	m.admin.do(t, "POST", servers+"/9/tokens", map[string]any{"name": "x"}).problem(t, http.StatusNotFound)
	if p := m.admin.do(t, "POST", tokens, map[string]any{"name": "x", "expires_at": "2001-01-01T00:00:00Z"}).problem(t, 422); !names(p, "body.expires_at") {
		t.Errorf("an expiry in the past gives %+v", p)
	}
	content, err := os.ReadFile(m.dbPath)
	if err != nil {
		t.Fatal(err)
	}
	wal, err := os.ReadFile(m.dbPath + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(content)+string(wal), text) {
		t.Error("the database holds the token itself")
	}
}

func TestMetrics(t *testing.T) {
	m := startMaster(t)
	m.admin.do(t, "GET", servers, nil).want(t, http.StatusOK)
	m.anonymous(t).do(t, "GET", servers, nil).want(t, http.StatusUnauthorized)
	metrics := m.anonymous(t)
	metrics.base = m.metrics
	text := string(metrics.do(t, "GET", "/metrics", nil).body)
	for _, line := range []string{
		`uhd_admin_requests_total{operation="list-servers",status="200"} 1`,
		`uhd_admin_requests_total{operation="list-servers",status="401"} 1`,
		`uhd_admin_requests_total{operation="login",status="200"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("/metrics lacks %s", line)
		}
	}
}

func TestUnknownPaths(t *testing.T) {
	m := startMaster(t)
	for _, path := range []string{"/api/v1/admin/nothing", "/api/v1/nothing", "/api/nothing", "/nothing"} {
		m.admin.do(t, "GET", path, nil).problem(t, http.StatusNotFound)
	}
	m.admin.do(t, "DELETE", servers, nil).problem(t, http.StatusMethodNotAllowed)
	for _, path := range []string{"/healthz", "/readyz"} {
		m.anonymous(t).do(t, "GET", path, nil).want(t, http.StatusOK)
	}
}

// TestDotSegments: agents in the field send them literally and follow no redirect.
func TestDotSegments(t *testing.T) {
	m := startMaster(t)
	c := m.admin
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, path := range []string{
		"/api/v1/media-slave/../admin/servers", "/api/v1/./admin//servers", "/api/v1/media-slave/%2e%2e/admin/servers",
	} {
		c.do(t, "GET", path, nil).want(t, http.StatusOK)
	}
}
