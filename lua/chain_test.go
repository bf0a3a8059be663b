package lua_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
)

// chainRules is a profile that uses each step of the chain, and a stricter one by id.
const chainRules = `{
  "hash": "chain", "version": 1, "rate_limit": {},
  "default": {
    "skip_list": [
      {"pattern": "/web/", "match_type": "prefix"},
      {"pattern": "/System/Ping", "match_type": "exact"},
      {"pattern": "^/Items/[^/]+/Images/", "match_type": "regex"}],
    "block_list": [
      {"pattern": "/System/Logs", "match_type": "prefix"},
      {"pattern": "/Items/Latest", "match_type": "exact"},
      {"pattern": "^/Items/.+/(Download|File)$", "match_type": "regex"},
      {"pattern": "^/slow/(a+)+$", "match_type": "regex"},
      {"pattern": "/web/admin", "match_type": "prefix"}],
    "allowed_clients": ["Jellyfin Web", "Emby Web", "VLC"],
    "min_versions": {"Jellyfin Web": "10.8"},
    "client_patterns": [{"name": "VLC", "pattern": "^VLC/"}, {"name": "Downloader", "pattern": "^(curl|Wget)/"}],
    "deny_message": "",
    "fake_counts_enabled": true, "fake_counts_value": 888
  },
  "profiles": {
    "7": {"unidentified": "reject", "deny_message": "请换\"官方\"客户端", "allowed_clients": ["Jellyfin Web"],
          "block_list": [{"pattern": "/Only/Here", "match_type": "exact"}]},
    "8": {},
    "9": {"allowed_clients": ["Jellyfin Web"], "min_versions": {"Jellyfin Web": "10.8"}, "deny_message": "any reason", "deny_messages": {
      "client_not_allowed": {"zh-tw": "請換", "zh": "请换", "en": "Use \"another\""}, "client_outdated": {"*": "{version} please, 100%"}}}
  }
}`

func startChain(t *testing.T) *gateway {
	t.Helper()
	g := &gateway{root: "{root}"}
	blocks := ""
	for name, more := range map[string]string{
		"default.test": "", "strict.test": `set $config_profile_id "7";`,
		"open.test": `set $config_profile_id "8";`, "spoken.test": `set $config_profile_id "9";`, "unknown.test": `set $config_profile_id "99";`,
	} {
		block := server(0, g.root, name, more)
		if name == "default.test" {
			block = strings.Replace(block, "127.0.0.1:0", "127.0.0.1:0 default_server", 1)
		}
		blocks += strings.ReplaceAll(block, "127.0.0.1:0", "127.0.0.1:{port}")
	}
	return start(t, setup{rules: chainRules, servers: blocks})
}

func client(name, version string) string {
	return `MediaBrowser Client="` + name + `", Device="d", DeviceId="id", Version="` + version + `"`
}

// TestChain walks the steps of the chain; "" is a request that passes.
func TestChain(t *testing.T) {
	g := startChain(t)
	web := client("Jellyfin Web", "10.11.5")
	for name, tt := range map[string]struct {
		host, path, auth, agent, reason string
	}{
		"allowed client":               {"default.test", "/Items", web, "", ""},
		"blocked prefix":               {"default.test", "/System/Logs/today", web, "", "uri_blocked"},
		"blocked exactly":              {"default.test", "/Items/Latest", web, "", "uri_blocked"},
		"below what is blocked":        {"default.test", "/Items/Latest/x", web, "", ""},
		"blocked by regex":             {"default.test", "/Items/5/Download", web, "", "uri_blocked"},
		"a regex that gives up":        {"default.test", "/slow/" + strings.Repeat("a", 200) + "!", web, "", "uri_blocked"},
		"unknown client":               {"default.test", "/Items", client("Ripper", "1"), "", "client_not_allowed"},
		"old client":                   {"default.test", "/Items", client("Jellyfin Web", "10.7.9"), "", "client_outdated"},
		"client without its version":   {"default.test", "/Items", client("Jellyfin Web", ""), "", "client_outdated"},
		"no identity":                  {"default.test", "/Items", "", "", ""},
		"agent that is named":          {"default.test", "/Items", "", "VLC/3.0.18", ""},
		"agent named, not allowed":     {"default.test", "/Items", "", "curl/8.0", "client_not_allowed"},
		"header wins over the agent":   {"default.test", "/Items", web, "curl/8.0", ""},
		"query":                        {"default.test", "/Items?X-Emby-Client=Emby%20Web&api_key=t", "", "", ""},
		"query, not allowed":           {"default.test", "/Items?x-emby-client=Ripper", "", "", "client_not_allowed"},
		"skipped, unknown client":      {"default.test", "/web/index.html", client("Ripper", "1"), "", ""},
		"skipped before it is blocked": {"default.test", "/web/admin", web, "", ""},
		"skipped by regex":             {"default.test", "/Items/5/Images/Primary", client("Ripper", "1"), "", ""},
		"skipped exactly":              {"default.test", "/system/PING/", client("Ripper", "1"), "", ""},
		"another profile":              {"strict.test", "/Only/Here", web, "", "uri_blocked"},
		"its rule for the unknown":     {"strict.test", "/Items", "", "", "client_unidentified"},
		"not the default's rules":      {"strict.test", "/System/Logs", web, "", ""},
		"a profile without rules":      {"open.test", "/Items/5/Download", client("Ripper", "1"), "", ""},
		"a profile that is not there":  {"unknown.test", "/Items/5/Download", web, "", "uri_blocked"},
	} {
		t.Run(name, func(t *testing.T) {
			header := []string{"Host", tt.host}
			if tt.auth != "" {
				header = append(header, "Authorization", tt.auth)
			}
			if tt.agent != "" {
				header = append(header, "User-Agent", tt.agent)
			}
			a := g.get(t, tt.path, header...)
			if tt.reason == "" {
				if a.StatusCode != http.StatusOK || a.body != "passed" {
					t.Errorf("got %s %s, want it to pass", a.Status, a.body)
				}
				return
			}
			checkRefusal(t, a, http.StatusForbidden, tt.reason)
		})
	}
}

// checkRefusal: a reason, an id and an exact length, the same in header and body.
func checkRefusal(t *testing.T, a answer, status int, reason string) {
	t.Helper()
	var body struct {
		Message, Reason string
		RequestID       string `json:"request_id"`
	}
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		t.Fatalf("%s %q: %v", a.Status, a.body, err)
	}
	if a.StatusCode != status || body.Reason != reason || a.Header.Get("X-UHD-Reason") != reason {
		t.Errorf("got %s %s, want %d %s", a.Status, a.body, status, reason)
	}
	if len(body.RequestID) < 16 || a.Header.Get("X-Request-Id") != body.RequestID || body.Message == "" {
		t.Errorf("header %v, body %s: want one request id in both, and a message", a.Header, a.body)
	}
	if a.Header.Get("Content-Length") != strconv.Itoa(len(a.body)) {
		t.Errorf("Content-Length %s for %d bytes", a.Header.Get("Content-Length"), len(a.body))
	}
}

func TestDenyMessage(t *testing.T) {
	g := startChain(t)
	for host, want := range map[string]string{
		"strict.test": `请换"官方"客户端`, "default.test": "当前客户端不在允许列表中，请更换受支持的客户端",
	} {
		a := g.get(t, "/Items", "Host", host, "Authorization", client("Ripper", "1"))
		var body struct{ Message string }
		if err := json.Unmarshal([]byte(a.body), &body); err != nil || body.Message != want {
			t.Errorf("%s says %q, want %q (%v)", host, body.Message, want, err)
		}
	}
	a := g.get(t, "/Items", "Authorization", client("Jellyfin Web", "1"))
	if !strings.Contains(a.body, "10.8 或更高版本") || !strings.Contains(a.body, `"min_version":"10.8"`) {
		t.Errorf("an old client is told %s", a.body)
	}
}

// TestDenyMessages: what players are told depends on the reason and their language.
func TestDenyMessages(t *testing.T) {
	g := startChain(t)
	for _, c := range []struct{ auth, accept, want string }{
		{client("Ripper", "1"), "zh-TW,zh;q=0.9,en;q=0.8", "請換"},
		{client("Ripper", "1"), "zh-CN,zh;q=0.9,en;q=0.8", "请换"},
		{client("Ripper", "1"), "de, en-GB;q=0.5, zh;q=0.4", `Use "another"`},
		{client("Ripper", "1"), "zh;q=0, en ; q=0.1", `Use "another"`},
		{client("Ripper", "1"), "de", "any reason"},
		{client("Ripper", "1"), "", "any reason"},
		{client("Ripper", "1"), ",;q=,-,*;q=x" + strings.Repeat(",a-b-c-d", 500), "any reason"},
		{client("Jellyfin Web", "1"), "fr", "10.8 please, 100%"},
	} {
		a := g.get(t, "/Items", "Host", "spoken.test", "Authorization", c.auth, "Accept-Language", c.accept)
		var body struct{ Message string }
		if err := json.Unmarshal([]byte(a.body), &body); err != nil || body.Message != c.want {
			t.Errorf("%q is told %q, want %q (%v)", c.accept, a.body, c.want, err)
		}
	}
}

// TestSpellings: no spelling of a path evades a block, and none borrows a skip.
func TestSpellings(t *testing.T) {
	g := startChain(t)
	for _, target := range []string{
		"/System/Logs", "/system/logs", "/SYSTEM/LOGS/", "/emby/System/Logs", "/MediaBrowser/System/Logs",
		"/EMBY/emby/System/Logs", "//System//Logs", "/./System/./Logs", "/x/../System/Logs", "/%53ystem/Logs",
		"/System%2FLogs", "/System%2fLogs/x", "/System/Logs?x=1", "/System/Logs#x", "http://host/System/Logs",
		"/System\\Logs", "/System%5CLogs", "/System;a=b/Logs", "/System/Logs;a=b", "/System/%4c%6F%67%73",
		"/web/%2e%2e/System/Logs", "/web/..%2FSystem/Logs", "/web/../System/Logs",
		"/web/..%5CSystem/Logs", "/web/..\\System/Logs", "/web/..;/System/Logs",
		"/Items/a%0Ab/Download", "/Items/a%2Fb/Download", "/emby/items/1/download/", "/Items/1/Download;x",
		"/System/Logs%2F..%2F..%2Fweb/", "/Items/Latest/", "/Items/Latest;x=y",
	} {
		if status, body := g.raw(t, target); status == http.StatusOK {
			t.Errorf("%s passed: %s", target, body)
		}
	}
	for _, target := range []string{
		"/Items/1%2F..%2F..%2Fweb/x", "/Items/..%5C..%5Cweb/x", "/Items/%2e%2e/web/x", "/web;/x", "/web%2f..%2fweb/x",
	} {
		if a := g.get(t, target, "Authorization", client("Ripper", "1")); a.StatusCode == http.StatusOK {
			t.Errorf("%s borrowed the skip of /web/", target)
		}
	}
	for _, target := range []string{"/web/a", "/Web/a%20b", "/emby/web/", "/web", "//web//x", "/web/x?y=%2F"} {
		// The last header states a client that only a skip lets in.
		a := g.get(t, target, "Authorization", client("Ripper", "1"))
		if a.StatusCode != http.StatusOK {
			t.Errorf("%s is not skipped: %s", target, a.body)
		}
	}
}

func TestFakeCounts(t *testing.T) {
	g := startChain(t)
	for _, path := range []string{"/Items/Counts", "/emby/items/counts/", "/ITEMS/COUNTS?UserId=u", "//Items/Counts", "/Items%2FCounts"} {
		a := g.get(t, path)
		var counts map[string]int
		if err := json.Unmarshal([]byte(a.body), &counts); err != nil || a.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %s: %v", path, a.Status, a.body, err)
		}
		for _, name := range []string{"MovieCount", "SeriesCount", "EpisodeCount", "ItemCount", "BoxSetCount"} {
			if counts[name] != 888 {
				t.Errorf("%s says %s %d", path, name, counts[name])
			}
		}
		if a.ContentLength != int64(len(a.body)) {
			t.Errorf("%s: Content-Length %d for %d bytes", path, a.ContentLength, len(a.body))
		}
	}
	if a := g.get(t, "/Items/Counts", "Accept", `application/json; profile="CamelCase"`); !strings.Contains(a.body, `"movieCount":888`) {
		t.Errorf("camelCase: %s", a.body)
	}
	if a := g.do(t, http.MethodHead, "/Items/Counts"); a.StatusCode != http.StatusOK || a.ContentLength < 100 {
		t.Errorf("HEAD: %s, %d", a.Status, a.ContentLength)
	}
	for name, a := range map[string]answer{
		"POST":             g.do(t, http.MethodPost, "/Items/Counts"),
		"another path":     g.get(t, "/Items/Counts/x"),
		"another profile":  g.get(t, "/Items/Counts", "Host", "open.test"),
		"below a base":     g.get(t, "/x/Items/Counts"),
		"whitelist before": g.get(t, "/Items/Counts", "Authorization", client("Ripper", "1")),
	} {
		if strings.Contains(a.body, "888") {
			t.Errorf("%s got the false counts: %s", name, a.body)
		}
	}
}

// TestRefusalsOnOneConnection: an answer that is a byte too long would be read as the start of the next.
func TestRefusalsOnOneConnection(t *testing.T) {
	g := startChain(t)
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", g.port))
	must(t, err)
	defer func() { _ = conn.Close() }()
	for range 3 {
		_, err := io.WriteString(conn, "GET /System/Logs HTTP/1.1\r\nHost: x\r\n\r\nPOST /Items/Latest HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nContent-Length: 5\r\n\r\nhello")
		must(t, err)
	}
	r := bufio.NewReader(conn)
	for i := range 6 {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
		body, err := io.ReadAll(resp.Body)
		must(t, err)
		// Every other one asks for JSON.
		if resp.StatusCode != http.StatusForbidden || json.Valid(body) != (i%2 == 1) || !strings.Contains(string(body), resp.Header.Get("X-Request-Id")) {
			t.Errorf("answer %d: %s %s", i, resp.Status, body)
		}
	}
}

// TestDummies: nothing hides behind many headers or arguments, and duplicates are no error.
func TestDummies(t *testing.T) {
	g := startChain(t)
	var header []string
	for i := range 150 {
		header = append(header, fmt.Sprintf("X-Dummy-%d", i), "x")
	}
	checkRefusal(t, g.get(t, "/Items", append(header, "X-Emby-Authorization", client("Ripper", "1"))...), 403, "client_not_allowed")
	checkRefusal(t, g.get(t, "/Items?"+strings.Repeat("dummy=1&", 150)+"X-Emby-Client=Ripper"), 403, "client_not_allowed")
	checkRefusal(t, g.get(t, "/Items", "X-Emby-Authorization", client("Ripper", "1"), "X-Emby-Authorization", client("Jellyfin Web", "11")),
		403, "client_not_allowed")
	preflight := g.do(t, http.MethodOptions, "/Items", "Host", "strict.test", "Origin", "http://web", "Access-Control-Request-Method", "GET")
	if preflight.StatusCode != http.StatusOK {
		t.Errorf("a browser's preflight cannot state a client, got %s", preflight.Status)
	}
}

// TestRefusalIsLogged: an operator finds the request id in the log, and never a token.
func TestRefusalIsLogged(t *testing.T) {
	g := startChain(t)
	a := g.get(t, "/System/Logs?api_key=SECRETTOKEN")
	id := a.Header.Get("X-Request-Id")
	eventually(t, func() error {
		if log := g.log.String(); !strings.Contains(log, "refused: reason=uri_blocked request_id="+id) {
			return fmt.Errorf("no line about %s", id)
		}
		return nil
	})
	if log := g.log.String(); strings.Contains(log, "SECRETTOKEN") {
		t.Errorf("the log holds the token:\n%s", log)
	}
}

// TestRecordedClients sends the recorded requests of real clients through a whitelist that names their
// client, and one that does not.
func TestRecordedClients(t *testing.T) {
	file, err := os.ReadFile("spec/testdata/clients.jsonl")
	must(t, err)
	type record struct {
		Name    string
		Headers map[string]string
		Query   string
		Expect  struct{ Client string }
	}
	var records []record
	var names []string
	for line := range strings.Lines(string(file)) {
		var r record
		must(t, json.Unmarshal([]byte(line), &r))
		records = append(records, r)
		if r.Expect.Client != "" {
			names = append(names, r.Expect.Client)
		}
	}
	allowed, err := json.Marshal(names)
	must(t, err)
	rules := `{"hash": "%s", "default": {"allowed_clients": %s, "unidentified": "reject"}}`
	open := start(t, setup{rules: fmt.Sprintf(rules, "open", allowed)})
	shut := start(t, setup{rules: fmt.Sprintf(rules, "shut", `["Nobody"]`)})
	for _, r := range records {
		t.Run(r.Name, func(t *testing.T) {
			var header []string
			for name, value := range r.Headers {
				header = append(header, name, value)
			}
			reason := "client_not_allowed"
			if r.Expect.Client == "" {
				reason = "client_unidentified"
				checkRefusal(t, open.get(t, "/Items?"+r.Query, header...), 403, reason)
			} else if a := open.get(t, "/Items?"+r.Query, header...); a.StatusCode != http.StatusOK {
				t.Errorf("not let in: %s", a.body)
			}
			checkRefusal(t, shut.get(t, "/Items?"+r.Query, header...), 403, reason)
		})
	}
}
