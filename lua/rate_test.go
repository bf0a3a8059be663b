package lua_test

import (
	"fmt"
	"math"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// rateRules is a rules.json with nothing but rate rules.
func rateRules(hash, rules string) string {
	return fmt.Sprintf(`{"hash": %q, "default": {"skip_list": [{"pattern": "/web/", "match_type": "prefix"}]}, "rate_limit": {"rules": [%s]}}`, hash, rules)
}

// TestRateIsExact: 32 connections hammer one key, on two workers; what gets through is N per second, and the
// burst once. SOAK=1 runs it for the 60 seconds that the promise is about.
func TestRateIsExact(t *testing.T) {
	const rate, burst = 500, 700
	duration := 5 * time.Second
	if os.Getenv("SOAK") != "" {
		duration = time.Minute
	}
	g := start(t, setup{workers: 2, rules: rateRules("rate", fmt.Sprintf(
		`{"id": 1, "apply_to": "ip", "rate_per_second": %d, "rate_burst": %d, "over_action": "reject"}`, rate, burst))})
	var admitted, refused atomic.Int64
	var hammering sync.WaitGroup
	began := time.Now()
	for range 32 {
		hammering.Go(func() {
			via := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}} // a connection of its own
			defer via.CloseIdleConnections()
			for time.Since(began) < duration {
				resp, err := via.Get(fmt.Sprintf("http://127.0.0.1:%d/Items", g.port))
				if err != nil {
					t.Error(err)
					return
				}
				_ = resp.Body.Close()
				switch resp.StatusCode {
				case http.StatusOK:
					admitted.Add(1)
				case http.StatusTooManyRequests:
					refused.Add(1)
				default:
					t.Errorf("answered %s", resp.Status)
				}
			}
		})
	}
	hammering.Wait()
	want := rate*time.Since(began).Seconds() + burst
	if got := float64(admitted.Load()); math.Abs(got-want) > want/100 {
		t.Errorf("%v of %v got through in %v, want %.0f ± 1 %%", got, admitted.Load()+refused.Load(), time.Since(began), want)
	}
	if refused.Load() < admitted.Load() {
		t.Errorf("only %d refused: that was no hammering", refused.Load())
	}
}

// TestRateRefusal: 429 with Retry-After, for the key that is over its rate and for no other.
func TestRateRefusal(t *testing.T) {
	g := start(t, setup{rules: rateRules("rate",
		`{"id": 3, "apply_to": "device", "rate_per_minute": 2}, {"id": 4, "apply_to": "device", "apply_value": "tv", "rate_per_minute": 1}`)})
	ask := func(path, device string) answer {
		return g.get(t, path, "Authorization", `MediaBrowser Client="c", DeviceId="`+device+`", Token="t"`)
	}
	for i := range 2 {
		if a := ask("/Items", "phone"); a.StatusCode != http.StatusOK {
			t.Fatalf("request %d: %s", i, a.Status)
		}
	}
	a := ask("/Items", "phone")
	checkRefusal(t, a, http.StatusTooManyRequests, "rate_limited")
	if seconds, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || seconds < 1 || seconds > 90 {
		t.Errorf("Retry-After %q", a.Header.Get("Retry-After"))
	}
	if a := ask("/web/x", "phone"); a.StatusCode != http.StatusOK {
		t.Errorf("on the skip list: %s", a.Status)
	}
	if a := ask("/Items", "tablet"); a.StatusCode != http.StatusOK {
		t.Errorf("another device: %s", a.Status)
	}
	ask("/Items", "tv")
	checkRefusal(t, ask("/Items", "tv"), http.StatusTooManyRequests, "rate_limited")

	// Counters outlive a change of rules.
	g.putRules(t, rateRules("more", `{"id": 3, "apply_to": "device", "rate_per_minute": 2}`))
	checkRefusal(t, ask("/Items", "phone"), http.StatusTooManyRequests, "rate_limited")
}

// TestRatesOfTwoServers: two media servers on one host share no counter.
func TestRatesOfTwoServers(t *testing.T) {
	g := start(t, setup{
		rules: rateRules("rate", `{"id": 1, "apply_to": "ip", "rate_per_minute": 1}`),
		servers: `server { listen 127.0.0.1:{port}; server_name one.test; set $config_server_id "1"; access_by_lua_file {root}/lua/access.lua; location / { content_by_lua_block { ngx.print("passed") } } }
			server { listen 127.0.0.1:{port}; server_name two.test; set $config_server_id "2"; access_by_lua_file {root}/lua/access.lua; location / { content_by_lua_block { ngx.print("passed") } } }`,
	})
	for _, host := range []string{"one.test", "two.test"} {
		if a := g.get(t, "/", "Host", host); a.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", host, a.Status)
		}
		checkRefusal(t, g.get(t, "/", "Host", host), http.StatusTooManyRequests, "rate_limited")
	}
}

// TestRateOverActions: what is over a rate that warns or throttles gets through, and the log says so.
func TestRateOverActions(t *testing.T) {
	g := start(t, setup{
		rules: rateRules("rate",
			`{"id": 1, "apply_to": "device", "apply_value": "warned", "rate_per_minute": 1, "over_action": "warn"},
		 {"id": 2, "apply_to": "device", "apply_value": "slowed", "rate_per_minute": 1, "over_action": "throttle", "throttle_rate_bps": 65536}`),
		servers: `server { listen 127.0.0.1:{port}; access_by_lua_file {root}/lua/access.lua;
			location / { content_by_lua_block { ngx.print(ngx.var.limit_rate) } } }`,
	})
	for _, tt := range []struct{ device, rate, verdict, rule string }{
		{"warned", "0", "allow", ""}, {"warned", "0", "warn", "1"}, {"slowed", "0", "allow", ""}, {"slowed", "65536", "throttle", "2"},
	} {
		a := g.get(t, "/Items?deviceId="+tt.device)
		if a.StatusCode != http.StatusOK || a.body != tt.rate {
			t.Errorf("%s: %s, limit_rate %s, want %s", tt.device, a.Status, a.body, tt.rate)
		}
		line := g.awaitLog(t, func(l logLine) bool { return l.DeviceID == tt.device && l.Verdict == tt.verdict })
		if line.Rule != tt.rule || tt.rule != "" && line.Reason != "rate_limited" {
			t.Errorf("logged %+v, want %+v", line, tt)
		}
	}
}

// TestFullRateDict: with a dict that holds a fraction of the keys, one that keeps coming stays limited, and
// new ones are let in.
func TestFullRateDict(t *testing.T) {
	g := start(t, setup{rules: rateRules("rate", `{"id": 1, "apply_to": "device", "rate_per_minute": 5}`)},
		"lua_shared_dict rate_limit 32m", "lua_shared_dict rate_limit 64k")
	for i := range 2000 {
		if a := g.get(t, fmt.Sprintf("/Items?deviceId=device-%d", i)); a.StatusCode != http.StatusOK {
			t.Fatalf("device %d: %s", i, a.Status)
		}
		a := g.get(t, "/Items?deviceId=hammer")
		if want := map[bool]int{true: http.StatusOK, false: http.StatusTooManyRequests}[i < 5]; a.StatusCode != want {
			t.Fatalf("hammer's request %d: %s", i, a.Status)
		}
	}
	if s := g.state(t); s.RateLimit.Evicted < 500 || s.RateLimit.Unlimited != 0 {
		t.Errorf("counted %+v", s.RateLimit)
	}
}
