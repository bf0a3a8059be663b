package usage

import (
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/uhdadmin/media-gateway/shared/period"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

const inRedis = "redis"

// TestRedisCrash: a supervisor that is killed at any moment counts each line once, going on from Redis or
// from the disk, whichever is newer.
func TestRedisCrash(t *testing.T) {
	for name, snapshots := range map[string]time.Duration{"snapshots too": 50 * time.Millisecond, "no snapshot": time.Hour} {
		t.Run(name, func(t *testing.T) {
			server := testbed.Redis(t)
			s := newSlave(t, func(c *Config) { c.SnapshotEvery = snapshots }).withRedisURL("redis://" + server.Addr)
			crashes(t, s, func() { s.waitSaved(inRedis) })
		})
	}
}

// TestRedisGoesOn: what only Redis has is not counted again, and the spool may forget it.
func TestRedisGoesOn(t *testing.T) {
	server := testbed.Redis(t)
	s := newSlave(t, func(c *Config) { c.SnapshotEvery = time.Hour }).withRedisURL("redis://" + server.Addr)
	s.start()
	s.log(s.request("u", 100))
	s.waitUsed("user", "u", Count{1, 100})
	s.waitSaved(inRedis)
	s.stop(true)
	s.start()
	s.waitUsed("user", "u", Count{1, 100})
	s.log(s.request("u", 100))
	s.waitUsed("user", "u", Count{2, 200})
	if server.Do(t, "TTL", "uhd:{"+s.counter.slave+"}:usage:daily:"+period.Of(period.Daily, s.now(), time.UTC).Key).(int64) < int64(keptInRedis.Seconds()) {
		t.Error("the day's counters have no time to live, or too short a one")
	}
}

// TestRedisFaults: whatever becomes of Redis, counting goes on without it, and when it is back it has all.
func TestRedisFaults(t *testing.T) {
	for name, fault := range map[string]func(t *testing.T, server *testbed.RedisServer) (heal func()){
		"killed, empty afterwards": func(t *testing.T, server *testbed.RedisServer) func() {
			testbed.Must(t, server.Kill(t.Context()))
			return func() { testbed.Must(t, server.Start(t.Context())) }
		},
		"hangs": func(t *testing.T, server *testbed.RedisServer) func() {
			testbed.Must(t, server.Signal(syscall.SIGSTOP))
			return func() { testbed.Must(t, server.Signal(syscall.SIGCONT)) }
		},
		"flushed": func(t *testing.T, server *testbed.RedisServer) func() {
			server.Do(t, "FLUSHALL")
			return func() {}
		},
		"flushed, and all slow": func(t *testing.T, server *testbed.RedisServer) func() {
			server.Do(t, "FLUSHALL")
			server.Do(t, "CLIENT", "PAUSE", 2000)
			return func() {}
		},
		"read-only": func(t *testing.T, server *testbed.RedisServer) func() {
			server.Do(t, "REPLICAOF", "127.0.0.1", 1) // nobody is there: it keeps what it has
			return func() { server.Do(t, "REPLICAOF", "NO", "ONE") }
		},
		"out of memory": func(t *testing.T, server *testbed.RedisServer) func() {
			server.Do(t, "CONFIG", "SET", "maxmemory", 1)
			return func() { server.Do(t, "CONFIG", "SET", "maxmemory", 0) }
		},
		"an older copy": func(t *testing.T, server *testbed.RedisServer) func() {
			keys := server.Do(t, "KEYS", "*").([]any)
			// A script, for nobody writes in between: a server that is restored comes up whole.
			restore := []any{"EVAL", `redis.call("FLUSHALL")
				for i = 1, #ARGV, 2 do redis.call("RESTORE", ARGV[i], 0, ARGV[i + 1]) end`, 0}
			for _, key := range keys {
				restore = append(restore, key, server.Do(t, "DUMP", key))
			}
			return func() { server.Do(t, restore...) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := testbed.Redis(t)
			s := newSlave(t, nil).withRedisURL("redis://" + server.Addr)
			s.start()
			s.log(s.request("before", 100), s.request("u", 100))
			s.waitUsed("user", "u", Count{1, 100})
			s.waitSaved(inRedis)
			heal := fault(t, server)
			s.log(s.request("during", 100), s.request("u", 100))
			s.waitUsed("user", "u", Count{2, 200})
			if !strings.Contains(name, "flushed") && !strings.Contains(name, "copy") {
				testbed.Eventually(t, "it is noticed", func() bool { return s.counter.Status().Stores[1].Failures > 0 })
			}
			heal()
			s.log(s.request("after", 100), s.request("u", 100))
			s.waitUsed("user", "u", Count{3, 300})
			s.waitSaved(inRedis)
			for _, user := range []string{"before", "during", "after"} {
				s.waitUsed("user", user, Count{1, 100})
			}
			s.stop(true)
			s.start()
			s.waitUsed("user", "u", Count{3, 300})
		})
	}
}

// TestRedisGoneAtStart: the supervisor goes on from the disk, and Redis gets all when it is there.
func TestRedisGoneAtStart(t *testing.T) {
	server := testbed.Redis(t)
	s := newSlave(t, nil).withRedisURL("redis://" + server.Addr)
	s.start()
	s.log(s.request("u", 100))
	s.waitUsed("user", "u", Count{1, 100})
	s.waitSaved(inRedis)
	s.stop(true)
	testbed.Must(t, server.Kill(t.Context()))
	s.log(s.request("u", 100))
	s.start()
	s.waitUsed("user", "u", Count{2, 200})
	testbed.Must(t, server.Start(t.Context()))
	s.waitSaved(inRedis)
}

// TestRedisEvicted: counters of which Redis has thrown some away are not gone by.
func TestRedisEvicted(t *testing.T) {
	server := testbed.Redis(t)
	s := newSlave(t, nil).withRedisURL("redis://" + server.Addr)
	s.start()
	s.log(s.request("u", 100))
	s.waitUsed("user", "u", Count{1, 100})
	s.waitSaved(inRedis)
	s.waitSaved(onDisk)
	s.stop(true)
	server.Do(t, "DEL", "uhd:{"+s.counter.slave+"}:usage:monthly:"+period.Of(period.Monthly, s.now(), time.UTC).Key)
	s.start()
	testbed.Eventually(t, "the month is whole", func() bool { return s.used(period.Monthly, "user", "u") == Count{1, 100} })
	s.waitSaved(inRedis)
}

// TestSentinel: counters go on at the replica that Sentinel makes the primary, whole.
func TestSentinel(t *testing.T) {
	primary := testbed.Redis(t)
	host, port, err := net.SplitHostPort(primary.Addr)
	testbed.Must(t, err)
	replica := testbed.Redis(t, "replicaof "+host+" "+port)
	sentinel := testbed.Sentinel(t, primary, 1)
	info := func(server *testbed.RedisServer, section string) string {
		return server.Do(t, "INFO", section).(string)
	}
	testbed.Eventually(t, "the sentinel knows the replica", func() bool { return strings.Contains(info(sentinel, "sentinel"), "slaves=1") })
	testbed.Eventually(t, "the replica follows", func() bool { return strings.Contains(info(replica, "replication"), "master_link_status:up") })
	s := newSlave(t, nil).withRedisURL("redis+sentinel://" + sentinel.Addr + "/main")
	s.start()
	s.log(s.request("u", 100))
	s.waitUsed("user", "u", Count{1, 100})
	s.waitSaved(inRedis)
	testbed.Must(t, primary.Kill(t.Context()))
	s.log(s.request("u", 100))
	s.waitUsed("user", "u", Count{2, 200})
	testbed.Eventually(t, "the replica is the primary", func() bool { return strings.Contains(info(replica, "replication"), "role:master") })
	s.waitSaved(inRedis)
}

// TestCluster: one slave's counters are in one place, so that a Cluster changes them in one transaction.
func TestCluster(t *testing.T) {
	nodes := testbed.RedisCluster(t)
	s := newSlave(t, nil).withRedis(&redis.UniversalOptions{Addrs: []string{nodes[0].Addr, nodes[1].Addr}, IsClusterMode: true})
	crashes(t, s, func() { s.waitSaved(inRedis) })
}
