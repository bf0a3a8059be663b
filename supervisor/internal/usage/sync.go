package usage

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/period"
	"github.com/uhdadmin/media-gateway/supervisor/internal/masterclient"
)

// A sync that comes before its time: when so much was used since the last, and not more often than this. Other
// slaves' players use the same quotas.
const (
	soonBytes    = 1 << 30
	soonRequests = 50_000
	soonest      = 10 * time.Second
)

// absentFor is how long a master is left alone that does not know quotas.
const absentFor = 30 * time.Minute

// syncState is how the exchange with the master stands.
type syncState struct {
	change   uint64 // book.change that the master has
	used     Count  // since
	failures int    // in a row
	lastErr  error
	at       time.Time // of the last that worked
}

// noteForSync wakes the exchange when much was used. mu is held.
func (c *Counter) noteForSync(used Count) {
	c.sync.used = c.sync.used.plus(used)
	if c.sync.used.Bytes >= soonBytes || c.sync.used.Requests >= soonRequests {
		select {
		case c.soon <- struct{}{}:
		default:
		}
	}
}

// exchange syncs with the master until ctx ends.
func (c *Counter) exchange(ctx context.Context) error {
	if c.cfg.Master == nil {
		return nil
	}
	pause := rand.N(min(c.cfg.SyncInterval, 10*time.Second)) // a fleet starts together
	for {
		if err := c.await(ctx, pause); err != nil {
			return err
		}
		err := c.syncAll(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		pause = c.synced(err)
	}
}

// await waits for pause, or until there is reason to hurry.
func (c *Counter) await(ctx context.Context, pause time.Duration) error {
	if err := sleep(ctx, min(pause, soonest)); err != nil {
		return err
	}
	rest := time.NewTimer(max(0, pause-soonest))
	defer rest.Stop()
	c.mu.Lock()
	hurry := c.soon
	if c.sync.failures > 0 {
		hurry = nil // a master that is away is not to be hurried
	}
	c.mu.Unlock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-rest.C:
	case <-hurry:
	}
	return nil
}

// synced notes how a sync ended, and returns when the next is due.
func (c *Counter) synced(err error) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.sync
	s.lastErr = err
	if err == nil {
		if s.failures > 0 {
			c.log.Info("Quotas are synced with the master again", "after_failures", s.failures)
		}
		s.failures, s.at = 0, c.cfg.Now()
		return time.Duration(float64(c.cfg.SyncInterval) * (0.9 + 0.2*rand.Float64()))
	}
	c.metrics.syncFailures.Inc()
	pause := masterclient.Backoff(s.failures, c.cfg.SyncInterval, err)
	if masterclient.NotOffered(err) {
		pause = max(absentFor, c.cfg.SyncInterval)
	}
	if s.failures++; s.failures == 1 {
		c.log.Warn("Quotas not synced with the master, judged by this slave's own counters", "error", err, "retry_in", pause.Round(time.Millisecond))
	}
	return pause
}

// errRemade: subjects were numbered anew on the way.
var errRemade = errors.New("counters were tidied up meanwhile")

// syncAll sends all counters that changed since the last sync, in parts. A part that is sent again does no
// harm.
func (c *Counter) syncAll(ctx context.Context) error {
	c.mu.Lock()
	upTo, remade := c.book.change, c.book.remade
	c.sync.used = Count{}
	c.mu.Unlock()
	sent := false
	part := make([]api.QuotaCounter, 0, api.MaxQuotaCounters) // used again, for a million counters
	for next := 0; ; {
		var after int
		var err error
		if part, after, err = c.part(part[:0], next, remade); err != nil {
			return err
		}
		if len(part) == 0 && sent {
			break
		}
		answer, err := c.cfg.Master.QuotaSync(ctx, api.QuotaSync{SlaveID: c.slave, TimeZone: c.cfg.Zone.String(), Counters: part})
		if err != nil {
			return err
		}
		c.metrics.synced.Add(float64(len(part)))
		c.takeAnswer(answer)
		if next, sent = after, true; next < 0 {
			break
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sync.change = upTo
	return nil
}

// part appends the next counters that the master does not have to part, of subjects from a number on, and
// returns where to go on; -1: nowhere.
func (c *Counter) part(part []api.QuotaCounter, from, remade int) (_ []api.QuotaCounter, next int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.book
	if b.remade != remade {
		return nil, 0, errRemade
	}
	for n := from; n < len(b.subjects); n++ {
		if len(part)+len(b.tables) > api.MaxQuotaCounters {
			return part, n, nil
		}
		for _, t := range b.tables {
			if row := t.get(uint32(n)); row.changed > c.sync.change {
				part = append(part, counterOf(b.subjects[n], t.Period, row.Count))
			}
		}
	}
	return part, -1, nil
}

func counterOf(s subject, p period.Period, c Count) api.QuotaCounter {
	dimension, scope, value := s.parts()
	return api.QuotaCounter{
		Scope: scope, Dimension: dimension, DimensionValue: value, PeriodType: string(p.Kind), PeriodKey: p.Key,
		RequestCount: api.Int(c.Requests), BandwidthBytes: api.Int(c.Bytes),
	}
}

// takeAnswer goes by what the master says.
func (c *Counter) takeAnswer(answer api.QuotaSyncAnswer) {
	if c.cfg.Limited != nil {
		c.cfg.Limited(answer.Enforcements)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.judge.tell(c.book, answer.Remaining, c.cfg.Now()) {
		c.decide()
	}
}
