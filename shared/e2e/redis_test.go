package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// crowd is players that begin streams, each time with a token that nobody has seen: what may need Redis.
type crowd struct {
	g        *gateway
	requests atomic.Int64

	mu    sync.Mutex
	took  []time.Duration
	fails []string
}

func (c *crowd) ask(player, n int) {
	name := fmt.Sprintf("p%d-%d", player, n)
	req, err := http.NewRequest(http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/Videos/film/stream.mkv?size=1000&PlaySessionId=%s", c.g.port, name), nil)
	if err != nil {
		panic(err) // the test's own
	}
	req.Host = "media.test"
	req.Header.Set("Authorization", fmt.Sprintf(`MediaBrowser Client="TV", DeviceId="crowd", Version="1", Token="t%s"`, name))
	began := time.Now()
	res, err := oneShot.Do(req)
	if err == nil {
		_, err = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
	took := time.Since(began)
	c.requests.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.took = append(c.took, took)
	if err != nil || res.StatusCode != http.StatusOK {
		c.fails = append(c.fails, fmt.Sprintf("%s: %v %v", name, res, err))
	}
}

// phase has four players ask so many times in all, and returns the median and the 99th percentile.
func (c *crowd) phase(t *testing.T, what string, requests int) (p50, p99 time.Duration) {
	t.Helper()
	c.took, c.fails = nil, nil
	var players sync.WaitGroup
	for player := range 4 {
		players.Go(func() {
			for range requests / 4 {
				c.ask(player, int(c.requests.Load())*4+player)
			}
		})
	}
	players.Wait()
	if len(c.fails) > 0 {
		t.Errorf("%s: %d requests failed, the first: %s", what, len(c.fails), c.fails[0])
	}
	slices.Sort(c.took)
	p50, p99 = c.took[len(c.took)/2], c.took[len(c.took)*99/100]
	t.Logf("%s: median %v, 99th percentile %v, longest %v", what, p50, p99, c.took[len(c.took)-1])
	return p50, p99
}

// counted returns how many requests of the crowd's device Redis has counted, by month.
func (c *crowd) counted(t *testing.T, client *redis.Client) int64 {
	t.Helper()
	id, err := os.ReadFile(filepath.Join(c.g.slave.Root, "state", "slave-id"))
	must(t, err)
	var sum int64
	for _, key := range client.Keys(t.Context(), "uhd:{"+strings.TrimSpace(string(id))+"}:usage:monthly:*").Val() {
		for subject, count := range client.HGetAll(t.Context(), key).Val() {
			if !strings.HasPrefix(subject, "device ") || !strings.HasSuffix(subject, " crowd") {
				continue
			}
			requests, _, _ := strings.Cut(count, " ")
			n, err := strconv.ParseInt(requests, 10, 64)
			must(t, err)
			sum += n
		}
	}
	return sum
}

// TestRedisStopped: with Redis hanging, and then gone, not one request fails or waits for it; when it is back,
// the sums are right and the bindings of tokens are there.
func TestRedisStopped(t *testing.T) {
	server := testbed.Redis(t)
	c := &crowd{g: startGateway(t, []string{"REDIS_URL=redis://" + server.Addr}, "media.test")}
	c.g.add(t, "stream-rules", map[string]any{"apply_to": "user", "apply_value": "", "max_streams": 3, "action_on_exceed": "reject"})
	must(t, c.g.slave.Log.WaitFor(within(t), "stream_rules=1"))
	c.g.login(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr, MaxRetries: -1})
	defer func() { _ = client.Close() }()
	bindings := func() error {
		if keys := client.Keys(t.Context(), "uhd:token:*").Val(); len(keys) != 1 {
			return fmt.Errorf("bindings in Redis: %q", keys)
		}
		return nil
	}
	eventually(t, bindings)

	const requests = 400
	p50, p99 := c.phase(t, "with Redis", requests)
	judge := func(what string) {
		// A busy machine is slow with Redis and without; a wait for Redis would be 500 ms, of every one.
		if now50, now99 := c.phase(t, what, requests); now50 > 3*p50+50*time.Millisecond || now99 > 3*p99+150*time.Millisecond {
			t.Errorf("%s requests take %v and %v, with it %v and %v", what, now50, now99, p50, p99)
		}
	}
	must(t, server.Signal(syscall.SIGSTOP))
	judge("with Redis hanging")
	must(t, server.Kill(within(t)))
	judge("without Redis")
	must(t, server.Start(within(t))) // empty: it kept all in memory
	c.phase(t, "with Redis back", requests)
	eventually(t, func() error {
		if counted := c.counted(t, client); counted != c.requests.Load() {
			return fmt.Errorf("Redis has counted %d of %d requests", counted, c.requests.Load())
		}
		return bindings()
	})
}
