package identity_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/uhdadmin/media-gateway/shared/testbed"
	"github.com/uhdadmin/media-gateway/supervisor/internal/identity"
	"github.com/uhdadmin/media-gateway/supervisor/internal/redisconn"
)

// slave is a Book with a file of its own at a Redis that others use too, and its clock.
type slave struct {
	*identity.Book
	*desk
	registry *prometheus.Registry
	client   redis.UniversalClient
}

func startSlave(t *testing.T, server *testbed.RedisServer) *slave {
	t.Helper()
	return startSlaveAt(t, "redis://"+server.Addr)
}

func startSlaveAt(t *testing.T, url string) *slave {
	t.Helper()
	o, err := redisconn.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	s := &slave{desk: newDesk(), registry: prometheus.NewRegistry(), client: redis.NewUniversalClient(o)}
	t.Cleanup(func() { _ = s.client.Close() })
	s.Book, err = identity.Open(identity.Config{
		Path: filepath.Join(t.TempDir(), "identities.json"), Nginx: s.desk, Redis: s.client, Now: s.clock,
		Log: slog.New(slog.NewTextHandler(&s.logText, nil)), Registerer: s.registry,
	})
	if err != nil {
		t.Fatal(err)
	}
	stop := run(t, s.Book)
	t.Cleanup(stop) // before the client is closed
	return s
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (s *slave) knows(t *testing.T, scope string, n int, user string) bool {
	t.Helper()
	got, _ := s.Find(t.Context(), scope, hash(n))
	return got == user
}

// available is the metric that says whether Redis takes bindings.
func (s *slave) available(t *testing.T) bool {
	t.Helper()
	families, err := s.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "uhd_identity_redis_available" {
			return family.GetMetric()[0].GetGauge().GetValue() == 1
		}
	}
	return false
}

// TestShared: a login at one slave is known at the others, of the same media server.
func TestShared(t *testing.T) {
	server := testbed.Redis(t)
	one, two := startSlave(t, server), startSlave(t, server)
	learn(t, one.Book, "1", 1, "ann")
	eventually(t, "known at the other slave", func() bool { return two.knows(t, "1", 1, "ann") })
	if !two.knows(t, "2", 1, "") || !two.knows(t, "1", 2, "") {
		t.Error("knows too much")
	}
	// Found once, it is kept here as well, and nginx has it.
	if err := server.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !two.knows(t, "1", 1, "ann") {
		t.Error("forgotten with Redis")
	}
	eventually(t, "told to nginx", func() bool {
		two.mu.Lock()
		defer two.mu.Unlock()
		return len(two.users) == 1 && two.users[0].UserID == "ann"
	})
}

// TestKeptForAWeek after the last use.
func TestKeptForAWeek(t *testing.T) {
	server := testbed.Redis(t)
	s := startSlave(t, server)
	learn(t, s.Book, "1", 1, "ann")
	ttl := func() time.Duration { return s.client.TTL(t.Context(), "uhd:token:1:"+hash(1)).Val() }
	const week = 7 * 24 * time.Hour
	eventually(t, "written", func() bool { return ttl() > week-time.Hour && ttl() <= week })
	if err := s.client.Expire(t.Context(), "uhd:token:1:"+hash(1), time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	want(t, s.Book, "1", 1, "ann")
	s.pass(2 * time.Hour)
	want(t, s.Book, "1", 1, "ann")
	eventually(t, "kept for another week by a use", func() bool { return ttl() > week-time.Hour })
}

// TestRedisHangs: nobody waits for it; what is learnt meanwhile is written when it goes on.
func TestRedisHangs(t *testing.T) {
	server := testbed.Redis(t)
	s := startSlave(t, server)
	learn(t, s.Book, "1", 1, "ann")
	eventually(t, "Redis is in use", func() bool {
		return s.client.Exists(t.Context(), "uhd:tokens").Val() == 1 && s.available(t)
	})
	if err := server.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Signal(syscall.SIGCONT) }()
	began := time.Now()
	const asked = 500
	for n := range asked {
		if _, known := s.Find(t.Context(), "1", hash(100+n)); known {
			t.Fatal("known")
		}
	}
	// The first one waits 25 ms, and after two seconds the next; Redis's own timeout is 500 ms.
	if waited := time.Since(began); waited > 400*time.Millisecond {
		t.Errorf("%d questions took %v", asked, waited)
	}
	want(t, s.Book, "1", 1, "ann")
	learn(t, s.Book, "1", 2, "bob")
	eventually(t, "seen to hang", func() bool { return !s.available(t) })
	if err := server.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "written afterwards", func() bool {
		user, err := s.client.Get(t.Context(), "uhd:token:1:"+hash(2)).Result()
		return err == nil && user == "bob"
	})
	eventually(t, "available again", func() bool { return s.available(t) })
	s.mu.Lock()
	defer s.mu.Unlock()
	if !strings.Contains(s.logText.String(), "again") {
		t.Errorf("log: %s", s.logText.String())
	}
}

// TestRedisLosesAll, by FLUSHALL or by a restart: it is given all of it again.
func TestRedisLosesAll(t *testing.T) {
	server := testbed.Redis(t)
	s := startSlave(t, server)
	for n := range 2500 {
		learn(t, s.Book, "1", n, "ann")
	}
	all := func() bool { return s.client.DBSize(t.Context()).Val() == 2501 } // and the marker
	eventually(t, "all written", all)
	if err := s.client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all written after FLUSHALL", all)
	if err := errors.Join(server.Kill(t.Context()), server.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all written after a restart", all)
	for _, key := range s.client.Keys(context.Background(), "*").Val()[:100] {
		if value := s.client.Get(t.Context(), key).Val(); value != "ann" && value != "1" {
			t.Errorf("%s is %q", key, value)
		}
	}
}

// TestRedisReadOnly and full: memory and file go on.
func TestRedisReadOnly(t *testing.T) {
	for name, set := range map[string][2]string{"read-only": {"min-replicas-to-write", "1"}, "full": {"maxmemory", "1"}} {
		t.Run(name, func(t *testing.T) {
			server := testbed.Redis(t)
			s := startSlave(t, server)
			eventually(t, "Redis is in use", func() bool { return s.available(t) })
			if err := s.client.ConfigSet(t.Context(), set[0], set[1]).Err(); err != nil {
				t.Fatal(err)
			}
			learn(t, s.Book, "1", 1, "ann")
			eventually(t, "seen to refuse", func() bool { return !s.available(t) })
			want(t, s.Book, "1", 1, "ann")
			if err := s.client.ConfigSet(t.Context(), set[0], "0").Err(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "written", func() bool { return s.client.Exists(t.Context(), "uhd:token:1:"+hash(1)).Val() == 1 })
		})
	}
}

// TestCluster: tokens are on all nodes, and each is found.
func TestCluster(t *testing.T) {
	nodes := testbed.RedisCluster(t)
	url := "redis+cluster://" + nodes[0].Addr + "," + nodes[1].Addr
	one, two := startSlaveAt(t, url), startSlaveAt(t, url)
	const tokens = 100
	for n := range tokens {
		learn(t, one.Book, "1", n, "ann")
	}
	for n := range tokens {
		eventually(t, "known at the other slave", func() bool { return two.knows(t, "1", n, "ann") })
	}
	for _, node := range nodes {
		if n := node.Do(t, "DBSIZE").(int64); n < tokens/10 {
			t.Errorf("a node has %d of %d tokens", n, tokens)
		}
	}
}

// TestFailover: what is learnt while Sentinel looks for another primary is written to that one.
func TestFailover(t *testing.T) {
	primary := testbed.Redis(t)
	host, port, err := net.SplitHostPort(primary.Addr)
	if err != nil {
		t.Fatal(err)
	}
	replica := testbed.Redis(t, "replicaof "+host+" "+port)
	sentinel := testbed.Sentinel(t, primary, 1)
	says := func(server *testbed.RedisServer, section, text string) func() bool {
		return func() bool { return strings.Contains(server.Do(t, "INFO", section).(string), text) }
	}
	eventually(t, "the sentinel knows the replica", says(sentinel, "sentinel", "slaves=1"))
	eventually(t, "the replica follows", says(replica, "replication", "master_link_status:up"))
	s := startSlaveAt(t, "redis+sentinel://"+sentinel.Addr+"/main")
	learn(t, s.Book, "1", 1, "ann")
	eventually(t, "written to the replica as well", func() bool { return replica.Do(t, "GET", "uhd:token:1:"+hash(1)) == "ann" })
	if err := primary.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	learn(t, s.Book, "1", 2, "bob")
	want(t, s.Book, "1", 2, "bob")
	eventually(t, "the replica is the primary", says(replica, "replication", "role:master"))
	eventually(t, "written there", func() bool { return replica.Do(t, "GET", "uhd:token:1:"+hash(2)) == "bob" })
}
