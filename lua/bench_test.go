package lua_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// BenchmarkChain compares what a proxied request costs nginx's worker in processor time, plain and
// through the chain. The figure that counts is cpu-us/req, from /proc; ns/op is mostly the client.
func BenchmarkChain(b *testing.B) {
	var rules strings.Builder
	for i := range 100 {
		fmt.Fprintf(&rules, `{"pattern": "/blocked/%d/", "match_type": "prefix"}, {"pattern": "/exact/%d", "match_type": "exact"},`, i, i)
	}
	for i := range 20 {
		fmt.Fprintf(&rules, `{"pattern": "^/items/[^/]+/forbidden%d$", "match_type": "regex"},`, i)
	}
	list := strings.TrimSuffix(rules.String(), ",")
	document := fmt.Sprintf(`{"hash": "bench", "default": {
		"skip_list": [{"pattern": "/web/", "match_type": "prefix"}, {"pattern": "/images/[^/]+$", "match_type": "regex"}],
		"block_list": [%s], "allowed_clients": ["Jellyfin Web", "Emby Web"], "min_versions": {"Jellyfin Web": "10.8"},
		"fake_counts_enabled": true, "fake_counts_value": 1}}`, list)

	// The media server is nginx too, so that it costs as little as one can.
	media := start(b, setup{servers: `server { listen 127.0.0.1:{port}; location / { return 200 "passed"; } }`})
	upstream := fmt.Sprintf(`upstream media { server 127.0.0.1:%d; keepalive 32; }`, media.port)
	proxy := `location / { proxy_pass http://media; proxy_set_header Connection ""; proxy_set_header Host $host;
		proxy_set_header X-Real-IP $remote_addr; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }`
	chain := `access_by_lua_file {root}/lua/access.lua; header_filter_by_lua_file {root}/lua/header_filter.lua;
		log_by_lua_file {root}/lua/log_handler.lua;`
	web := `MediaBrowser Client="Jellyfin Web", Device="Firefox", DeviceId="ZGV2aWNl", Version="10.11.5", Token="0123456789abcdef"`
	for _, tt := range []struct{ name, handlers, path, auth string }{
		{"plain/header", "", "/Users/5/Items/Resume?Limit=12", web},
		{"chain/header", chain, "/Users/5/Items/Resume?Limit=12", web},
		{"plain/query", "", "/emby/Videos/5/stream.mkv?X-Emby-Client=Emby%20Web&X-Emby-Device-Id=d&X-Emby-Client-Version=4.8.0.39&X-Emby-Token=t", ""},
		{"chain/query", chain, "/emby/Videos/5/stream.mkv?X-Emby-Client=Emby%20Web&X-Emby-Device-Id=d&X-Emby-Client-Version=4.8.0.39&X-Emby-Token=t", ""},
		{"plain/skip", "", "/web/main.js", ""},
		{"chain/skip", chain, "/web/main.js", ""},
	} {
		b.Run(tt.name, func(b *testing.B) {
			g := start(b, setup{rules: document, servers: upstream + ` server { listen 127.0.0.1:{port}; ` + tt.handlers + proxy + ` }`})
			worker := g.state(b).PID
			for range 200 { // JIT, caches, connections
				fetch(g.port, tt.path, tt.auth)
			}
			var failed atomic.Int64
			b.SetParallelism(4)
			before := cpuTicks(b, worker)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if !fetch(g.port, tt.path, tt.auth) {
						failed.Add(1)
					}
				}
			})
			b.StopTimer()
			if n := failed.Load(); n > 0 {
				b.Fatalf("%d requests failed", n)
			}
			const tick = 10_000 // microseconds; USER_HZ is 100 on Linux
			b.ReportMetric(float64(cpuTicks(b, worker)-before)*tick/float64(b.N), "cpu-us/req")
		})
	}
}

var pooled = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

func fetch(port int, path, auth string) bool {
	req, err := http.NewRequest(http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", port, path), nil)
	if err != nil {
		return false
	}
	req.Header = http.Header{
		"User-Agent":      {"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"},
		"Accept":          {"application/json"},
		"Accept-Encoding": {"gzip, deflate, br"},
		"Accept-Language": {"zh-CN,zh;q=0.9,en;q=0.8"},
		"Referer":         {"http://media.example/web/"},
	}
	if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	resp, err := pooled.Do(req)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return err == nil && resp.StatusCode == http.StatusOK
}

// cpuTicks returns the processor time of a process in clock ticks, user and system; proc(5), fields 14
// and 15 of stat.
func cpuTicks(tb testing.TB, pid int) int {
	tb.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	must(tb, err)
	_, after, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(after) // from field 3 on
	user, err := strconv.Atoi(fields[11])
	must(tb, err)
	system, err := strconv.Atoi(fields[12])
	must(tb, err)
	return user + system
}
