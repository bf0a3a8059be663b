package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// waitAsked is how long slaves ask the master to let them wait; the supervisor asks for about as much.
const waitAsked = 25 * time.Second

// crowd is many waiting slaves, and when each heard of the newest snapshot.
type crowd struct {
	slaves []*slave

	mu      sync.Mutex
	want    int64 // snapshot
	heard   []time.Time
	fetched []time.Time
	done    chan struct{} // closed when all have fetched want
	retried atomic.Int64  // fetches that were told to come later
}

// measureWaiting lets slaves wait and looks at the master's memory; then it publishes, again and again,
// and times how long that takes to reach each.
func (b *bed) measureWaiting(ctx context.Context, bars *bars) error {
	idle, _, err := b.master.Memory()
	if err != nil {
		return err
	}
	c := &crowd{}
	for i := range b.slaves {
		c.slaves = append(c.slaves, newSlave(i, b.addr(), b.tokens[i%len(b.tokens)]))
	}
	group, following := errgroup.WithContext(ctx)
	following, end := context.WithCancel(following)
	defer func() {
		end()
		_ = group.Wait() // its error is that of awaitWaiting or of a round
	}()
	dialing := make(chan struct{}, 64)
	for _, s := range c.slaves {
		group.Go(func() error { return c.follow(following, s, dialing) })
	}
	began := time.Now()
	if err := b.awaitWaiting(following, b.slaves); err != nil {
		return errors.Join(err, context.Cause(following))
	}
	fmt.Printf("%d slaves of %d hosts wait after %.1f s\n", b.slaves, b.hosts, time.Since(began).Seconds())
	held, err := b.watchMemory(following, b.hold)
	if err != nil {
		return err
	}
	fmt.Printf("  memory of the master: %.0f MB before they came, %.0f MB at most while they wait, %.1f KB each\n",
		mega(idle), mega(held), float64(held-idle)/1000/float64(b.slaves))
	bars.atMost("memory of the master with waiting slaves, MB", mega(held), 220)

	var reached, loaded []time.Duration
	for round := range b.rounds {
		r, l, err := b.publishTo(following, c, round)
		if err != nil {
			return errors.Join(err, context.Cause(following))
		}
		reached, loaded = append(reached, r...), append(loaded, l...)
	}
	_, peak, err := b.master.Memory()
	if err != nil {
		return err
	}
	fmt.Printf("  all rounds: heard p50 %s, p99 %s; fetched p50 %s, p99 %s; %d fetches told to come later; memory peak %.0f MB\n",
		quantile(reached, 0.5), quantile(reached, 0.99), quantile(loaded, 0.5), quantile(loaded, 0.99), c.retried.Load(), mega(peak))
	bars.atMost("publish heard by a waiting slave, p99, s", quantile(reached, 0.99).Seconds(), 1)
	return nil
}

// publishTo publishes once and returns how long after the call each slave heard of it, and had fetched it.
func (b *bed) publishTo(ctx context.Context, c *crowd, round int) (heard, fetched []time.Duration, err error) {
	if err := b.awaitWaiting(ctx, b.slaves*99/100); err != nil { // some are between two waits at any time
		return nil, nil, err
	}
	last, err := b.gauge(ctx, "uhd_slaves_waiting")
	if err != nil {
		return nil, nil, err
	}
	before, err := b.master.CPU()
	if err != nil {
		return nil, nil, err
	}
	began := time.Now()
	done := c.expect(int64(round) + 2) // the bed's own is the first
	snapshot, err := b.master.Admin.Publish(ctx, fmt.Sprintf("round %d", round))
	if err != nil {
		return nil, nil, err
	}
	took := time.Since(began)
	if snapshot != int64(round)+2 {
		return nil, nil, fmt.Errorf("snapshot %d was published, want %d", snapshot, round+2)
	}
	select {
	case <-done:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	after, err := b.master.CPU()
	if err != nil {
		return nil, nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.heard {
		heard = append(heard, c.heard[i].Sub(began))
		fetched = append(fetched, c.fetched[i].Sub(began))
	}
	fmt.Printf("  publish to %.0f waiting: call %s; heard p50 %s, p99 %s, last %s; fetched p99 %s, last %s; %d µs of the master's processor time each\n",
		last, round3(took), quantile(heard, 0.5), quantile(heard, 0.99), quantile(heard, 1), quantile(fetched, 0.99), quantile(fetched, 1),
		((after - before) / time.Duration(b.slaves)).Microseconds())
	return heard, fetched, nil
}

// expect begins a round; done is closed when every slave has fetched the snapshot.
func (c *crowd) expect(snapshot int64) (done <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.want, c.heard, c.fetched, c.done = snapshot, nil, nil, make(chan struct{})
	return c.done
}

// follow is one slave's life: it waits for versions and fetches them.
func (c *crowd) follow(ctx context.Context, s *slave, dialing chan struct{}) error {
	dialing <- struct{}{}
	err := s.dial(ctx)
	<-dialing
	if err != nil {
		return err
	}
	defer s.close()
	defer context.AfterFunc(ctx, s.close)()
	for ctx.Err() == nil {
		v, err := s.check(waitAsked)
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("version check: %w", err)
		}
		if v.SnapshotID == s.seen.SnapshotID {
			continue
		}
		heard := time.Now()
		first := s.seen.SnapshotID == 0
		s.seen = v
		if first {
			continue
		}
		if err := c.load(ctx, s); err != nil && ctx.Err() == nil {
			return err
		}
		c.note(v.SnapshotID, heard)
	}
	return nil
}

// load fetches the configuration, later where the master says so.
func (c *crowd) load(ctx context.Context, s *slave) error {
	for ctx.Err() == nil {
		_, err := s.fetch()
		busy, ok := errors.AsType[*statusError](err)
		if !ok || busy.status != 503 {
			return err
		}
		c.retried.Add(1)
		after, err := time.ParseDuration(busy.retryAfter + "s")
		if err != nil {
			return fmt.Errorf("a 503 with Retry-After %q", busy.retryAfter)
		}
		select {
		case <-time.After(after):
		case <-ctx.Done():
		}
	}
	return nil
}

func (c *crowd) note(snapshot int64, heard time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if snapshot != c.want {
		return
	}
	c.heard, c.fetched = append(c.heard, heard), append(c.fetched, time.Now())
	if len(c.fetched) == len(c.slaves) {
		close(c.done)
	}
}

// watchMemory returns the most that the master holds within d.
func (b *bed) watchMemory(ctx context.Context, d time.Duration) (most int64, err error) {
	end := time.After(d)
	for {
		now, _, err := b.master.Memory()
		if err != nil {
			return 0, err
		}
		most = max(most, now)
		select {
		case <-end:
			return most, nil
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func quantile(d []time.Duration, q float64) time.Duration {
	slices.Sort(d)
	return round3(d[min(len(d)-1, int(q*float64(len(d))))])
}

func round3(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

func mega(bytes int64) float64 { return float64(bytes) / 1e6 }
