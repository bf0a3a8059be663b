package lua_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
)

// logLine is a line of the access log.
type logLine struct {
	TS            float64 `json:"timestamp"`
	ID            string  `json:"request_id"`
	IP            string  `json:"ip"`
	Method        string  `json:"method"`
	URI           string  `json:"uri"`
	Status        int     `json:"status"`
	BytesSent     int64   `json:"bytes_sent"`
	Accounted     int64   `json:"accounted"`
	ServerName    string  `json:"server_name"`
	Scope         string  `json:"scope"`
	Profile       string  `json:"profile"`
	Verdict       string  `json:"verdict"`
	Reason        string  `json:"reason"`
	Rule          string  `json:"rule"`
	Client        string  `json:"client_name"`
	ClientVersion string  `json:"client_version"`
	DeviceID      string  `json:"device_id"`
	DeviceName    string  `json:"device_name"`
	Kind          string  `json:"kind"`
	UserID        string  `json:"user_id"`
	TokenHash     string  `json:"token_hash"`
	PlaySessionID string  `json:"play_session_id"`
	ItemID        string  `json:"item_id"`
	UserAgent     string  `json:"user_agent"`
	Playback      struct {
		Event         string `json:"event"`
		PositionTicks int64  `json:"position_ticks"`
		IsPaused      bool   `json:"is_paused"`
	} `json:"playback"`
	Login struct {
		Success  bool   `json:"success"`
		UserID   string `json:"user_id"`
		UserName string `json:"user_name"`
	} `json:"login"`
}

// logLines returns the lines so far; one that is not JSON fails the test.
func (g *gateway) logLines(tb testing.TB) []logLine {
	tb.Helper()
	text, err := os.ReadFile(g.path("spool", "access.log"))
	must(tb, err)
	var lines []logLine
	for line := range strings.Lines(string(text)) {
		if !strings.HasSuffix(line, "\n") {
			break // nginx is writing it
		}
		var l logLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			tb.Fatalf("%q: %v", line, err)
		}
		lines = append(lines, l)
	}
	return lines
}

// awaitLog waits for a line that is wanted; nginx writes within a second.
func (g *gateway) awaitLog(tb testing.TB, wanted func(logLine) bool) (found logLine) {
	tb.Helper()
	eventually(tb, func() error {
		for _, l := range g.logLines(tb) {
			if wanted(l) {
				found = l
				return nil
			}
		}
		return fmt.Errorf("no such line in the access log")
	})
	return found
}

// TestAccessLog: every request has a line with who, what and why, whatever it is made of; and none has a token.
func TestAccessLog(t *testing.T) {
	g := start(t, setup{rules: chainRules, workers: 2, servers: `server {
		listen 127.0.0.1:{port}; server_name one.test; set $config_server_id "5"; set $config_profile_id "7";
		access_by_lua_file {root}/lua/access.lua; header_filter_by_lua_file {root}/lua/header_filter.lua; log_by_lua_file {root}/lua/log_handler.lua;
		location / { content_by_lua_block { ngx.print("passed") } }
		location /static { return 302 /x; }
	}`})
	const token = "SECRET-TOKEN"
	web := `MediaBrowser Client="Jellyfin Web", Device="A \"b\" é", DeviceId="d%22%0A1", Version="10.9", Token="` + token + `"`
	g.get(t, `/Videos/AB-12/stream.mkv?PlaySessionId=play%22%0A1&api_key=`+token, "Authorization", web, "User-Agent", `UA "q" \ 	x`)
	l := g.awaitLog(t, func(l logLine) bool { return l.ItemID == "ab12" })
	want := logLine{
		TS: l.TS, ID: l.ID, IP: "127.0.0.1", Method: "GET", URI: "/Videos/AB-12/stream.mkv", Status: 200, BytesSent: l.BytesSent,
		ServerName: "one.test", Scope: "5", Profile: "7", Verdict: "allow", Client: "Jellyfin Web", ClientVersion: "10.9",
		DeviceID: "d\"\n1", DeviceName: `A \"b\" é`, Kind: "header", TokenHash: l.TokenHash,
		PlaySessionID: "play\"\n1", ItemID: "ab12", UserAgent: "UA \"q\" \\ \tx",
	}
	if l != want || len(l.TokenHash) != 64 || l.BytesSent < 100 {
		t.Errorf("got  %+v\nwant %+v", l, want)
	}

	a := g.get(t, "/a\"%22%0A\\{}%C3%A9", "Authorization", client("Ripper", "1"))
	l = g.awaitLog(t, func(l logLine) bool { return l.ID == a.Header.Get("X-Request-Id") })
	if l.Verdict != "reject" || l.Reason != "client_not_allowed" || l.URI != "/a\"\"\n\\{}é" || l.Status != 403 {
		t.Errorf("refused: %+v", l)
	}
	g.get(t, `/static/x?api_key=`+token, "User-Agent", "UA é")
	if l = g.awaitLog(t, func(l logLine) bool { return l.Status == 302 }); l.URI != `/static/x` || l.Scope != "5" || l.UserAgent != "UA é" || l.Verdict != "allow" {
		t.Errorf("never in the chain: %+v", l)
	}
	g.get(t, `/static/"x"%22%0A`, "User-Agent", `"UA" \`) // nobody can write that as JSON, so it is left out
	if l = g.awaitLog(t, func(l logLine) bool { return l.Status == 302 && l.URI == "" }); l.UserAgent != "" {
		t.Errorf("never in the chain: %+v", l)
	}
	g.raw(t, "/\x01bad") // nginx answers 400 itself
	g.awaitLog(t, func(l logLine) bool { return l.Status == http.StatusBadRequest })

	count := len(g.logLines(t))
	g.get(t, "/", "X-UHD-Probe", probeKey)
	g.state(t)
	g.get(t, "/last", "X-UHD-Probe", "not a probe")
	g.awaitLog(t, func(l logLine) bool { return l.URI == "/last" })
	if got := len(g.logLines(t)); got != count+1 {
		t.Errorf("%d lines more, want one: probes and the admin socket are not logged", got-count)
	}
	text, err := os.ReadFile(g.path("spool", "access.log"))
	must(t, err)
	if strings.Contains(string(text), token) || strings.Contains(g.log.String(), token) {
		t.Error("a log holds the token")
	}
}

// TestReports: what players report of their playbacks is in the log, whatever they send for it.
func TestReports(t *testing.T) {
	g := startChain(t)
	for i, tt := range []struct {
		path, body string
		want       string // event, play session, item, position, paused
	}{
		{"/Sessions/Playing", `{"ItemId":"AB-1","PlaySessionId":"s1","PositionTicks":0}`, "start s1 ab1 0 false"},
		{"/emby/sessions/playing/PROGRESS/", `{"itemId":"2","playSessionId":"s2","positionTicks":36000000000,"isPaused":true}`, "progress s2 2 36000000000 true"},
		{"/Sessions/Playing/Stopped", `{"ItemId":"3","PlaySessionId":"s\"3"}`, `stop s"3 3 0 false`},
		{"/Sessions/Playing/Stopped?PlaySessionId=s4&ItemId=4", ``, "stop s4 4 0 false"},
		{"/Sessions/Playing/Progress", `{"PositionTicks":-5,"IsPaused":"yes"}`, "progress   0 false"},
		{"/Sessions/Playing/Progress", `{"PositionTicks":1e300,"PlaySessionId":7}`, "progress   0 false"},
		{"/Sessions/Playing/Progress", "\x00{not json", "progress   0 false"},
		{"/Sessions/Playing/Ping", `{"PlaySessionId":"s5"}`, "   0 false"},
	} {
		agent := fmt.Sprint("report ", i)
		g.post(t, tt.path, tt.body, "User-Agent", agent)
		l := g.awaitLog(t, func(l logLine) bool { return l.UserAgent == agent })
		p := l.Playback
		if got := fmt.Sprintln(p.Event, l.PlaySessionID, l.ItemID, p.PositionTicks, p.IsPaused); got != tt.want+"\n" {
			t.Errorf("%s %s: got %q, want %q", tt.path, tt.body, got, tt.want)
		}
	}
}

// TestTextRefusal: who does not ask for JSON gets something a person can read.
func TestTextRefusal(t *testing.T) {
	g := startChain(t)
	for _, accept := range []string{"*/*", "text/html", ""} {
		a := g.get(t, "/System/Logs", "Accept", accept)
		if ct := a.Header.Get("Content-Type"); ct != "text/plain; charset=utf-8" || !strings.HasPrefix(a.body, "该请求已被服务器管理员禁止\nuri_blocked "+a.Header.Get("X-Request-Id")) {
			t.Errorf("Accept %q: %s %q", accept, ct, a.body)
		}
		if a.ContentLength != int64(len(a.body)) {
			t.Errorf("Content-Length %d for %d bytes", a.ContentLength, len(a.body))
		}
	}
}
