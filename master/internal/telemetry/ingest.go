package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// Bounds of what waits to be stored, in rows of some 2 KB each in memory.
const (
	maxWaiting = 60_000 // beyond that slaves are told to come back; they keep their data
	maxCommit  = 20_000 // in one transaction, beyond its first batch
)

// Config of an Ingester and a Janitor.
type Config struct {
	Database Database
	// Alone runs periodic work unless another master of this database is at it; nil: there is no other.
	Alone    func(ctx context.Context, name string, work func(context.Context) error) (ran bool, err error)
	Address  func(ip string) string // what is kept of an address; nil: all of it
	Log      *slog.Logger
	Registry prometheus.Registerer
}

// Ingester stores batches: as many as wait, in one transaction. While it is in the database, what the next
// one will add to sums is summed up; and where the database gains from it, two are in there at a time.
type Ingester struct {
	cfg     Config
	metrics *metrics
	queue   chan *pending
	waiting atomic.Int64 // rows
	stopped chan struct{}
}

// Result is what became of a batch.
type Result struct {
	Accepted  int  // rows; of a duplicate, when it came first
	Duplicate bool // it was stored before
}

// pending is a batch that waits for its transaction.
type pending struct {
	batch *Batch
	rows  int64
	done  chan error // gets one value
	Result
}

// NewIngester returns an Ingester and registers its metrics. Its Run must run.
func NewIngester(cfg Config) *Ingester {
	i := &Ingester{cfg: cfg, queue: make(chan *pending, 4096), stopped: make(chan struct{})}
	i.metrics = newMetrics(cfg.Registry, &i.waiting)
	return i
}

// NewBatch returns an empty batch that comes now. key is its idempotency key; "" is none.
func (i *Ingester) NewBatch(from Sender, key string) *Batch {
	return newBatch(from, key, MillisOf(time.Now()), i.cfg.Address)
}

// Store stores a batch and returns once it is safe on disk. The batch is the Ingester's from here on. The
// error wraps api.ErrBusy: the same batch may be sent again, whether too many wait, the database
// refused, or the master stops.
func (i *Ingester) Store(b *Batch) (Result, error) {
	for cause, n := range b.skipped {
		i.metrics.skipped.WithLabelValues(cause).Add(float64(n))
	}
	p := &pending{batch: b, rows: int64(b.rows()) + 1, done: make(chan error, 1)}
	if i.waiting.Add(p.rows) > maxWaiting+p.rows {
		i.waiting.Add(-p.rows)
		i.metrics.refused.Inc()
		b.release()
		return Result{}, fmt.Errorf("%w: too much telemetry waits to be stored", api.ErrBusy)
	}
	select {
	case i.queue <- p:
	case <-i.stopped:
		return Result{}, errStopping
	}
	select {
	case err := <-p.done:
		return p.Result, err
	case <-i.stopped:
		select {
		case err := <-p.done: // was stored just before
			return p.Result, err
		default:
			return Result{}, errStopping
		}
	}
}

var errStopping = fmt.Errorf("%w: the master is stopping", api.ErrBusy)

// Run stores what comes until ctx ends. What waits then is not stored, and its senders are told.
func (i *Ingester) Run(ctx context.Context) error {
	defer close(i.stopped)
	writers := i.cfg.Database.Writers()
	free, full := make(chan *commit, 1+writers), make(chan *commit)
	for range cap(free) {
		free <- &commit{sums: newSums()}
	}
	var group sync.WaitGroup
	group.Go(func() { i.gather(ctx, free, full) })
	for range writers {
		group.Go(func() { i.store(ctx, full, free) })
	}
	group.Wait()
	return nil
}

// commit is what one transaction stores.
type commit struct {
	waiting []*pending
	rows    int64
	sums    *sums
}

// gather makes commits of what comes. A commit grows for as long as the one before it is being stored, so
// that the busier the database is, the more rows share the cost of a transaction and of a row of sums.
func (i *Ingester) gather(ctx context.Context, free <-chan *commit, full chan<- *commit) {
	for {
		var c *commit
		select {
		case c = <-free:
		case <-ctx.Done():
			return
		}
		for stored := false; !stored; {
			from, to := i.queue, full
			if len(c.waiting) == 0 {
				to = nil
			}
			if c.rows >= maxCommit {
				from = nil
			}
			select {
			case p := <-from:
				c.waiting, c.rows = append(c.waiting, p), c.rows+p.rows
				c.sums.add(p.batch)
			case to <- c:
				stored = true
			case <-ctx.Done():
				return
			}
		}
	}
}

// store stores commits, one after the other; each of the database's writers does.
func (i *Ingester) store(ctx context.Context, full <-chan *commit, free chan<- *commit) {
	for {
		select {
		case c := <-full:
			i.commit(ctx, c.sums, c.waiting)
			clear(c.waiting)
			c.waiting, c.rows = c.waiting[:0], 0
			free <- c
		case <-ctx.Done():
			return
		}
	}
}

// commit stores batches together, or one by one when that fails, and answers them. sums may have them
// summed up already.
func (i *Ingester) commit(ctx context.Context, sums *sums, waiting []*pending) {
	err := i.transact(ctx, sums, waiting)
	sums.reset()
	if err != nil && len(waiting) > 1 && ctx.Err() == nil {
		for j := range waiting {
			i.commit(ctx, sums, waiting[j:j+1])
		}
		return
	}
	if err != nil {
		i.metrics.failures.Inc()
		i.cfg.Log.Error("Telemetry not stored", "batches", len(waiting), "error", err)
		err = fmt.Errorf("%w: telemetry could not be stored, the master's log says why", api.ErrBusy)
	}
	for _, p := range waiting {
		i.waiting.Add(-p.rows)
		p.batch.release()
		p.done <- err
	}
}

// transact is one transaction.
func (i *Ingester) transact(ctx context.Context, sums *sums, waiting []*pending) error {
	began := time.Now()
	var stored map[Kind]int
	err := i.cfg.Database.Ingest(ctx, func(tx Tx) error {
		fresh, err := claim(tx, waiting, MillisOf(began))
		if err != nil {
			return err
		}
		sums.hold(fresh)
		stored, err = put(tx, fresh, sums)
		return err
	})
	if err != nil {
		return err
	}
	i.metrics.commits.Observe(time.Since(began).Seconds())
	for kind, n := range stored {
		i.metrics.rows.WithLabelValues(string(kind)).Add(float64(n))
	}
	for _, p := range waiting {
		if p.Duplicate {
			i.metrics.duplicates.Inc()
		}
	}
	return nil
}

// claim returns the batches that are new, and fills in the results of all. A batch that came twice at once is
// new once.
func claim(tx Tx, waiting []*pending, at Millis) ([]*Batch, error) {
	keys := make([]BatchKey, len(waiting))
	for j, p := range waiting {
		keys[j] = p.batch.BatchKey
	}
	claims, err := tx.Claim(keys, at)
	if err != nil {
		return nil, err
	}
	if len(claims) != len(waiting) {
		return nil, errors.New("not every batch was claimed")
	}
	var fresh []*Batch
	for j, p := range waiting {
		p.Result = Result{Accepted: claims[j].Accepted, Duplicate: !claims[j].New}
		if claims[j].New {
			fresh = append(fresh, p.batch)
		}
	}
	return fresh, nil
}

// put writes all rows, and returns how many events of each kind.
func put(tx Tx, batches []*Batch, sums *sums) (map[Kind]int, error) {
	n := len(sums.plays.rows)
	for _, b := range batches {
		n += len(b.Access) + len(b.Blocked) + len(b.Logins) + len(b.Playbacks)
	}
	number, err := tx.Numbers(n)
	if err != nil {
		return nil, err
	}
	next := func(at Millis) int64 {
		number++
		return ID(at, number-1)
	}
	stored := map[Kind]int{}
	for _, b := range batches {
		for j := range b.Access {
			b.Access[j].ID = next(b.Access[j].Time)
		}
		for j := range b.Blocked {
			b.Blocked[j].ID = next(b.Blocked[j].Time)
		}
		for j := range b.Logins {
			b.Logins[j].ID = next(b.Logins[j].Time)
		}
		for j := range b.Playbacks {
			b.Playbacks[j].ID = next(b.Playbacks[j].Time)
		}
		for _, block := range []Block{
			blockOf(accessLogTable, b.Access, (*AccessLog).values),
			blockOf(blockedTable, b.Blocked, (*BlockedRequest).values),
			blockOf(loginTable, b.Logins, (*LoginEvent).values),
			blockOf(playbackTable, b.Playbacks, (*PlaybackEvent).values),
		} {
			if err := tx.Put(block); err != nil {
				return nil, err
			}
			stored[Kind(block.Table.Name)] += block.Len
		}
		if b.Complete {
			if err := tx.Replace(b.Reporter, blockOf(realtimeTable, b.Sessions, (*RealtimeSession).values)); err != nil {
				return nil, err
			}
		}
	}
	for j := range sums.plays.rows {
		sums.plays.rows[j].ID = next(sums.plays.rows[j].StartedAt)
	}
	for _, block := range sums.blocks() {
		if err := tx.Put(block); err != nil {
			return nil, err
		}
	}
	return stored, nil
}
