package lua_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/standin"
)

// film is an item's id as servers write it.
const film = "a0000000000000000000000000000001"

// perUser is a profile that lets each user run so many streams.
func perUser(limit int, action string) string {
	return fmt.Sprintf(`{"hash": "streams", "default": {"concurrent_streams":
		{"max_streams": %d, "action_on_exceed": %q, "deny_message": "够了"}}}`, limit, action)
}

// byRule has one stream rule and no profile limit.
func byRule(by, value string, limit int) string {
	return fmt.Sprintf(`{"hash": "streams", "default": {}, "rate_limit": {"stream_rules":
		[{"id": 7, "apply_to": %q, "apply_value": %q, "max_streams": %d, "action_on_exceed": "reject"}]}}`, by, value, limit)
}

// proxied is a server block as the renderer writes it, before a media server.
func proxied(media, name, scope string) string {
	return fmt.Sprintf(`server {
    listen 127.0.0.1:{port};
    server_name %s;
    set $config_server_id "%s";
    access_by_lua_file {root}/lua/access.lua;
    header_filter_by_lua_file {root}/lua/header_filter.lua;
    log_by_lua_file {root}/lua/log_handler.lua;
    location / {
        proxy_pass %s;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_max_temp_file_size 0;
    }
    # For tests: other times, and what the shared dict holds.
    location = /times { access_by_lua_block { return } content_by_lua_block {
        require("uhd.sessions").set_times(tonumber(ngx.var.arg_idle), tonumber(ngx.var.arg_grace))
    } }
    location = /dict { access_by_lua_block { return } content_by_lua_block {
        local dict = ngx.shared.session_store
        for _, key in ipairs(dict:get_keys(0)) do ngx.say(key, "=", tostring(dict:get(key))) end
    } }
}
`, name, scope, media)
}

// startMedia is a gateway before a stand-in media server, as scope 1.
func startMedia(t *testing.T, rules string, workers int) *gateway {
	t.Helper()
	media := httptest.NewServer(standin.New(standin.Options{Users: map[string]string{"demo": "demo", "other": "other"}}))
	t.Cleanup(media.Close)
	g := start(t, setup{rules: rules, workers: workers, servers: proxied(media.URL, "one.test", "1") + proxied(media.URL, "two.test", "2")})
	t.Cleanup(func() {
		if log := g.log.String(); strings.Contains(log, "[error]") || strings.Contains(log, "[alert]") || strings.Contains(log, "[crit]") {
			t.Errorf("nginx complained:\n%s", log)
		}
	})
	return g
}

// player is a device with a token, which the gateway takes for its user's.
type player struct {
	g                   *gateway
	token, device, host string
}

// bind makes tokens known as users', in a scope.
func (g *gateway) bind(t *testing.T, scope string, users map[string]string) {
	t.Helper()
	type user struct {
		Scope     string `json:"scope"`
		TokenHash string `json:"token_hash"`
		UserID    string `json:"user_id"`
	}
	var list []user
	for token, id := range users {
		list = append(list, user{scope, hashOf(token), id})
	}
	body, err := json.Marshal(map[string]any{"users": list})
	must(t, err)
	if a := g.admin(t, http.MethodPut, "/users", string(body)); a.StatusCode != http.StatusOK {
		t.Fatalf("PUT /users: %s %s", a.Status, a.body)
	}
}

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func (p player) header() []string {
	header := []string{"Host", "one.test"}
	if p.host != "" {
		header[1] = p.host
	}
	if p.token != "" || p.device != "" {
		header = append(header, "Authorization", fmt.Sprintf(`MediaBrowser Client="TV", Device="tv", DeviceId=%q, Version="1", Token=%q`, p.device, p.token))
	}
	return header
}

// play asks for a short stream on a connection of its own, so that any worker may get it.
func (p player) play(t *testing.T, session string) answer {
	t.Helper()
	return p.g.get(t, streamPath(film, session), append(p.header(), "Connection", "close")...)
}

func streamPath(item, session string) string {
	path := "/Videos/" + item + "/stream.mkv?static=true&size=1000"
	if session != "" {
		path += "&PlaySessionId=" + session
	}
	return path
}

func (p player) plays(t *testing.T, session string) {
	t.Helper()
	if a := p.play(t, session); a.StatusCode != http.StatusOK || len(a.body) != 1000 {
		t.Errorf("%s of %s on %s: %s %s, want it to play", session, p.token, p.device, a.Status, clipped(a.body))
	}
}

func (p player) isRefused(t *testing.T, session string) {
	t.Helper()
	checkRefusal(t, p.play(t, session), http.StatusForbidden, "streams_exceeded")
}

func clipped(text string) string { return text[:min(len(text), 300)] }

// running is a transfer that goes on until it is ended.
type running struct {
	ended chan error // of its last read
	stop  context.CancelFunc
}

func (p player) run(t *testing.T, session string) running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	url := fmt.Sprintf("http://127.0.0.1:%d/Videos/%s/stream.mkv?size=%d&rate=%d&PlaySessionId=%s", p.g.port, film, 1<<40, 4<<20, session)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	must(t, err)
	header := p.header()
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	req.Host = req.Header.Get("Host")
	req.Header.Set("X-UHD-Probe", "x") // hides nothing
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	must(t, err)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s on %s: %s", session, p.device, resp.Status)
	}
	r := running{make(chan error, 1), cancel}
	go func() {
		_, err := io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		r.ended <- err
	}()
	return r
}

// isCut waits until the gateway ends the transfer and returns how long that took.
func (r running) isCut(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	select {
	case err := <-r.ended:
		if err == nil {
			t.Error("the transfer came to its own end")
		}
	case <-time.After(patience):
		t.Fatal("the transfer goes on")
	}
	return time.Since(began)
}

func (r running) goesOn(t *testing.T) {
	t.Helper()
	select {
	case err := <-r.ended:
		t.Errorf("the transfer was ended: %v", err)
	default:
	}
}

func (g *gateway) setTimes(t *testing.T, idle, grace float64) {
	t.Helper()
	if a := g.get(t, fmt.Sprintf("/times?idle=%g&grace=%g", idle, grace)); a.StatusCode != http.StatusOK {
		t.Fatalf("set times: %s %s", a.Status, a.body)
	}
}

// TestStreamsPerUser: a user's devices share the limit; other users, and what is no stream, do not.
func TestStreamsPerUser(t *testing.T) {
	g := startMedia(t, perUser(2, "reject"), 2)
	g.bind(t, "1", map[string]string{"t1": "u1", "t2": "u1", "t3": "u1", "o": "u2"})
	player{g, "t1", "tv", ""}.plays(t, "s1")
	player{g, "t2", "phone", ""}.plays(t, "s2")
	third := player{g, "t3", "tablet", ""}
	third.isRefused(t, "s3")
	if a := third.play(t, "s4"); !strings.Contains(a.body, "够了") {
		t.Errorf("not the profile's message: %s", a.body)
	}
	player{g, "t1", "tv", ""}.plays(t, "s1") // known
	player{g, "o", "tv", ""}.plays(t, "s1")
	for _, path := range []string{"/Videos/" + film + "/Subtitles/0/x.srt", "/Videos/" + film + "/index.bif", "/Videos/" + film + "/Trickplay/320/0.jpg"} {
		if a := g.get(t, path, third.header()...); a.StatusCode == http.StatusForbidden {
			t.Errorf("%s counts as a stream: %s", path, a.body)
		}
	}
	for _, path := range []string{
		"/emby/videos/%s/STREAM.mp4", "/Videos/%s/stream", "/Audio/%s/universal", "/videos/%s/hls1/main/1.ts", "/Items/%s/Download",
		"//Videos//%s/stream.mkv/", "/Videos/%s/original.mkv", "/Videos/%s/master.m3u8", "/Videos%%2F%s%%2Fstream",
	} {
		a := g.get(t, fmt.Sprintf(path, film), third.header()...)
		if a.StatusCode != http.StatusForbidden {
			t.Errorf("%s does not count as a stream: %s", path, a.Status)
		}
	}
	if a := g.do(t, http.MethodHead, streamPath(film, "s9"), third.header()...); a.StatusCode != http.StatusOK {
		t.Errorf("HEAD: %s", a.Status)
	}
}

// TestClaims: a user id that a request states neither widens its own limit nor uses up another's.
func TestClaims(t *testing.T) {
	g := startMedia(t, perUser(1, "reject"), 1)
	g.bind(t, "1", map[string]string{"t1": "u1", "t2": "u1", "o": "u2"})
	player{g, "t1", "tv", ""}.plays(t, "s1")
	header := append(player{g, "t2", "phone", ""}.header(), "X-Emby-User-Id", "u2", "X-UHD-Probe", "x")
	checkRefusal(t, g.get(t, streamPath(film, "s2")+"&UserId=u2&X-Emby-User-Id=u3", header...), 403, "streams_exceeded")
	player{g, "o", "pc", ""}.plays(t, "s3")
}

// TestRulesByDimension: device, address, all, and one user alone.
func TestRulesByDimension(t *testing.T) {
	users := map[string]string{"t1": "u1", "t2": "u2"}
	for name, tt := range map[string]struct {
		rules                  string
		first, second, outside player
	}{
		"ip":       {byRule("ip", "", 1), player{token: "t1", device: "a"}, player{token: "t2", device: "b"}, player{}},
		"this ip":  {byRule("ip", "127.0.0.1", 1), player{token: "t1", device: "a"}, player{token: "t2", device: "b"}, player{}},
		"global":   {byRule("global", "", 1), player{token: "t1", device: "a"}, player{token: "t2", device: "b"}, player{}},
		"one user": {byRule("user", "u1", 1), player{token: "t1", device: "a"}, player{token: "t1", device: "b"}, player{token: "t2", device: "c"}},
		"device":   {byRule("device", "", 1), player{token: "t1", device: "a"}, player{token: "t2", device: "a"}, player{token: "t2", device: "c"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := startMedia(t, tt.rules, 2)
			g.bind(t, "1", users)
			tt.first.g, tt.second.g, tt.outside.g = g, g, g
			tt.first.plays(t, "s1")
			tt.second.isRefused(t, "s2")
			if tt.outside.token != "" {
				tt.outside.plays(t, "s3")
				player{g, "t2", "d", ""}.plays(t, "s4")
			}
		})
	}
	t.Run("another ip", func(t *testing.T) {
		g := startMedia(t, byRule("ip", "10.0.0.1", 1), 1)
		player{g, "", "a", ""}.plays(t, "s1")
		player{g, "", "b", ""}.plays(t, "s2")
	})
}

// TestLastFreeStream: of two devices that race for the last stream, on two workers, one gets it; with the
// supervisor's consent and without.
func TestLastFreeStream(t *testing.T) {
	for name, supervised := range map[string]bool{"alone": false, "supervised": true} {
		t.Run(name, func(t *testing.T) {
			g := startMedia(t, perUser(1, "reject"), 2)
			if supervised {
				supervise(t, g, nil, slowly)
			}
			users := map[string]string{}
			for i := range 30 {
				users[fmt.Sprint("t", i)] = fmt.Sprint("u", i)
			}
			g.bind(t, "1", users)
			for i := range 30 {
				statuses := make([]int, 4)
				var racing sync.WaitGroup
				for j := range statuses {
					racing.Go(func() {
						p := player{g, fmt.Sprint("t", i), fmt.Sprint("device", j), ""}
						statuses[j] = p.play(t, fmt.Sprintf("s%d-%d", i, j)).StatusCode
					})
				}
				racing.Wait()
				played := 0
				for _, status := range statuses {
					if status == http.StatusOK {
						played++
					}
				}
				if played != 1 {
					t.Fatalf("round %d: %v, want one of them to play", i, statuses)
				}
			}
		})
	}
}

// TestGhosts: a new play session on the same device replaces the old one at once, which does not count,
// and may still fetch what it was about to.
func TestGhosts(t *testing.T) {
	g := startMedia(t, perUser(1, "reject"), 1)
	g.bind(t, "1", map[string]string{"t1": "u1", "t2": "u1"})
	tv, phone := player{g, "t1", "tv", ""}, player{g, "t2", "phone", ""}
	for i := range 10 { // seeking
		tv.plays(t, fmt.Sprint("s", i))
	}
	tv.plays(t, "s8")
	phone.isRefused(t, "p")
	tv.plays(t, "s9")

	// Beyond its grace it is a second stream on this device, and there is room for one only.
	g.setTimes(t, 90, 0)
	tv.isRefused(t, "s7")
	tv.plays(t, "s9")
}

// TestGhostThatGoesOn: a replaced transfer that runs on is ended when there is no room for it, and counted
// when there is.
func TestGhostThatGoesOn(t *testing.T) {
	g := startMedia(t, perUser(1, "reject"), 1)
	g.bind(t, "1", map[string]string{"t1": "u1"})
	tv := player{g, "t1", "tv", ""}
	old := tv.run(t, "old")
	fresh := tv.run(t, "fresh")
	old.goesOn(t)
	g.setTimes(t, 90, 0)
	old.isCut(t)
	fresh.goesOn(t)

	g = startMedia(t, perUser(2, "reject"), 1)
	g.bind(t, "1", map[string]string{"t1": "u1", "t2": "u1"})
	tv = player{g, "t1", "tv", ""}
	old, fresh = tv.run(t, "old"), tv.run(t, "fresh")
	player{g, "t2", "phone", ""}.plays(t, "p")
	player{g, "t2", "phone", ""}.plays(t, "p")
	g.setTimes(t, 90, 0)
	old.isCut(t) // fresh and p are two
	fresh.goesOn(t)
}

// TestExpiry: a stream that has sent no byte for its time does not count; one that sends does.
func TestExpiry(t *testing.T) {
	g := startMedia(t, perUser(1, "reject"), 1)
	g.bind(t, "1", map[string]string{"t1": "u1", "t2": "u1"})
	g.setTimes(t, 1.5, 30)
	tv, phone := player{g, "t1", "tv", ""}, player{g, "t2", "phone", ""}
	transfer := tv.run(t, "s1")
	for began := time.Now(); time.Since(began) < 4*time.Second; time.Sleep(100 * time.Millisecond) {
		phone.isRefused(t, "p") // for longer than a silent stream would count
	}
	transfer.goesOn(t)
	transfer.stop()
	eventually(t, func() error {
		if a := phone.play(t, "p"); a.StatusCode != http.StatusOK {
			return fmt.Errorf("still refused: %s", a.body)
		}
		return nil
	})
}

// TestReportedEnd: what its own player reports as ended does not count; others' reports change nothing.
func TestReportedEnd(t *testing.T) {
	for name, report := range map[string]func(p player, session string) answer{
		"stopped": func(p player, session string) answer {
			return p.report(t, http.MethodPost, "/emby/Sessions/Playing/Stopped", fmt.Sprintf(`{"ItemId":%q,"PlaySessionId":%q}`, film, session))
		},
		"stopped without play session": func(p player, _ string) answer {
			return p.report(t, http.MethodPost, "/Sessions/Playing/Stopped/", fmt.Sprintf(`{"itemId":%q}`, film))
		},
		"encoding": func(p player, session string) answer {
			return p.report(t, http.MethodDelete, "/Videos/ActiveEncodings?deviceId="+p.device+"&playSessionId="+session, "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := startMedia(t, perUser(1, "reject"), 2)
			g.bind(t, "1", map[string]string{"t1": "u1", "t2": "u1", "o": "u2"})
			tv, phone := player{g, "t1", "tv", ""}, player{g, "t2", "phone", ""}
			tv.plays(t, "s1")
			for _, stranger := range []player{{g, "o", "tv", ""}, {g, "", "tv", ""}, {g, "", "", ""}} {
				report(stranger, "s1")
			}
			phone.isRefused(t, "p")
			report(tv, "s1")
			phone.plays(t, "p")
			tv.isRefused(t, "s2")
		})
	}
	t.Run("not JSON", func(t *testing.T) {
		g := startMedia(t, perUser(1, "reject"), 1)
		for _, body := range []string{"", "{", "[]", "null", `{"PlaySessionId":5,"ItemId":[]}`, strings.Repeat("x", 100_000)} {
			(player{g, "t", "tv", ""}).report(t, http.MethodPost, "/Sessions/Playing/Stopped", body)
		}
	})
}

func (p player) report(t *testing.T, method, path, body string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, fmt.Sprintf("http://127.0.0.1:%d%s", p.g.port, path), strings.NewReader(body))
	must(t, err)
	header := p.header()
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	req.Host = req.Header.Get("Host")
	req.Header.Set("Content-Type", "application/json")
	a := send(t, http.DefaultTransport, req)
	if a.StatusCode == http.StatusInternalServerError {
		t.Errorf("%s %s: %s", path, clipped(body), a.Status)
	}
	return a
}

// TestKickOldest: the newest stream plays, the oldest one's transfer ends, and its player does not get
// back in by trying again.
func TestKickOldest(t *testing.T) {
	g := startMedia(t, perUser(2, "kick_oldest"), 2)
	g.bind(t, "1", map[string]string{"t1": "u1", "t2": "u1", "t3": "u1"})
	oldest := player{g, "t1", "tv", ""}.run(t, "s1")
	second := player{g, "t2", "phone", ""}.run(t, "s2")
	third := player{g, "t3", "tablet", ""}.run(t, "s3")
	t.Logf("ended after %v", oldest.isCut(t))
	second.goesOn(t)
	third.goesOn(t)
	player{g, "t1", "tv", ""}.isRefused(t, "s1")
}

// TestFailedStream: what the media server has not got, and what another rule refuses, does not count.
func TestFailedStream(t *testing.T) {
	rules := strings.Replace(perUser(1, "reject"), `"default": {`, `"default": {"allowed_clients": ["TV"], `, 1)
	g := startMedia(t, rules, 1)
	g.bind(t, "1", map[string]string{"t1": "u1", "t2": "u1"})
	header := append(player{g, "t1", "tv", ""}.header(), "Connection", "close")
	if a := g.get(t, "/Videos/"+film+"/stream.mkv?size=no", header...); a.StatusCode != http.StatusBadRequest {
		t.Fatalf("got %s", a.Status)
	}
	checkRefusal(t, g.get(t, streamPath(film, "s0"), "Host", "one.test", "Authorization",
		`MediaBrowser Client="Ripper", DeviceId="x", Token="t1"`), 403, "client_not_allowed")
	player{g, "t2", "phone", ""}.plays(t, "s2")
	player{g, "t1", "tv", ""}.isRefused(t, "s1")
}

// TestAnonymousStreams: a stream without token, device or play session belongs to whoever prepared it at
// this address, and to the session that is known.
func TestAnonymousStreams(t *testing.T) {
	g := startMedia(t, perUser(1, "reject"), 2)
	g.bind(t, "1", map[string]string{"t1": "u1", "t2": "u1"})
	tv, phone, nobody := player{g, "t1", "tv", ""}, player{g, "t2", "phone", ""}, player{g: g}
	g.get(t, "/Items/"+film+"/PlaybackInfo", tv.header()...)
	nobody.plays(t, "")
	phone.isRefused(t, "s1")
	nobody.plays(t, "")
	tv.plays(t, "s2") // its own stream goes on under a name
	nobody.plays(t, "")
	phone.isRefused(t, "s1")

	// Without any preparation it is the address's, and that has a limit of its own.
	other := "b0000000000000000000000000000002"
	if a := g.get(t, streamPath(other, ""), "Host", "one.test"); a.StatusCode != http.StatusOK {
		t.Errorf("got %s %s", a.Status, a.body)
	}
	if a := g.get(t, streamPath(other, "x"), "Host", "one.test", "User-Agent", "VLC/3"); a.StatusCode != http.StatusOK {
		t.Errorf("its next play session: %s %s", a.Status, a.body)
	}
}

// TestScopes: two media servers on one host share nothing, not with one token and user id for both.
func TestScopes(t *testing.T) {
	g := startMedia(t, perUser(1, "reject"), 1)
	g.bind(t, "1", map[string]string{"t": "u", "t2": "u"})
	g.bind(t, "2", map[string]string{"t": "u", "t2": "u"})
	player{g, "t", "tv", "one.test"}.plays(t, "s")
	player{g, "t2", "phone", "two.test"}.plays(t, "s")
	player{g, "t2", "phone", "one.test"}.isRefused(t, "s")
	player{g, "t", "tv", "two.test"}.isRefused(t, "s")
	(player{g, "t", "tv", "one.test"}).report(t, http.MethodPost, "/Sessions/Playing/Stopped", `{"PlaySessionId":"s"}`)
	player{g, "t", "tv", "two.test"}.isRefused(t, "s2")
	player{g, "t2", "phone", "one.test"}.plays(t, "s")

	// A token of one server is nobody's at the other.
	g.bind(t, "1", map[string]string{"mine": "u3", "mine2": "u3"})
	player{g, "mine", "a", "two.test"}.plays(t, "x")
	player{g, "mine2", "b", "two.test"}.plays(t, "y")
	player{g, "mine", "a", "one.test"}.plays(t, "x")
	player{g, "mine2", "b", "one.test"}.isRefused(t, "y")
}

// TestStreamsAcrossReload: what runs in workers of the old generation counts, and can be kicked, in the new one.
func TestStreamsAcrossReload(t *testing.T) {
	g := startMedia(t, perUser(1, "kick_oldest"), 2)
	g.bind(t, "1", map[string]string{"t1": "u1", "t2": "u1"})
	transfer := player{g, "t1", "tv", ""}.run(t, "s1")
	g.reload(t)
	g.waitRules(t, 2, "streams")
	transfer.goesOn(t)
	player{g, "t2", "phone", ""}.plays(t, "s2")
	transfer.isCut(t)
}
