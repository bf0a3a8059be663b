package testbed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisServer is a running redis-server, or redis-sentinel, with a directory and a port of its own.
type RedisServer struct {
	*Process
	Addr string // host:port
	bin  string
	conf string
}

// Redis starts a redis-server for the test, with settings beside its own defaults, as in "maxmemory 1mb". It
// ends with the test.
func Redis(t testing.TB, settings ...string) *RedisServer {
	t.Helper()
	return startRedis(t, "redis-server", settings)
}

// Sentinel starts a redis-sentinel that watches primary under the name main and makes a replica the primary
// when enough sentinels, quorum, miss it for a second.
func Sentinel(t testing.TB, primary *RedisServer, quorum int) *RedisServer {
	t.Helper()
	host, port, err := net.SplitHostPort(primary.Addr)
	if err != nil {
		t.Fatal(err)
	}
	return startRedis(t, "redis-sentinel", []string{
		fmt.Sprintf("sentinel monitor main %s %s %d", host, port, quorum),
		"sentinel down-after-milliseconds main 1000",
		"sentinel failover-timeout main 5000",
	})
}

func startRedis(t testing.TB, bin string, settings []string) *RedisServer {
	t.Helper()
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	r := &RedisServer{Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), bin: bin, conf: filepath.Join(dir, "redis.conf")}
	settings = append([]string{
		"bind 127.0.0.1", fmt.Sprintf("port %d", port), "dir " + dir, `save ""`,
	}, settings...)
	// Sentinel and Cluster write into it.
	if err := os.WriteFile(r.conf, []byte(strings.Join(settings, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = r.Kill(ctx)
		if t.Failed() {
			t.Logf("%s on %s printed:\n%s", bin, r.Addr, r.Log)
		}
	})
	return r
}

// Start starts it again, after Kill, with the same settings; what it kept in memory only is gone. It returns
// once it takes connections.
func (r *RedisServer) Start(ctx context.Context) error {
	p, err := Start(r.bin, r.bin, nil, io.Discard, r.conf)
	if err != nil {
		return err
	}
	r.Process = p
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.Addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.Done():
			return fmt.Errorf("%s ended with exit code %d: %s", r.bin, p.ExitCode(), p.Log)
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Kill ends it as a crash would.
func (r *RedisServer) Kill(ctx context.Context) error {
	if err := r.Signal(os.Kill); err != nil {
		return err
	}
	select {
	case <-r.Done():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// RedisCluster starts a Redis Cluster of three primaries for the test and returns once it is whole.
func RedisCluster(t testing.TB) []*RedisServer {
	t.Helper()
	const nodes, slots = 3, 16384
	servers := make([]*RedisServer, nodes)
	for i := range servers {
		bus, err := FreePort()
		if err != nil {
			t.Fatal(err)
		}
		servers[i] = Redis(t, "cluster-enabled yes", fmt.Sprintf("cluster-port %d", bus), "cluster-node-timeout 2000")
		first := slots * i / nodes
		servers[i].Do(t, "CLUSTER", "ADDSLOTSRANGE", first, slots*(i+1)/nodes-1)
		host, port, err := net.SplitHostPort(servers[i].Addr)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			servers[0].Do(t, "CLUSTER", "MEET", host, port, bus)
		}
	}
	for _, s := range servers {
		for !strings.Contains(fmt.Sprint(s.Do(t, "CLUSTER", "INFO")), "cluster_state:ok") ||
			strings.Count(fmt.Sprint(s.Do(t, "CLUSTER", "NODES")), "master") < nodes {
			time.Sleep(20 * time.Millisecond) // between two looks at a condition; the test's own end bounds it
		}
	}
	return servers
}

// Do sends one command, past whatever client is tested.
func (r *RedisServer) Do(t testing.TB, command ...any) any {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: r.Addr})
	defer func() { _ = client.Close() }()
	answer, err := client.Do(t.Context(), command...).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		t.Fatalf("redis %v: %v", command, err)
	}
	return answer
}
