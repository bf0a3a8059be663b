package telemetry

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const at = `"timestamp":1795379400.125` // 2026-11-22 20:30:00.125

// begin is the Millis of at.
const begin Millis = 1795379400125

// caller is what the slave's access log says of who asked.
const caller = `"ip":"192.0.2.7","server_name":"a.com","scope":"2","profile":"3","client_name":"Infuse-Direct","client_version":"8.2",` +
	`"device_id":"dev","device_name":"TV","kind":"header","user_id":"u1","token_hash":"abc","user_agent":"Infuse/8"`

// TestLineOfOurs: one line becomes rows of all kinds that it tells of.
func TestLineOfOurs(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		lines := []string{
			// A stream of 100 s, 700 of its 1,000 bytes reported while it ran.
			`{` + at + `,"request_id":"r1","method":"GET","status":206,"bytes_sent":1000,"request_time":100.000,"upstream_time":"0.001, 0.002 : 0.1","upstream_status":"502, 200","accounted":700,` + caller + `,"uri":"/emby/Videos/i1/stream.mkv","play_session_id":"p1","item_id":"i1","verdict":"throttle","reason":"enforcement","rule":"9"}`,
			`{` + at + `,"request_id":"r2","method":"GET","status":403,"bytes_sent":50,"request_time":0.000,"upstream_time":"","upstream_status":"-","accounted":0,` + caller + `,"uri":"/Items/abcdef0123456789abcdef0123456789","verdict":"reject","reason":"client_not_allowed","rule":"7"}`,
			`{` + at + `,"request_id":"r3","method":"POST","status":204,"bytes_sent":20,"request_time":0.004,"upstream_time":"0.004","upstream_status":"204","accounted":0,` + caller + `,"uri":"/Sessions/Playing","play_session_id":"p1","item_id":"i1","playback":{"event":"start","position_ticks":5,"is_paused":true},"verdict":"allow","reason":"","rule":""}`,
			`{` + at + `,"request_id":"r4","method":"POST","status":200,"bytes_sent":30,"request_time":0.04,"upstream_time":"0.04","upstream_status":"200","accounted":0,` + caller + `,"uri":"/Users/AuthenticateByName","login":{"success":true,"user_id":"U-1-2","user_name":"Ann"},"verdict":"allow","reason":"","rule":""}`,
		}
		res := b.report(ReportAccess, "k", `{"entries":[`+strings.Join(lines, ",")+`]}`)
		if res.Accepted != 4 {
			t.Errorf("%+v", res)
		}
		b.wantRow(`SELECT time, server_id, ip, method, uri, status, bytes_sent, accounted, request_time_us, upstream_time_us, upstream_status, streaming, server_name, profile,
			client_name, client_version, client_kind, device_id, device_name, user_id, token_hash, user_agent, play_session_id, item_id, verdict, reason, rule FROM access_logs WHERE request_id = 'r1'`,
			begin, 2, "192.0.2.7", "GET", "/emby/Videos/i1/stream.mkv", 206, 1000, 700, 100_000_000, 103_000, 200, b.truth(true), "a.com", "3",
			"Infuse-Direct", "8.2", "header", "dev", "TV", "u1", "abc", "Infuse/8", "p1", "i1", "throttle", "enforcement", "9")
		b.wantRow("SELECT time, server_id, request_id, status, uri, reason, rule, user_id, device_id FROM blocked_requests",
			begin, 2, "r2", 403, "/Items/abcdef0123456789abcdef0123456789", "client_not_allowed", "7", "u1", "dev")
		b.wantRow("SELECT event, play_session_id, item_id, user_id, position_ticks, is_paused FROM playback_events", "start", "p1", "i1", "u1", 5, b.truth(true))
		b.wantRow("SELECT event, success, user_id, user_name, ip FROM login_events", "login", b.truth(true), "u12", "Ann", "192.0.2.7")
		b.wantRow("SELECT server_id, play_session_id, device_id, started_at, last_seen_at, stopped_at, requests, bytes, position_ticks FROM playback_sessions",
			2, "p1", "dev", begin-100_000, begin, 0, 2, 320, 5)
		b.wantRow("SELECT device_id, user_id, device_name, requests, first_seen_at FROM devices", "dev", "u1", "TV", 4, begin)
		b.wantRow("SELECT day, user_id, requests, refused, bytes FROM user_activities", begin.Day(), "u1", 4, 1, 400)
		b.wantRow("SELECT hour, user_id, device_id, ip, requests, bytes FROM bandwidth", begin.Hour(), "u1", "dev", "192.0.2.7", 4, 400)
		b.wantRow("SELECT day, user_id, item_id, requests, bytes, plays FROM media_access", begin.Day(), "u1", "i1", 1, 300, 1)
		b.wantRow("SELECT method, requests, refused, errors_4xx FROM api_calls WHERE endpoint = '/items/{id}'", "GET", 1, 1, 0)
		b.wantRow("SELECT requests, refused, errors_4xx, bytes, h0 + h1 + h2 + h3 + h4 + h5 + h14 + h15, h2, h5 FROM rollup_hourly WHERE dimension = 'user'", 4, 1, 0, 400, 2, 1, 1)
		b.wantRow("SELECT value, requests FROM rollup_daily WHERE dimension = 'rule'", "7", 1)
	})
}

// TestUsage: bytes of a running transfer count when they flow, those of its end when it ends.
func TestUsage(t *testing.T) {
	onEach(t, func(_ *testing.T, b *bed) {
		earlier := `"timestamp":1795375800.125` // an hour before
		b.report(ReportBandwidth, "", `{"entries":[{`+earlier+`,"request_id":"r1",`+caller+`,"play_session_id":"p1","item_id":"i1","verdict":"allow","bytes":600,"epoch":"e","seq":1}]}`)
		b.report(ReportAccess, "", `{"entries":[{`+at+`,"request_id":"r1","method":"GET","status":206,"bytes_sent":1000,"request_time":4000,"accounted":600,`+caller+`,"uri":"/Videos/i1/stream","play_session_id":"p1","item_id":"i1","verdict":"allow"}]}`)
		for dimension, value := range map[Dimension]string{All: "", ByUser: "u1", ByIP: "192.0.2.7", ByClient: "Infuse-Direct"} {
			b.wantRow(fmt.Sprintf("SELECT value, requests, bytes FROM rollup_hourly WHERE dimension = '%s' AND period = %d", dimension, (begin-hour).Hour()), value, 0, 600)
			b.wantRow(fmt.Sprintf("SELECT value, requests, bytes FROM rollup_hourly WHERE dimension = '%s' AND period = %d", dimension, begin.Hour()), value, 1, 400)
		}
		b.wantRow("SELECT sum(bytes), count(*) FROM bandwidth", 1000, 2)
		b.wantRow("SELECT started_at, bytes, requests FROM playback_sessions", begin-4_000_000, 1000, 1)
		b.wantRow("SELECT first_access_at, last_access_at, bytes FROM media_access", begin-hour, begin, 1000)
		b.wantRow("SELECT bytes FROM user_activities", 1000)
	})
}

// TestOlderAgents: what the Lua agents in the field send, as they send it.
func TestOlderAgents(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		b.report(ReportAccess, "", `{"entries":[{"ip":"192.0.2.8","uri":"/emby/Items?api_key=secret","method":"GET","status":"200","bytes_sent":"1024","request_time":"0.003","upstream_time":null,`+
			`"client_name":"Emby Web","client_version":"4.9","device_id":"d2","device_name":null,"user_id":"0123ABCD-0123-4567-89ab-0123456789ab","token":"plain-token","play_session_id":null,"user_agent":"UA",`+at+`}]}`)
		sum := sha256.Sum256([]byte("plain-token"))
		b.wantRow("SELECT server_id, uri, status, bytes_sent, request_time_us, device_name, user_id, token_hash, verdict FROM access_logs",
			server, "/emby/Items", 200, 1024, 3000, "", "0123abcd0123456789ab0123456789ab", hex.EncodeToString(sum[:]), "")
		b.wantRow("SELECT requests FROM devices WHERE device_id = 'd2'", 1)
		b.wantRow("SELECT requests, bytes FROM user_activities", 1, 1024)
		b.wantRow("SELECT requests, bytes FROM rollup_hourly WHERE dimension = 'all'", 1, 1024)
		if n := b.number("SELECT (SELECT count(*) FROM api_calls) + (SELECT count(*) FROM bandwidth)"); n != 0 {
			t.Errorf("%d rows were derived from a line without a verdict", n)
		}

		b.report(ReportBlocked, "", `{"entries":[{"reason":"blocked_uri","uri":"/x?y","ip":"192.0.2.8",`+at+`}]}`)
		b.wantRow("SELECT reason, uri FROM blocked_requests", "blocked_uri", "/x")
		b.wantRow("SELECT requests, refused FROM rollup_hourly WHERE dimension = 'all'", 1, 1)
		b.report(ReportLogin, "", `{"event_type":"login_success","emby_user_id":"U1","emby_username":"Ann","device_id":"d2","client_name":"Emby Web","client_ip":"192.0.2.8","success":"true"}`)
		b.wantRow("SELECT time, event, success, user_id, user_name, ip FROM login_events", MillisOf(b.now), "login_success", b.truth(true), "u1", "Ann", "192.0.2.8")
		for _, event := range []Report{ReportPlaybackStart, ReportPlaybackProgress, ReportPlaybackStop} {
			b.report(event, "", `{"play_session_id":"p9","item_id":77,"emby_user_id":"U1","device_id":"d2","client_ip":"192.0.2.8","position_ticks":"1.2e+10"}`)
		}
		b.wantRow("SELECT item_id, user_id, requests, stopped_at, position_ticks FROM playback_sessions", "77", "u1", 0, MillisOf(b.now), 12_000_000_000)
		b.wantRow("SELECT count(*), count(DISTINCT event) FROM playback_events", 3, 3)
		b.report(ReportAPICalls, "", `{"items":[{"endpoint":"/emby/Items/Latest","method":"GET","count":"5","errors":1,"bytes":9}]}`)
		b.wantRow("SELECT endpoint, requests, errors_5xx, bytes FROM api_calls", "/items/latest", 5, 1, 9)
		b.report(ReportBandwidth, "", `{"entries":[{"user_id":"U1","client_ip":"192.0.2.8","bandwidth_bytes":"77","request_count":3}]}`)
		b.wantRow("SELECT user_id, ip, requests, bytes FROM bandwidth", "u1", "192.0.2.8", 3, 77)
		b.wantRow("SELECT bytes FROM rollup_hourly WHERE dimension = 'all'", 1024) // the access log has them

		for _, empty := range []string{`{"entries":{}}`, `{"entries":null}`, `{"entries":[]}`, `{}`, `[]`} {
			if res := b.report(ReportAccess, "", empty); res.Accepted != 0 {
				t.Errorf("%s: %+v", empty, res)
			}
		}
	})
}

// TestLatest: names are those of the latest line that tells them, in whatever order lines come, within a batch and
// over several.
func TestLatest(t *testing.T) {
	line := func(second int, name, user, address string) string {
		return fmt.Sprintf(`{"timestamp":%d,"device_id":"d","device_name":"%s","user_id":"%s","ip":"%s","play_session_id":"p","item_id":"i","verdict":"allow"}`,
			1795379400+second, name, user, address)
	}
	lines := []string{line(5, "five", "", "192.0.2.5"), line(9, "nine", "", ""), line(7, "seven", "u7", "192.0.2.7"), line(3, "three", "u3", "192.0.2.3")}
	onEach(t, func(_ *testing.T, b *bed) {
		b.report(ReportAccess, "", `[`+strings.Join(lines, ",")+`]`)
		for _, l := range lines {
			b.report(ReportAccess, "", strings.NewReplacer(`"device_id":"d"`, `"device_id":"e"`, `"play_session_id":"p"`, `"play_session_id":"q"`).Replace(l))
		}
		for _, device := range []string{"d", "e"} {
			b.wantRow("SELECT device_name, last_seen_at - first_seen_at, requests FROM devices WHERE device_id = '"+device+"'", "nine", 6000, 4)
			b.wantRow("SELECT device_name, last_seen_at - started_at, requests FROM playback_sessions WHERE device_id = '"+device+"'", "nine", 6000, 4)
		}
		// A text that the latest line does not tell is of another one.
		b.wantRow("SELECT count(*) FROM devices WHERE user_id IN ('u7', 'u3') AND ip <> ''", 2)
		b.report(ReportAccess, "", line(11, "", "u11", "192.0.2.11"))
		b.wantRow("SELECT device_name, user_id, ip FROM devices WHERE device_id = 'd'", "nine", "u11", "192.0.2.11")
		b.report(ReportAccess, "", line(10, "ten", "u10", "192.0.2.10"))
		b.wantRow("SELECT device_name, user_id, ip FROM devices WHERE device_id = 'd'", "nine", "u11", "192.0.2.11")
	})
}

// TestRealtime: each list is the whole of what its reporter has.
func TestRealtime(t *testing.T) {
	onEach(t, func(_ *testing.T, b *bed) {
		b.report(ReportSessions, "", `{"sessions":[{"session_id":"s1","emby_user_id":"U1","device_id":"d","is_playing":true,"is_paused":false,"started_at":1795379000},{"session_id":"s2","scope":2,"play_session_id":"p2","bytes":5},{"device_id":"nameless"}]}`)
		b.wantRow("SELECT server_id, user_id, is_playing, started_at, reported_at FROM realtime_sessions WHERE session_id = 's1'", 1, "u1", b.truth(true), 1795379000_000, MillisOf(b.now))
		b.wantRow("SELECT server_id, play_session_id, bytes FROM realtime_sessions WHERE session_id = 's2'", 2, "p2", 5)
		b.report(ReportSessions, "", `{"sessions":[{"session_id":"s2","scope":2,"play_session_id":"p2","bytes":8},{"session_id":"s2","scope":2}]}`)
		b.wantRow("SELECT bytes FROM realtime_sessions", 8)
		b.report(ReportSessions, "", `{"sessions":{}}`)
		if n := b.number("SELECT count(*) FROM realtime_sessions"); n != 0 {
			t.Errorf("%d sessions after an empty list", n)
		}
	})
}

// TestAbsurd: rows that cannot be are skipped and counted; all others of their batch are stored.
func TestAbsurd(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		entries := []string{
			`7`, `"x"`, `null`, `[]`, `{"timestamp":1e300}`, `{"timestamp":12}`, `{"timestamp":-5}`, `{"timestamp":1895379400}`,
			`{` + at + `,"ip":"a\u0000b","uri":"` + "\xff\xfe" + `\ud800","status":1e99,"bytes_sent":-5,"request_time":"NaN","user_agent":{"a":1},"scope":99,"verdict":"allow"}`,
			`{` + at + `,"uri":"/` + strings.Repeat("é", 5000) + `","ip":[],"playback":7,"login":{"login":{"success":true}},"verdict":"allow"}`,
			`{"timestamp":"2026-11-22T20:30:00Z","verdict":"allow","request_time":1e300,"upstream_time":"9999999999999999999999 -"}`,
		}
		batch := b.decode(ReportAccess, "", `{"entries":[`+strings.Join(entries, ",")+`]}`)
		if fmt.Sprint(batch.skipped) != "map[no object:4 time:4]" {
			t.Errorf("skipped %v", batch.skipped)
		}
		res, err := b.Store(batch)
		if err != nil || res.Accepted != 3 {
			t.Errorf("%+v, %v", res, err)
		}
		b.wantRow("SELECT ip, status, bytes_sent, server_id FROM access_logs WHERE ip <> ''", "ab", 0, 0, 1)
		if n := b.number("SELECT max(length(uri)) FROM access_logs"); n == 0 || n > maxURI {
			t.Errorf("a path of %d characters", n)
		}
	})
}

// TestBodies: what is wrong with a body as a whole is an error.
func TestBodies(t *testing.T) {
	for _, body := range []string{"", "x", `{"entries":[`, `7`, `"x"`, `{"entries":7}`, `{"entries":{"a":1}}`, `{"entries":"x"}`} {
		batch := newBatch(Sender{}, "", begin, nil)
		if err := batch.Decode(ReportAccess, []byte(body)); err == nil {
			t.Errorf("%q is taken", body)
		}
	}
	batch := newBatch(Sender{}, "", begin, nil)
	if err := batch.Decode(ReportAccess, []byte("["+strings.Repeat("{},", MaxRows)+"{}]")); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too many entries: %v", err)
	}
}

// TestAddress: what is kept of addresses is decided before anything is stored.
func TestAddress(t *testing.T) {
	onEach(t, func(_ *testing.T, b *bed) {
		b.cfg.Address = func(string) string { return "0.0.0.0" }
		b.report(ReportAccess, "", `{"entries":[{`+at+`,"request_id":"r",`+caller+`,"verdict":"reject","reason":"x","login":{"success":true}}]}`)
		b.report(ReportLogin, "", `{"client_ip":"192.0.2.7"}`)
		b.report(ReportSessions, "", `{"sessions":[{"session_id":"s","client_ip":"192.0.2.7"}]}`)
		for _, table := range []string{"access_logs", "blocked_requests", "login_events", "realtime_sessions", "bandwidth", "devices"} {
			b.wantRow("SELECT ip FROM "+table, "0.0.0.0")
		}
		b.wantRow("SELECT value FROM rollup_daily WHERE dimension = 'ip'", "0.0.0.0")
	})
}

// FuzzDecode: no body does harm, and what is stored is text that every database takes.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"entries":[{` + at + `,` + caller + `,"uri":"/x","playback":{"event":"start"},"login":{"success":true},"verdict":"allow"}]}`,
		`{"sessions":[{"session_id":1}]}`, `[{"timestamp":"x"}]`, `{"entries":{}}`, `{"timestamp":1e20,"upstream_status":"502, 200","upstream_time":"0.1 : -"}`,
		"{\"uri\":\"\x00\xff\\u0000\"}", `{"playback":{"playback":{"playback":{}}}}`,
	} {
		for i := range Reports {
			f.Add(i, []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, report int, body []byte) {
		b := newBatch(Sender{Source: "a", ServerID: 1, Servers: []int64{1}}, "", begin, nil)
		if err := b.Decode(Reports[uint(report)%uint(len(Reports))], body); err != nil {
			return
		}
		sums := newSums()
		sums.add(b)
		blocks := append(sums.blocks(), blockOf(accessLogTable, b.Access, (*AccessLog).values), blockOf(blockedTable, b.Blocked, (*BlockedRequest).values),
			blockOf(loginTable, b.Logins, (*LoginEvent).values), blockOf(playbackTable, b.Playbacks, (*PlaybackEvent).values), blockOf(realtimeTable, b.Sessions, (*RealtimeSession).values))
		for _, block := range blocks {
			for i := range block.Len {
				for _, v := range block.Values(i, nil) {
					if s := v.Text; strings.ToValidUTF8(s, "") != s || strings.Contains(s, "\x00") || len(s) > 4*maxURI {
						t.Fatalf("%s holds %q", block.Table.Name, s)
					}
				}
			}
		}
		b.release()
	})
}

// TestObjectByObject: a body in the form of our slaves, which is decoded object by object, gives what the same
// list in another form gives, whatever its texts look like.
func TestObjectByObject(t *testing.T) {
	line := func(more string) string { return `{` + at + `,"ip":"192.0.2.1","verdict":"allow"` + more + `}` }
	long := strings.Repeat(line(`,"uri":"/é"`)+",", 300)
	for _, list := range []string{
		"", line(""), line("") + "," + line(`,"login":{"success":true},"uri":"/a"`), long + line(""), long + "1," + line(""), `1`, `"},{"`,
		long + line(`,"user_agent":"a},{\"verdict\":\"x"`) + "," + line(""), line("") + `,[{},{}],` + line(`,"x":[{"ip":"b"},{"ip":"c"}]`) + "," + line(""),
		line("") + "," + line(`,"user_agent":"\\"`) + " , " + line(""), line("") + "," + line("") + `],"x":[` + line(""),
		line("") + "," + line("") + ",", long + `{"ip":`, line("") + "]}", "]}", line("") + "," + line("") + `],"entries":[`,
	} {
		var batches [2]*Batch
		var errs [2]error
		for i, form := range []string{`{"entries":[` + list + `]}`, ` {"entries":[` + list + `]}`} {
			batches[i] = newBatch(Sender{Source: "a", ServerID: 1, Servers: []int64{1}}, "", begin, nil)
			errs[i] = batches[i].Decode(ReportAccess, []byte(form))
		}
		if (errs[0] == nil) != (errs[1] == nil) {
			t.Fatalf("%.80q: %v and %v", list, errs[0], errs[1])
		}
		if errs[0] != nil {
			continue
		}
		one, other := batches[0], batches[1]
		if one.Accepted != other.Accepted || !slices.Equal(one.Access, other.Access) || !slices.Equal(one.Logins, other.Logins) || !maps.Equal(one.skipped, other.skipped) {
			t.Errorf("%.80q: %d and %d rows, skipped %v and %v", list, one.Accepted, other.Accepted, one.skipped, other.skipped)
		}
		one.release()
		other.release()
	}
}

// truth is how the database tells a boolean.
func (b *bed) truth(v bool) any {
	if _, ok := b.db.(*sqlite); ok && v {
		return 1
	} else if ok {
		return 0
	}
	return v
}

func TestMillis(t *testing.T) {
	if text, err := json.Marshal(map[string]Millis{"a": begin, "b": 0}); err != nil || string(text) != `{"a":"2026-11-22T20:30:00.125Z","b":null}` {
		t.Errorf("%s, %v", text, err)
	}
	first, end := IDRange(begin, begin+1)
	for at, in := range map[Millis]bool{begin: true, begin + 1: true, begin - 126: false, begin + 875: false} {
		for _, number := range []int64{0, 5, 1<<30 - 1, 1<<40 + 3} {
			if id := ID(at, number); (first <= id && id < end) != in {
				t.Errorf("id of %d, %d is within the range: %v", at, number, !in)
			}
		}
	}
	if d := MillisOf(time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)); begin.Day() != d || begin.Hour() != d+20*hour {
		t.Errorf("day %d, hour %d", begin.Day(), begin.Hour())
	}
}

func TestBucket(t *testing.T) {
	for us, want := range map[int64]int{0: 0, 1000: 0, 1001: 1, 5_000: 2, 60_000_000: 14, 60_000_001: 15, 1 << 60: 15} {
		if got := Bucket(us); got != want {
			t.Errorf("%d µs are in bucket %d, want %d", us, got, want)
		}
	}
}

func TestEndpoints(t *testing.T) {
	var e endpoints
	for path, want := range map[string]string{
		"/emby/Users/0123/Items/Latest": "/users/{id}/items/latest", "/Videos/1/stream.mkv": "/videos/{id}/stream",
		"/Items": "/items", "/": "/", "": "/", "//items//9/": "/items/{id}", "/wp-admin/x.php": otherEndpoint,
		"/mediabrowser": "/", "/emby/emby/items": otherEndpoint, "/Videos/1/hls1/main/0.ts": "/videos/{id}/hls1/main/{id}",
		"/items/" + strings.Repeat("a/", 50): "/items/{id}/{id}/{id}/{id}/{id}",
	} {
		if got := e.template(path); got != want {
			t.Errorf("%q is %q, want %q", path, got, want)
		}
	}
	for i := range maxEndpoints * 2 {
		segments := strings.Fields("items users videos audio shows")
		e.template(fmt.Sprintf("/%s/%s/%s/%s/%s/x", segments[i%5], segments[i/5%5], segments[i/25%5], segments[i/125%5], segments[i/625%5]))
	}
	if len(e.known) > maxEndpoints {
		t.Errorf("%d endpoints are kept", len(e.known))
	}
}

// TestReopen: what is stored is there after a restart, its numbers go on, and batches are still known.
func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "master.db")
	line := `{"entries":[{` + at + `,"verdict":"allow"}]}`
	for round := range 2 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			db, err := Open(t.Context(), "sqlite://"+path, discard)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			b := newBed(t, db)
			if res := b.report(ReportAccess, "same", line); res.Duplicate != (round == 1) {
				t.Errorf("round %d: %+v", round, res)
			}
			b.report(ReportAccess, fmt.Sprint(round), line)
			if n := b.number("SELECT count(*) FROM access_logs"); n != int64(round)+2 {
				t.Errorf("%d rows", n)
			}
		})
	}
	if info, err := os.Stat(filepath.Join(filepath.Dir(path), "master-telemetry.db")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}
