package usage

import (
	"context"
	"errors"
	"time"

	"github.com/uhdadmin/media-gateway/shared/period"
)

// store is a place where counters survive.
type store interface {
	// save makes what the counter has durable, and returns the positions of which it is. It takes the
	// counter's lock for as long as it copies.
	save(ctx context.Context, c *Counter) (Positions, error)

	// These are told with the counter's lock held.
	touched(subjects []uint32)      // counters of these changed
	remade(expired []period.Period) // these are gone, and subjects may have other numbers
}

// keeper saves to one store, at its pace.
type keeper struct {
	store
	name  string
	every time.Duration

	// Counter.mu guards these.
	failures int // in a row
	lastErr  error
	savedAt  time.Time
}

func newKeeper(name string, every time.Duration, s store) *keeper {
	return &keeper{store: s, name: name, every: every}
}

// slowestSave bounds the backoff of a store that fails: one that is back is noticed within it.
const slowestSave = 10 * time.Second

// pause is how long to wait before the next save.
func (k *keeper) pause() time.Duration {
	return max(k.every, min(slowestSave, time.Duration(k.failures)*time.Second))
}

// keep saves to k until ctx ends.
func (c *Counter) keep(ctx context.Context, k *keeper) error {
	for {
		if err := sleep(ctx, c.pauseOf(k)); err != nil {
			return err
		}
		c.saveTo(ctx, k)
	}
}

func (c *Counter) pauseOf(k *keeper) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return k.pause()
}

// saveTo saves once. What fails is said once, and again when it works.
func (c *Counter) saveTo(ctx context.Context, k *keeper) {
	begun := time.Now()
	at, err := k.save(ctx, c)
	if errors.Is(err, context.Canceled) {
		return
	}
	c.metrics.saved(k.name, time.Since(begun), err)
	c.mu.Lock()
	defer c.mu.Unlock()
	k.lastErr = err
	switch {
	case err != nil:
		if k.failures++; k.failures == 1 {
			c.log.Error("Usage not saved, counted on in memory and tried again", "store", k.name, "error", err)
		}
		return
	case k.failures > 0:
		c.log.Info("Usage is saved again", "store", k.name, "after_failures", k.failures)
	}
	k.failures, k.savedAt = 0, c.cfg.Now()
	if k.name == onDisk { // what is there need not be counted again, whatever becomes of Redis
		for log, reader := range c.readers {
			reader.Done(*at.of(log))
		}
	}
}

// lastSave bounds the saves of a supervisor that is told to stop.
const lastSave = 5 * time.Second

func (c *Counter) saveLast(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastSave)
	defer cancel()
	for _, k := range c.stores {
		if disk, ok := k.store.(*snapshot); ok {
			disk.must = true
		}
		c.saveTo(ctx, k)
	}
}

// loadTime bounds reading a million counters from Redis.
const loadTime = 20 * time.Second

// restore goes on with what Redis has, unless the disk has more: it is written less often, but does not forget.
func (c *Counter) restore(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, loadTime)
	defer cancel()
	for _, k := range c.stores {
		remote, ok := k.store.(*redisStore)
		if !ok {
			continue
		}
		b, err := remote.load(ctx, c.cfg.Zone)
		c.mu.Lock()
		switch {
		case err != nil:
			c.metrics.saveFailures.WithLabelValues(k.name).Inc()
			c.log.Error("Usage not read, going on from the disk", "store", k.name, "error", err)
			k.remade(nil)
		case b == nil || b.at.behind(c.book.at):
			k.remade(nil)
		default:
			c.book = b
			c.goOn()
			c.log.Info("Usage goes on from Redis", "counters", b.counters)
		}
		c.mu.Unlock()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rejudge()
}
