package usage

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/period"
	"github.com/uhdadmin/media-gateway/shared/testbed"
	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
	"github.com/uhdadmin/media-gateway/supervisor/internal/redisconn"
	"github.com/uhdadmin/media-gateway/supervisor/internal/spool"
)

const patience = time.Minute

// slave is a SLAVE_ROOT, with a clock, and the supervisor's part that counts, which can be started again.
type slave struct {
	t     testing.TB
	dir   string
	redis redis.UniversalClient // nil: none
	edit  func(*Config)

	spool   *spool.Spool
	counter *Counter
	stop    func(crash bool)

	mu    sync.Mutex
	ahead time.Duration // of the clock
	set   []nginx.Decision
}

func newSlave(t testing.TB, edit func(*Config)) *slave {
	t.Helper()
	s := &slave{t: t, dir: t.TempDir(), edit: edit}
	// Half past noon of today: no period ends while a test runs.
	s.ahead = time.Until(time.Now().UTC().Truncate(24 * time.Hour).Add(12*time.Hour + 30*time.Minute))
	for _, name := range []string{"spool", "state"} {
		testbed.Must(t, os.Mkdir(filepath.Join(s.dir, name), 0o755))
	}
	return s
}

// withRedis gives the slave a client of the options.
func (s *slave) withRedis(o *redis.UniversalOptions) *slave {
	s.redis = redis.NewUniversalClient(o)
	s.t.Cleanup(func() { _ = s.redis.Close() })
	return s
}

func (s *slave) withRedisURL(url string) *slave {
	s.t.Helper()
	o, err := redisconn.Parse(url)
	testbed.Must(s.t, err)
	return s.withRedis(o)
}

// now runs as time does, from half past noon or from where moveClock has put it.
func (s *slave) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.ahead)
}

func (s *slave) moveClock(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead += d
}

// Replace is nginx, which is told decisions.
func (s *slave) Replace(_ string, set []nginx.Decision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set = set
}

// decided returns what nginx was told, as in "user abc reject quota_requests 7".
func (s *slave) decided() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	for _, d := range s.set {
		lines = append(lines, fmt.Sprintf("%s %s %s %s %d", d.Dimension, d.Value, d.Action, d.Reason, d.RuleID))
	}
	return strings.Join(lines, "; ")
}

// start starts the supervisor's part.
func (s *slave) start() {
	s.t.Helper()
	var err error
	s.spool, err = spool.Open(spool.Config{
		Dir: filepath.Join(s.dir, "spool"), State: filepath.Join(s.dir, "state", "spool.json"), Owner: os.Geteuid(), MaxBytes: 1 << 30,
		Rotate: 64 << 10, Interval: 20 * time.Millisecond, Reopen: func() error { return nil },
		Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	testbed.Must(s.t, err)
	cfg := Config{
		StateDir: filepath.Join(s.dir, "state"), Spool: s.spool, Decisions: s, Redis: s.redis,
		SaveEvery: 20 * time.Millisecond, SnapshotEvery: 100 * time.Millisecond, Now: s.now,
		Log: slog.New(slog.NewTextHandler(s.t.Output(), nil)), Registerer: prometheus.NewRegistry(),
	}
	if s.edit != nil {
		s.edit(&cfg)
	}
	s.counter, err = New(cfg)
	testbed.Must(s.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	counter, spooled := s.counter, s.spool
	running.Go(func() { _ = spooled.Run(ctx) })
	running.Go(func() { testbed.Must(s.t, counter.Run(ctx)) })
	var once sync.Once
	s.stop = func(crash bool) {
		once.Do(func() {
			if crash {
				counter.mu.Lock()
				counter.stores = nil // a killed process saves nothing at its end
				counter.mu.Unlock()
			}
			cancel()
			running.Wait()
		})
	}
	s.t.Cleanup(func() { s.stop(true) })
}

// log writes lines of nginx's, as one who opens the file for each.
func (s *slave) log(lines ...string) {
	s.t.Helper()
	f, err := os.OpenFile(filepath.Join(s.dir, "spool", "access.log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	testbed.Must(s.t, err)
	_, err = f.WriteString(strings.Join(lines, "\n") + "\n")
	testbed.Must(s.t, err)
	testbed.Must(s.t, f.Close())
}

// request is a line of a request that reached the media server.
func (s *slave) request(user string, bytes int64) string {
	return fmt.Sprintf(`{"timestamp":%.3f,"ip":"10.0.0.1","status":200,"bytes_sent":%d,"accounted":0,"upstream_status":"200","scope":"1","profile":"p","device_id":"tv","user_id":%q,"verdict":"allow"}`,
		float64(s.now().UnixMilli())/1000, bytes, user)
}

// used returns a counter of the period that runs.
func (s *slave) used(kind period.Kind, dimension, value string) Count {
	s.counter.mu.Lock()
	defer s.counter.mu.Unlock()
	b := s.counter.book
	p := period.Of(kind, s.now(), b.zone)
	return b.sum(b.find(kind, p.Key), dimension, value)
}

// waitUsed waits until a counter of today is as wanted.
func (s *slave) waitUsed(dimension, value string, want Count) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for s.used(period.Daily, dimension, value) != want {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s %s has %+v today, want %+v", dimension, value, s.used(period.Daily, dimension, value), want)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// books waits until a store holds what memory holds, read as a new supervisor would.
func (s *slave) waitSaved(store string) {
	s.t.Helper()
	testbed.Eventually(s.t, store+" holds all counters", func() bool {
		s.counter.mu.Lock()
		want := s.counter.book.clone()
		s.counter.mu.Unlock()
		var have *book
		var err error
		if store == onDisk {
			have, err = (&snapshot{path: filepath.Join(s.dir, "state", "usage.snapshot")}).load(time.UTC)
		} else {
			have, err = newRedisStore(s.redis, s.counter.slave, func() {}).load(s.t.Context(), time.UTC)
		}
		return err == nil && have != nil && have.at == want.at && dump(have) == dump(want)
	})
}

// dump is all counters as text.
func dump(b *book) string {
	var text strings.Builder
	lines := map[string]bool{}
	for n, name := range b.subjects {
		for _, t := range b.tables {
			if c := t.get(uint32(n)); c.changed != 0 {
				lines[fmt.Sprintf("%s %s %s %s", t.Kind, t.Key, name, c.text())] = true
			}
		}
	}
	for _, line := range sorted(lines) {
		fmt.Fprintln(&text, line)
	}
	return text.String()
}

func rule(id int64, applyTo string, edit func(*api.RateLimitRule)) api.RateLimitRule {
	r := api.RateLimitRule{ID: id, ApplyTo: applyTo, OverAction: "reject"}
	edit(&r)
	return r
}
