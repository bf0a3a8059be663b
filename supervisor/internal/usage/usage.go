// Package usage counts what addresses, users and devices use, hour by hour to month by month, and stops who is
// over a quota.
//
// It follows both logs of the spool. The counters in memory are what is counted with and judged by; Redis and
// a snapshot on disk are what survives. Both hold whole numbers, not steps, together with the positions in the
// logs that they are of: so one that is saved twice, or lost and saved again, is right, and what comes after
// its positions is counted anew from the spool. The spool keeps its lines until the snapshot holds them.
//
//	spool ─► book ─┬─► judge ─► decisions ─► nginx
//	               ├─► Redis, every second; disk, every minute
//	               └─► quota sync ─► master: what is left over all slaves
package usage

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/accesslog"
	"github.com/uhdadmin/media-gateway/supervisor/internal/decision"
	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
	"github.com/uhdadmin/media-gateway/supervisor/internal/spool"
)

// Spool is where lines come from.
type Spool interface {
	Follow(log, consumer string, from spool.Position) *spool.Reader
}

// Decisions is told who is over a quota.
type Decisions interface {
	// Replace makes set all that source decides.
	Replace(source string, set []nginx.Decision)
}

// Master is asked what is left over all slaves.
type Master interface {
	QuotaSync(ctx context.Context, sync api.QuotaSync) (api.QuotaSyncAnswer, error)
}

// Config of a Counter. Zero values stand for the defaults where one is named.
type Config struct {
	StateDir  string // SLAVE_ROOT/state: for the snapshot, and the name of this slave's counters
	Spool     Spool
	Decisions Decisions
	Redis     redis.UniversalClient // nil: none
	Master    Master
	Limited   func([]api.Enforcement) // told what the master's answer enforces; may be nil
	Pressing  func(bool)              // told whether quotas of bytes are in force, which streams may exhaust; may be nil
	Seen      func(*accesslog.Entry)  // told of each entry, which it must not keep; may be nil

	Zone         *time.Location // of days, weeks and months; UTC
	SyncInterval time.Duration  // QUOTA_SYNC_INTERVAL; 5 min

	SaveEvery     time.Duration // to Redis; 1 s
	SnapshotEvery time.Duration // to disk; 1 min

	Now        func() time.Time // time.Now
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Counter counts. Run does the work.
type Counter struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	soon    chan struct{} // the sync has something that should not wait
	slave   string        // names our counters, in Redis and at the master
	stores  []*keeper

	mu      sync.Mutex // guards what follows
	book    *book
	judge   *judge
	readers map[string]*spool.Reader // by log
	sync    syncState
}

// onDisk is the store that the spool goes by: what it holds is not counted again.
const onDisk = "disk"

// New returns a Counter that goes on from the snapshot, and begins to follow both logs.
func New(cfg Config) (*Counter, error) {
	cfg.SyncInterval = cmp.Or(cfg.SyncInterval, 5*time.Minute)
	cfg.SaveEvery = cmp.Or(cfg.SaveEvery, time.Second)
	cfg.SnapshotEvery = cmp.Or(cfg.SnapshotEvery, time.Minute)
	if cfg.Zone == nil {
		cfg.Zone = time.UTC
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	slave, err := slaveID(filepath.Join(cfg.StateDir, "slave-id"))
	if err != nil {
		cfg.Log.Error("Counters in Redis and at the master have a name for this start only", "error", err)
	}
	c := &Counter{
		cfg: cfg, log: cfg.Log, soon: make(chan struct{}, 1), slave: slave,
		judge: newJudge(cfg.Zone), readers: map[string]*spool.Reader{},
	}
	c.metrics = newMetrics(c)
	if err := cfg.Registerer.Register(c.metrics); err != nil {
		return nil, fmt.Errorf("register usage metrics: %w", err)
	}
	disk := &snapshot{path: filepath.Join(cfg.StateDir, "usage.snapshot")}
	c.stores = []*keeper{newKeeper(onDisk, cfg.SnapshotEvery, disk)}
	if cfg.Redis != nil {
		c.stores = append(c.stores, newKeeper("redis", cfg.SaveEvery, newRedisStore(cfg.Redis, slave, c.metrics.rewrites.Inc)))
	}
	for _, k := range c.stores {
		c.metrics.saveFailures.WithLabelValues(k.name) // a count that begins at 1 is not seen to rise
	}
	c.book, err = disk.load(cfg.Zone)
	if err != nil {
		// Better to count anew from what the spool has than not to serve.
		c.metrics.saveFailures.WithLabelValues(onDisk).Inc()
		c.log.Error("Usage begins anew", "error", err)
	}
	if c.book == nil {
		c.book = newBook(cfg.Zone)
	}
	c.goOn()
	return c, nil
}

// goOn follows the logs from where the book is. mu is held, or nobody else is there yet.
func (c *Counter) goOn() {
	for _, log := range []string{spool.Access, spool.Usage} {
		reader := c.cfg.Spool.Follow(log, "usage", *c.book.at.of(log))
		if before := c.readers[log]; before != nil {
			_ = before.Close() // it has not read yet
		}
		c.readers[log] = reader
	}
}

// Run counts until ctx ends, and then saves what it has.
func (c *Counter) Run(ctx context.Context) error {
	c.restore(ctx)
	group, counting := errgroup.WithContext(ctx)
	for log, reader := range c.readers {
		group.Go(func() error { return c.follow(counting, log, reader) })
	}
	group.Go(func() error { return c.tick(counting) })
	group.Go(func() error { return c.exchange(counting) })
	for _, k := range c.stores {
		group.Go(func() error { return c.keep(counting, k) })
	}
	if err := group.Wait(); err != nil && ctx.Err() == nil {
		return err
	}
	c.saveLast(context.WithoutCancel(ctx))
	return nil
}

// retryAfter is how long to leave a disk alone that does not read.
const retryAfter = time.Second

// follow counts the lines of one log as they come.
func (c *Counter) follow(ctx context.Context, log string, reader *spool.Reader) error {
	defer func() { _ = reader.Close() }()
	counting := counting{seen: c.cfg.Seen}
	for {
		batch, err := reader.Next(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			c.log.Error("Usage log not read, tried again", "log", log, "error", err)
			c.metrics.readFailures.Inc()
			if err := sleep(ctx, retryAfter); err != nil {
				return err
			}
			continue
		}
		c.count(log, &counting, batch)
	}
}

// count takes a batch into the book and stops who is over a quota now.
func (c *Counter) count(log string, counting *counting, batch spool.Batch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.cfg.Now()
	touched, outcome := counting.lines(c.book, batch.Lines, now)
	*c.book.at.of(log) = batch.To
	for _, k := range c.stores {
		k.touched(touched)
	}
	c.metrics.counted(log, outcome, batch.Lost)
	if c.judge.look(c.book, touched, now) {
		c.decide()
	}
	c.noteForSync(outcome.used)
}

// tickEvery bounds how long a period's end, or a clock that was set, is not noticed.
const tickEvery = time.Second

// tick lifts what ended and lets go of old periods.
func (c *Counter) tick(ctx context.Context) error {
	for {
		if err := sleep(ctx, tickEvery); err != nil {
			return err
		}
		c.mu.Lock()
		now := c.cfg.Now()
		if gone := c.book.expire(now); len(gone) > 0 {
			for _, k := range c.stores {
				k.remade(gone)
			}
		}
		if c.judge.turn(now) {
			c.decide()
		}
		c.mu.Unlock()
	}
}

// SetRules makes rules those that are judged by, but for who is pardoned. Rates and the like are not its
// business.
func (c *Counter) SetRules(rules []api.RateLimitRule, pardons []api.Pardon) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.judge.setRules(rules, pardons, c.log)
	if c.cfg.Pressing != nil {
		c.cfg.Pressing(c.judge.pressing())
	}
	c.rejudge()
}

// rejudge looks at everybody. mu is held.
func (c *Counter) rejudge() {
	c.judge.lookAtAll(c.book, c.cfg.Now())
	c.decide()
}

// decide hands over who is to be stopped. mu is held.
func (c *Counter) decide() {
	c.cfg.Decisions.Replace(decision.Quota, c.judge.decisions())
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
