package lua_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

func (g *gateway) decide(tb testing.TB, version int64, decisions ...string) {
	tb.Helper()
	body := fmt.Sprintf(`{"version": %d, "decisions": [%s]}`, version, strings.Join(decisions, ","))
	if a := g.admin(tb, http.MethodPut, "/decisions", body); a.StatusCode != http.StatusOK || a.body != fmt.Sprintf(`{"version":%d}`, version) {
		tb.Fatalf("PUT /decisions: %s %s", a.Status, a.body)
	}
}

const banLocalhost = `{"dimension": "ip", "value": "127.0.0.1", "scope": "", "action": "reject", "reason": "ban", "rule_id": 9, "until": null}`

// TestDecisions: what each kind does to a request; a skip list is no way around any of them.
func TestDecisions(t *testing.T) {
	g := start(t, setup{rules: chainRules})
	future := time.Now().Add(time.Hour).Unix()
	for name, tt := range map[string]struct {
		decision, path string
		status         int
		reason         string
	}{
		"ban":                  {banLocalhost, "/Items", 403, "ban"},
		"ban, skipped path":    {banLocalhost, "/web/x", 403, "ban"},
		"blocked comes first":  {banLocalhost, "/System/Logs", 403, "uri_blocked"},
		"another address":      {`{"dimension": "ip", "value": "127.0.0.2", "action": "reject", "reason": "ban"}`, "/Items", 200, ""},
		"another server":       {`{"dimension": "ip", "value": "127.0.0.1", "scope": "77", "action": "reject", "reason": "ban"}`, "/Items", 200, ""},
		"over":                 {`{"dimension": "ip", "value": "127.0.0.1", "action": "reject", "reason": "ban", "until": 1700000000}`, "/Items", 200, ""},
		"device":               {`{"dimension": "device", "value": "tv", "action": "reject", "reason": "ban"}`, "/Items?DeviceId=tv", 403, "ban"},
		"all":                  {`{"dimension": "global", "value": "", "action": "reject", "reason": "ban"}`, "/web/x", 403, "ban"},
		"quota":                {fmt.Sprintf(`{"dimension": "global", "action": "reject", "reason": "quota_requests", "until": %d}`, future), "/Items", 429, "quota_requests"},
		"quota, skipped":       {`{"dimension": "global", "action": "reject", "reason": "quota_bandwidth"}`, "/web/x", 429, "quota_bandwidth"},
		"kicked":               {`{"dimension": "session", "value": "s1", "action": "reject", "reason": "kicked"}`, "/Videos/1/stream?playsessionid=s1", 403, "kicked"},
		"another session":      {`{"dimension": "session", "value": "s1", "action": "reject", "reason": "kicked"}`, "/Videos/1/stream?playsessionid=s2", 200, ""},
		"a user that is named": {`{"dimension": "user", "value": "aa-BB", "action": "reject", "reason": "ban"}`, "/Users/AABB/Items", 403, "ban"},
		"and in the query":     {`{"dimension": "user", "value": "aa-BB", "action": "reject", "reason": "ban"}`, "/Items?userId=aabb", 403, "ban"},
		"throttle":             {`{"dimension": "global", "action": "throttle", "throttle_rate_bps": 1000000, "reason": "ban"}`, "/Items", 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g.decide(t, 1, tt.decision)
			a := g.get(t, tt.path)
			if tt.reason == "" {
				if a.StatusCode != http.StatusOK {
					t.Errorf("got %s %s", a.Status, a.body)
				}
				return
			}
			checkRefusal(t, a, tt.status, tt.reason)
			if seconds, _ := strconv.Atoi(a.Header.Get("Retry-After")); name == "quota" && (seconds < 3500 || seconds > 3600) {
				t.Errorf("Retry-After %d", seconds)
			}
		})
	}
	g.decide(t, 2, banLocalhost)
	id := g.get(t, "/Items").Header.Get("X-Request-Id")
	if l := g.awaitLog(t, func(l logLine) bool { return l.ID == id }); l.Verdict != "reject" || l.Reason != "ban" || l.Rule != "9" {
		t.Errorf("logged %+v", l)
	}
	preflight := g.do(t, http.MethodOptions, "/Items", "Origin", "http://web", "Access-Control-Request-Method", "GET")
	checkRefusal(t, preflight, http.StatusForbidden, "ban")
}

// TestDecisionsAreRefusedWhole: one bad line, and nothing of the set is taken.
func TestDecisionsAreRefusedWhole(t *testing.T) {
	g := start(t, setup{rules: rulesOf("one", "/x")})
	g.decide(t, 5, banLocalhost)
	for field, body := range map[string]string{
		"decisions[1].action":            `{"version": 6, "decisions": [` + banLocalhost + `, {"dimension": "ip", "value": "a", "action": "x", "reason": "ban"}]}`,
		"decisions[0].throttle_rate_bps": `{"version": 6, "decisions": [{"dimension": "ip", "value": "a", "action": "throttle", "reason": "ban"}]}`,
		"version":                        `{"decisions": []}`,
		"decisions":                      `{"version": 6, "decisions": "none"}`,
		"":                               `{`,
	} {
		var refusal struct{ Error, Field string }
		a := g.admin(t, http.MethodPut, "/decisions", body)
		must(t, json.Unmarshal([]byte(a.body), &refusal))
		if a.StatusCode != http.StatusUnprocessableEntity || refusal.Field != field || refusal.Error == "" {
			t.Errorf("%s: %s %s", body, a.Status, a.body)
		}
	}
	if s := g.state(t); s.DecisionsVersion != 5 {
		t.Errorf("version is %d", s.DecisionsVersion)
	}
	checkRefusal(t, g.get(t, "/"), http.StatusForbidden, "ban")
}

// TestDecisionsReachAllWorkers, those of an older generation and those after a reload too.
func TestDecisionsReachAllWorkers(t *testing.T) {
	g := start(t, setup{rules: rulesOf("one", "/x"), workers: 4})
	refusesAll := func(status int) {
		t.Helper()
		eventually(t, func() error {
			for range 20 {
				if a := g.get(t, "/", "Connection", "close"); a.StatusCode != status {
					return fmt.Errorf("a worker answers %s", a.Status)
				}
			}
			return nil
		})
	}
	g.decide(t, 1, banLocalhost)
	refusesAll(http.StatusForbidden)
	g.reload(t)
	g.waitRules(t, 2, "one")
	for range 20 {
		checkRefusal(t, g.get(t, "/", "Connection", "close"), http.StatusForbidden, "ban")
	}
	g.decide(t, 2)
	refusesAll(http.StatusOK)
}

// TestEnforcements: those of the rules hold beside what is pushed.
func TestEnforcements(t *testing.T) {
	rules := `{"hash": "%s", "default": {}, "rate_limit": {"enforcements": [{"dimension": "device", "dimension_value": "tv", "action": "reject",
		"throttle_rate_bps": 0, "reason": "too much", "effective_until": "%s"}]}}`
	g := start(t, setup{rules: fmt.Sprintf(rules, "one", time.Now().Add(time.Hour).Format(time.RFC3339Nano))})
	g.decide(t, 1, `{"dimension": "device", "value": "phone", "action": "reject", "reason": "ban"}`)
	for _, device := range []string{"tv", "phone"} {
		checkRefusal(t, g.get(t, "/?deviceid="+device), http.StatusForbidden, "ban")
	}
	g.putRules(t, fmt.Sprintf(rules, "two", time.Now().Add(-time.Hour).Format(time.RFC3339)))
	if a := g.get(t, "/?deviceid=tv"); a.StatusCode != http.StatusOK {
		t.Errorf("after its end: %s", a.Status)
	}
	checkRefusal(t, g.get(t, "/?deviceid=phone"), http.StatusForbidden, "ban")
}

// startFilms is a gateway in front of a media server whose films have size bytes, sent at pace bytes in 10 ms;
// 0 sends as fast as it goes. announce: with a Content-Length.
func startFilms(t *testing.T, rules string, size, pace int, announce bool) *gateway {
	t.Helper()
	chunk := make([]byte, 64<<10)
	media := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if announce {
			w.Header().Set("Content-Length", strconv.Itoa(size))
		}
		for left := size; left > 0; {
			n := min(left, len(chunk))
			if pace > 0 {
				n = min(n, pace)
			}
			if _, err := w.Write(chunk[:n]); err != nil {
				return
			}
			left -= n
			if pace > 0 {
				w.(http.Flusher).Flush()
				select {
				case <-r.Context().Done():
					return
				case <-time.After(10 * time.Millisecond):
				}
			}
		}
	}))
	t.Cleanup(media.Close)
	return start(t, setup{rules: rules, workers: 2, servers: `server {
		listen 127.0.0.1:{port}; set $config_server_id "1";
		access_by_lua_file {root}/lua/access.lua; header_filter_by_lua_file {root}/lua/header_filter.lua; log_by_lua_file {root}/lua/log_handler.lua;
		location / { proxy_pass ` + media.URL + `; proxy_buffer_size 16k; proxy_buffers 8 32k; }
	}`})
}

// watch asks for a film and returns how the transfer ended.
func (g *gateway) watch(t *testing.T, path string) <-chan error {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", g.port, path), nil)
	must(t, err)
	resp, err := (&http.Transport{}).RoundTrip(req)
	must(t, err)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", path, resp.Status)
	}
	_, err = io.ReadFull(resp.Body, make([]byte, 1000))
	must(t, err)
	ended := make(chan error, 1)
	go func() { // ends with the body, or the context
		_, err := io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		ended <- err
	}()
	return ended
}

// TestDecisionsEndTransfers: a decision that appears while transfers run ends those it is about within 2 s,
// and no other. A throttled player that comes back is served at the new rate.
func TestDecisionsEndTransfers(t *testing.T) {
	for name, tt := range map[string]struct{ decision, verdict, reason string }{
		"ban":      {`{"dimension": "device", "value": "tv", "action": "reject", "reason": "ban"}`, "reject", "ban"},
		"quota":    {`{"dimension": "device", "value": "tv", "scope": "1", "action": "reject", "reason": "quota_bandwidth"}`, "reject", "quota_bandwidth"},
		"kick":     {`{"dimension": "session", "value": "s1", "action": "reject", "reason": "kicked"}`, "reject", "kicked"},
		"throttle": {`{"dimension": "device", "value": "tv", "action": "throttle", "throttle_rate_bps": 2000000, "reason": "quota_bandwidth"}`, "throttle", "quota_bandwidth"},
	} {
		t.Run(name, func(t *testing.T) {
			g := startFilms(t, rulesOf("one", "/x"), 1<<30, 32<<10, name != "ban")
			doomed := g.watch(t, "/Videos/1/stream.mkv?DeviceId=tv&PlaySessionId=s1")
			other := g.watch(t, "/Videos/1/stream.mkv?DeviceId=phone&PlaySessionId=s2")
			g.decide(t, 1, tt.decision)
			select {
			case err := <-doomed:
				if err == nil {
					t.Error("the transfer came to its own end")
				}
			case <-time.After(2 * time.Second):
				t.Fatal("the transfer goes on after 2 s")
			}
			l := g.awaitLog(t, func(l logLine) bool { return l.DeviceID == "tv" })
			if l.Verdict != tt.verdict || l.Reason != tt.reason || l.Status != 200 {
				t.Errorf("logged %+v", l)
			}
			if name == "throttle" {
				again := g.watch(t, "/Videos/1/stream.mkv?DeviceId=tv&PlaySessionId=s1")
				g.decide(t, 2, tt.decision) // the rate that it has already
				select {
				case err := <-again:
					t.Errorf("the throttled transfer was cut: %v", err)
				case <-time.After(500 * time.Millisecond): // five ticks of the workers
				}
			}
			select {
			case err := <-other:
				t.Errorf("the other transfer ended: %v", err)
			default:
			}
			if strings.Contains(g.log.String(), "[error]") {
				t.Errorf("an error line: %s", g.log)
			}
		})
	}
}

type usageRecord struct {
	logLine
	Bytes int64 `json:"bytes"`
	Seq   int64 `json:"seq"`
}

// readUsage returns the records after that number of that epoch, which are then forgotten.
func (g *gateway) readUsage(t *testing.T, epoch string, after int64, limit int) (newEpoch string, _ []usageRecord) {
	t.Helper()
	var answer struct {
		Epoch string
		Usage []usageRecord
	}
	a := g.admin(t, http.MethodPost, fmt.Sprintf("/usage?epoch=%s&after=%d&max=%d", epoch, after, limit), "")
	if err := json.Unmarshal([]byte(a.body), &answer); err != nil || a.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %v", a.Status, a.body, err)
	}
	return answer.Epoch, answer.Usage
}

// takeUsage returns the oldest records and has them forgotten.
func (g *gateway) takeUsage(t *testing.T, limit int) []usageRecord {
	t.Helper()
	epoch, records := g.readUsage(t, "", 0, limit)
	if len(records) > 0 {
		g.readUsage(t, epoch, records[len(records)-1].Seq, 0)
	}
	return records
}

// TestUsage: bytes are reported while a transfer runs, and the sum is right whether it ends, breaks or goes on.
func TestUsage(t *testing.T) {
	const size = 100 << 20
	g := startFilms(t, rulesOf("one", "/x"), size, 0, true)
	a := g.get(t, "/Videos/7/stream.mkv?DeviceId=tv&PlaySessionId=s1")
	if len(a.body) != size {
		t.Fatalf("%d bytes", len(a.body))
	}
	l := g.awaitLog(t, func(l logLine) bool { return l.DeviceID == "tv" })
	if l.BytesSent < size || l.Accounted < size/2 || l.Accounted > l.BytesSent {
		t.Errorf("logged %d bytes, %d accounted for", l.BytesSent, l.Accounted)
	}
	// What is not confirmed is there again, and so it is for a supervisor that knows another nginx.
	epoch, first := g.readUsage(t, "", 0, 2)
	if _, again := g.readUsage(t, "another", 9, 2); epoch == "" || len(first) != 2 || len(again) != 2 || again[0] != first[0] || again[1].Seq != first[0].Seq+1 {
		t.Errorf("read %+v, then %+v", first, again)
	}

	var sum int64
	count := 0
	for {
		records := g.takeUsage(t, 3)
		if len(records) > 3 {
			t.Fatalf("%d records, asked for 3", len(records))
		}
		if len(records) == 0 {
			break
		}
		for _, r := range records {
			if r.ID != l.ID || r.DeviceID != "tv" || r.PlaySessionID != "s1" || r.ItemID != "7" || r.Scope != "1" || r.IP != "127.0.0.1" || r.Bytes <= 0 {
				t.Errorf("got %+v", r)
			}
			sum += r.Bytes
			count++
		}
	}
	if sum != l.Accounted || count < 5 || count > 13 {
		t.Errorf("%d records of %d bytes, %d accounted for", count, sum, l.Accounted)
	}

	// One that breaks.
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/Videos/8/stream.mkv?DeviceId=phone", g.port), nil)
	must(t, err)
	resp, err := (&http.Transport{}).RoundTrip(req)
	must(t, err)
	_, err = io.CopyN(io.Discard, resp.Body, size/2)
	must(t, err)
	cancel()
	_ = resp.Body.Close()
	l = g.awaitLog(t, func(l logLine) bool { return l.DeviceID == "phone" })
	sum = 0
	for _, r := range g.takeUsage(t, 1000) {
		sum += r.Bytes
	}
	if sum != l.Accounted || l.Accounted < size/4 || l.BytesSent < size/2 {
		t.Errorf("%d bytes reported, logged %d of %d", sum, l.Accounted, l.BytesSent)
	}

	// Small answers report nothing.
	g = startFilms(t, rulesOf("one", "/x"), 900_000, 0, true)
	g.get(t, "/Items?DeviceId=x")
	if l := g.awaitLog(t, func(l logLine) bool { return l.DeviceID == "x" }); l.Accounted != 0 || len(g.takeUsage(t, 10)) != 0 {
		t.Errorf("a small answer: %+v", l)
	}
}

// TestCutIsSeen: a cut transfer is an error to the player, never a short film that looks whole.
func TestCutIsSeen(t *testing.T) {
	g := startFilms(t, rulesOf("one", "/x"), 1<<30, 32<<10, false) // chunked
	ended := g.watch(t, "/Videos/1/stream.mkv?DeviceId=tv")
	g.decide(t, 1, `{"dimension": "device", "value": "tv", "action": "reject", "reason": "ban"}`)
	if err := <-ended; err == nil {
		t.Error("the film came to its end")
	}
}
