package lua_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// post logs in, or tries to; the answer's body is as it came.
func (g *gateway) post(t *testing.T, path, body string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d%s", g.port, path), strings.NewReader(body))
	must(t, err)
	req.Host = "one.test"
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return send(t, &http.Transport{DisableCompression: true, DisableKeepAlives: true}, req)
}

const loginAs = `MediaBrowser Client="TV", Device="Living room, left", DeviceId="d1", Version="1.2"`

// counts returns how many logins had which outcome.
func (g *gateway) counts(t *testing.T) map[string]int {
	t.Helper()
	var s struct{ Logins map[string]int }
	a := g.admin(t, http.MethodGet, "/state", "")
	must(t, json.Unmarshal([]byte(a.body), &s))
	return s.Logins
}

// waitLogins waits until the supervisor was told of n logins.
func waitLogins(t *testing.T, s *supervisor, n int) []loginEvent {
	t.Helper()
	var logins []loginEvent
	eventually(t, func() error {
		if _, _, logins = s.snapshot(); len(logins) < n {
			return fmt.Errorf("told of %d logins, want %d", len(logins), n)
		}
		return nil
	})
	return logins
}

// TestLogin: a real login is captured, told to the supervisor, and in force at once; a failed one is told.
func TestLogin(t *testing.T) {
	g := startMedia(t, perUser(1, "reject"), 2)
	s := supervise(t, g, nil, nil)
	login := func(password string) answer {
		return g.post(t, "/emby/users/AUTHENTICATEBYNAME/", `{"Username":"demo","Pw":"`+password+`"}`,
			"X-Emby-Authorization", loginAs, "Accept-Encoding", "gzip")
	}
	var first, second struct {
		AccessToken string
		User        struct{ ID, Name string }
	}
	a := login("demo")
	if a.StatusCode != http.StatusOK || a.Header.Get("Content-Encoding") != "" {
		t.Fatalf("%s %v: want a plain answer, which the media server was asked for", a.Status, a.Header)
	}
	must(t, json.Unmarshal([]byte(a.body), &first))
	must(t, json.Unmarshal([]byte(login("demo").body), &second))
	player{g, first.AccessToken, "d1", ""}.plays(t, "s1")
	player{g, second.AccessToken, "d2", ""}.isRefused(t, "s2")
	if asked, _, _ := s.snapshot(); len(asked) != 0 {
		t.Errorf("asked about tokens that were seen to be given: %v", asked)
	}
	if a := login("wrong"); a.StatusCode != http.StatusUnauthorized {
		t.Fatalf("wrong password: %s", a.Status)
	}
	logins := waitLogins(t, s, 3)
	want := loginEvent{"1", hashOf(first.AccessToken), first.User.ID, "demo", "d1", "Living room, left", "TV", "1.2", "127.0.0.1", true}
	if !slices.Contains(logins, want) {
		t.Errorf("told of %+v, want %+v among them", logins, want)
	}
	failed := loginEvent{"1", "", "", "", "d1", "Living room, left", "TV", "1.2", "127.0.0.1", false}
	if !slices.Contains(logins, failed) {
		t.Errorf("told of %+v, want %+v among them", logins, failed)
	}
	l := g.awaitLog(t, func(l logLine) bool { return l.Login.UserID == first.User.ID })
	if !l.Login.Success || l.Login.UserName != "demo" || l.DeviceID != "d1" {
		t.Errorf("logged %+v", l)
	}
	if l = g.awaitLog(t, func(l logLine) bool { return l.Status == http.StatusUnauthorized }); l.Login.Success || l.Login.UserID != "" {
		t.Errorf("logged %+v", l)
	}
	if got := g.counts(t); got["captured"] != 2 || got["failed"] != 1 {
		t.Errorf("counted %v", got)
	}
	for name, text := range map[string]string{"the shared dict": g.get(t, "/dict").body, "the log": g.log.String()} {
		if text == "" && name == "the shared dict" {
			t.Error("the shared dict is empty")
		}
		if strings.Contains(text, first.AccessToken) || strings.Contains(text, "wrong") {
			t.Errorf("%s holds a token or a password:\n%s", name, text)
		}
	}
}

// TestLoginAnswers: answers of all kinds, which always pass as they are.
func TestLoginAnswers(t *testing.T) {
	document := func(format string) string { return fmt.Sprintf(format, "TOKEN", "user-1") }
	pascal := document(`{"User":{"Name":"N","Id":"%[2]s"},"AccessToken":"%[1]s","ServerId":"x"}`)
	const byName = "POST /Users/AuthenticateByName"
	for name, tt := range map[string]struct {
		request, body, encoding string
		outcome                 string
	}{
		"PascalCase":        {byName, pascal, "", "captured"},
		"camelCase":         {byName, document(`{"user":{"name":"N","id":"%[2]s"},"accessToken":"%[1]s"}`), "", "captured"},
		"Quick Connect":     {"POST /mediabrowser/users/authenticatewithquickconnect", pascal, "", "captured"},
		"by id":             {"POST /Users/5/Authenticate", pascal, "", "captured"},
		"Connect":           {"GET /emby/Connect/Exchange?ConnectUserId=c", document(`{"LocalUserId":"%[2]s","AccessToken":"%[1]s"}`), "", "captured"},
		"below a base path": {"POST /media/Users/AuthenticateByName", pascal, "", "captured"},
		"identity":          {byName, pascal, "identity", "captured"},
		"gzip all the same": {byName, zipped(t, pascal), "gzip", "compressed"},
		"XML":               {byName, `<AuthenticationResult><AccessToken>TOKEN</AccessToken></AuthenticationResult>`, "", "unreadable"},
		"no JSON":           {byName, `{"AccessToken":`, "", "unreadable"},
		"empty":             {byName, "", "", "unreadable"},
		"null":              {byName, `null`, "", "unreadable"},
		"list":              {byName, `[1]`, "", "unreadable"},
		"no user":           {byName, `{"AccessToken":"TOKEN"}`, "", "unreadable"},
		"null token":        {byName, `{"AccessToken":null,"User":{"Id":"u"}}`, "", "unreadable"},
		"null user":         {byName, `{"AccessToken":"TOKEN","User":null}`, "", "unreadable"},
		"numbers":           {byName, `{"AccessToken":5,"User":{"Id":6}}`, "", "unreadable"},
		"deep":              {byName, strings.Repeat(`{"User":`, 5000), "", "unreadable"},
		"huge":              {byName, `{"x":"` + strings.Repeat("x", 70_000) + `",` + pascal[1:], "", "too_large"},
		"as large as may":   {byName, `{"x":"` + strings.Repeat("x", 60_000) + `",` + pascal[1:], "", "captured"},
		"another path":      {"POST /Users/AuthenticateByName/x", pascal, "", ""},
		"another method":    {"GET /Users/AuthenticateByName", pascal, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			media := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if tt.outcome != "" && r.Header.Get("Accept-Encoding") != "identity" {
					t.Errorf("asked for %q", r.Header.Get("Accept-Encoding"))
				}
				if tt.encoding != "" {
					w.Header().Set("Content-Encoding", tt.encoding)
				}
				for part := range slices.Chunk([]byte(tt.body), 1000) { // in chunks, as servers do
					_, _ = w.Write(part)
					_ = http.NewResponseController(w).Flush()
				}
			}))
			defer media.Close()
			g := start(t, setup{rules: `{"hash": "x", "default": {}}`, servers: proxied(media.URL, "one.test", "1")})
			method, path, _ := strings.Cut(tt.request, " ")
			var a answer
			if method == http.MethodPost {
				a = g.post(t, path, "{}", "Accept-Encoding", "gzip, br")
			} else {
				a = g.get(t, path, "Host", "one.test", "Accept-Encoding", "gzip, br")
			}
			if a.StatusCode != http.StatusOK || a.body != tt.body {
				t.Errorf("%s: %d bytes arrived of %d", a.Status, len(a.body), len(tt.body))
			}
			for outcome, n := range g.counts(t) {
				if want := map[bool]int{true: 1}[outcome == tt.outcome]; n != want {
					t.Errorf("counted %d %s", n, outcome)
				}
			}
			if log := g.log.String(); strings.Contains(log, "[error]") || strings.Contains(log, "TOKEN") {
				t.Errorf("nginx says:\n%s", log)
			}
		})
	}
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, text)
	must(t, err)
	must(t, w.Close())
	return b.String()
}

// TestTruncatedLogin: an answer that breaks off, sent on as far as it came.
func TestTruncatedLogin(t *testing.T) {
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = ln.Close() }()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"AccessToken\":\"TOKEN\",")
			_ = conn.Close()
		}
	}()
	g := start(t, setup{rules: `{"hash": "x", "default": {}}`, servers: proxied("http://"+ln.Addr().String(), "one.test", "1")})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d/Users/AuthenticateByName", g.port), nil)
	must(t, err)
	resp, err := http.DefaultTransport.RoundTrip(req)
	must(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body) // breaks off
	if string(body) != `{"AccessToken":"TOKEN",` {
		t.Errorf("got %q", body)
	}
	if got := g.counts(t); got["captured"] != 0 {
		t.Errorf("counted %v", got)
	}
	if log := g.log.String(); strings.Contains(log, "lua") {
		t.Errorf("nginx says:\n%s", log)
	}
}

// TestLoginWithoutSupervisor: the user is known at once all the same, and the supervisor is told once it
// is there.
func TestLoginWithoutSupervisor(t *testing.T) {
	g := startMedia(t, perUser(1, "reject"), 1)
	a := g.post(t, "/Users/AuthenticateByName", `{"Username":"demo","Pw":"demo"}`, "Authorization", loginAs)
	var result struct {
		AccessToken string
		User        struct{ ID string }
	}
	must(t, json.Unmarshal([]byte(a.body), &result))
	player{g, result.AccessToken, "d1", ""}.plays(t, "s1")
	g.bind(t, "1", map[string]string{"x": result.User.ID})
	player{g, "x", "d2", ""}.isRefused(t, "s2")
	s := supervise(t, g, nil, nil)
	waitLogins(t, s, 1)
}
