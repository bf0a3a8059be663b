package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// TestUsageSoak: 200 viewers with streams that run side by side, three kills of the supervisor, two restarts of
// nginx, an outage of Redis. The counters are then those of the media server, to the request, and of the players'
// connections, to the byte, for each device. SOAK=1 sends 100,000 requests.
func TestUsageSoak(t *testing.T) {
	total, outage := int64(10_000), 5*time.Second
	if os.Getenv("SOAK") != "" {
		total, outage = 100_000, 30*time.Second
	}
	server := testbed.Redis(t)
	env := append([]string{"REDIS_URL=redis://" + server.Addr}, telemetryEnv...)
	g, _ := startPlayersWith(t, env)
	before := g.media.Total()
	a := startAudience(g.port, 200)
	stopped := sync.OnceFunc(a.stop)
	t.Cleanup(stopped)

	kill := func() {
		must(t, g.slave.Signal(syscall.SIGKILL))
		<-g.slave.Done()
		a.waitFor(t, a.answered.Load()+100) // nginx goes on alone
		a.without(func() { g.restartSlave(t, env) })
	}
	steps := []func(){
		kill,
		func() {
			must(t, server.Kill(t.Context()))
			time.Sleep(outage) // what is tested is an outage of that length
			must(t, server.Start(t.Context()))
		},
		func() { a.without(func() { g.restartNginx(t) }) },
		kill,
		func() {
			a.without(func() {
				stop(t, g.slave.Process)
				g.restartSlave(t, env)
			})
		},
		kill,
	}
	for i, step := range steps {
		a.waitFor(t, total*int64(i+1)/int64(len(steps)+1))
		step()
	}
	a.waitFor(t, total)
	stopped()

	var got wire
	for _, v := range a.viewers {
		got = wire{got.requests + v.got.requests, got.header + v.got.header, got.body + v.got.body}
	}
	served := g.media.Total()
	if requests, bytes := served.Requests-before.Requests, served.Bytes-before.Bytes; requests != got.requests || bytes != got.body {
		t.Fatalf("the media server has served %d requests and %d bytes, players got %d and %d", requests, bytes, got.requests, got.body)
	}
	t.Logf("%d requests, %d bytes", got.requests, got.header+got.body)
	for _, v := range a.viewers {
		g.waitUsage(t, server, "device", v.device, v.got.requests, v.got.header+v.got.body)
	}
	g.waitUsage(t, server, "ip", "127.0.0.1", got.requests, got.header+got.body)
}

// waitUsage waits until a counter in Redis is as wanted.
func (g *gateway) waitUsage(t testing.TB, server *testbed.RedisServer, dimension, value string, wantRequests, wantBytes int64) {
	t.Helper()
	eventually(t, func() error {
		if requests, bytes := usageOf(t, server, g.slave.Root, dimension, value); requests != wantRequests || bytes != wantBytes {
			return fmt.Errorf("%s %s has %d requests and %d bytes in Redis, want %d and %d", dimension, value, requests, bytes, wantRequests, wantBytes)
		}
		return nil
	})
}

// TestBandwidthQuota: a user at 99.9 % of a daily quota who starts four streams, as fast as they go, is stopped at
// no more than the quota and 64 MB; so is what he asks for afterwards, by a supervisor that was started anew too,
// until the rule goes.
func TestBandwidthQuota(t *testing.T) {
	const quota, film = 2 << 30, 1 << 30
	server := testbed.Redis(t)
	env := []string{"REDIS_URL=redis://" + server.Addr, "QUOTA_SYNC_INTERVAL=1"}
	g, _ := startPlayersWith(t, env)
	token := g.login(t)
	watch := func(path string) (n int64) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s&api_key=%s", g.port, path, token), nil)
		must(t, err)
		req.Host = "media.test"
		req.Header.Set("Authorization", playerAuth)
		if res, err := oneShot.Do(req); err == nil { // one that is cut at once has no answer
			n, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
		return n
	}
	user := g.userID(t, token)
	rule := g.addLimit(t, map[string]any{"apply_to": "user", "bandwidth_daily_bytes": quota, "over_action": "reject"})
	used := func() int64 {
		_, bytes := usageOf(t, server, g.slave.Root, "user", user)
		return bytes
	}
	for before := int64(quota - quota/1000); used() < before; {
		if n := watch(fmt.Sprintf("/Videos/film/stream.mkv?size=%d&PlaySessionId=before", before-used())); n == 0 {
			t.Fatal("stopped before the quota")
		}
		eventually(t, func() error { return settled(used) })
	}
	g.waitStatus(t, "the quota is close", func(s slaveStatus) bool { return s.Usage.Close == 1 })

	var streams sync.WaitGroup
	var cut atomic.Int64
	for i := range 4 {
		streams.Go(func() {
			if watch(fmt.Sprintf("/Videos/film%d/stream.mkv?size=%d&PlaySessionId=p%d", i, film, i)) < film {
				cut.Add(1)
			}
		})
	}
	streams.Wait()
	if cut.Load() != 4 {
		t.Errorf("%d of four streams were ended", cut.Load())
	}
	g.waitStatus(t, "the quota is exhausted", func(s slaveStatus) bool { return s.Usage.Exhausted == 1 })
	refused := func() error {
		res := g.send(t, http.MethodGet, "/Videos/film/stream.mkv?size=1000&api_key="+token, nil)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusTooManyRequests {
			return fmt.Errorf("over the quota: %s", res.Status)
		}
		return nil
	}
	eventually(t, refused)
	eventually(t, func() error { return settled(used) })
	if n := used(); n < quota-64<<20 || n > quota+64<<20 {
		t.Errorf("%d MB were sent of %d", n>>20, quota>>20)
	}
	t.Logf("%.1f MB over the quota", float64(used()-quota)/(1<<20))

	must(t, g.slave.Signal(syscall.SIGKILL))
	<-g.slave.Done()
	g.restartSlave(t, env)
	eventually(t, refused)

	must(t, g.master.Admin.Do(t.Context(), http.MethodDelete, fmt.Sprintf("rate-limit-rules/%d", rule), nil, nil))
	eventually(t, func() error {
		if err := refused(); err == nil {
			return fmt.Errorf("still refused although the rule is gone")
		}
		return nil
	})
}

// settled returns an error while a number changes from one second to the next.
func settled(number func() int64) error {
	before := number()
	time.Sleep(1500 * time.Millisecond) // nginx writes its log, and the supervisor Redis, once a second
	if now := number(); now != before {
		return fmt.Errorf("%d becomes %d", before, now)
	}
	return nil
}

// TestLimitsLive: an enforcement that an admin makes or lifts is in force within two seconds, without a publish; so
// are a rate limit and a stream rule. What was said last holds while the master is away and after a restart.
func TestLimitsLive(t *testing.T) {
	g, _ := startPlayersWith(t, nil)
	release, err := g.slave.Release()
	must(t, err)
	ask := func() int {
		res := g.send(t, http.MethodGet, "/System/Info/Public", nil)
		_ = res.Body.Close()
		return res.StatusCode
	}
	within2 := func(what string, status int) {
		t.Helper()
		begun := time.Now()
		for ask() != status {
			if time.Since(begun) > patience {
				t.Fatalf("%s: still %d", what, ask())
			}
			time.Sleep(10 * time.Millisecond)
		}
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("%s after %v", what, took)
		}
	}
	g.waitWaiting(t)
	var ban struct{ ID int64 }
	must(t, g.master.Admin.Do(t.Context(), http.MethodPost, "enforcements", map[string]any{"dimension": "ip", "dimension_value": "127.0.0.1"}, &ban))
	within2("banned", http.StatusForbidden)
	must(t, g.master.Admin.Do(t.Context(), http.MethodDelete, fmt.Sprintf("enforcements/%d", ban.ID), nil, nil))
	within2("lifted", http.StatusOK)
	limit := g.addLimit(t, map[string]any{"apply_to": "device", "rate_per_minute": 1, "over_action": "reject"})
	within2("limited", http.StatusTooManyRequests)

	stop(t, g.master.Process)
	must(t, g.slave.Signal(syscall.SIGKILL))
	<-g.slave.Done()
	g.restartSlave(t, nil)
	eventually(t, func() error {
		if status := ask(); status != http.StatusTooManyRequests {
			return fmt.Errorf("without the master: %d", status)
		}
		return nil
	})
	g.restartMaster(t, g.master.Dir)
	must(t, g.master.Admin.Do(t.Context(), http.MethodDelete, fmt.Sprintf("rate-limit-rules/%d", limit), nil, nil))
	eventually(t, func() error {
		if status := ask(); status != http.StatusOK {
			return fmt.Errorf("the rule is gone: %d", status)
		}
		return nil
	})
	if now, err := g.slave.Release(); err != nil || now != release {
		t.Errorf("release %s became %s, %v", release, now, err)
	}
}

// TestRequestsQuota: a device that has sent its requests of the day is refused, until the rule goes.
func TestRequestsQuota(t *testing.T) {
	g, _ := startPlayersWith(t, []string{"QUOTA_SYNC_INTERVAL=1"})
	rule := g.addLimit(t, map[string]any{"apply_to": "device", "quota_daily": 20, "over_action": "reject"})
	g.waitStatus(t, "the rule is known", func(s slaveStatus) bool { return s.Limits != "" })
	eventually(t, func() error {
		res := g.send(t, http.MethodGet, "/System/Info/Public", nil)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusTooManyRequests {
			return fmt.Errorf("within the quota: %s", res.Status)
		}
		return nil
	})
	if n := g.media.Total().Requests; n < 20 {
		t.Errorf("stopped after %d requests", n)
	}
	must(t, g.master.Admin.Do(t.Context(), http.MethodDelete, fmt.Sprintf("rate-limit-rules/%d", rule), nil, nil))
	eventually(t, func() error {
		res := g.send(t, http.MethodGet, "/System/Info/Public", nil)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("the rule is gone: %s", res.Status)
		}
		return nil
	})
}
