package usage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/uhdadmin/media-gateway/shared/period"
)

// Keys, all of one slave with one hash tag, so that a Cluster has them in one place and changes them in one
// transaction with the positions:
//
//	uhd:{SLAVE}:usage                            string: redisState
//	uhd:{SLAVE}:usage:daily:2026-11-22           hash: subject → "requests bytes"
//
// Every period is one hash: it is read by its name and goes at once, and nobody has to look for keys.

// keptInRedis is how long a period outlives the supervisor that would remove it.
const keptInRedis = 7 * 24 * time.Hour

// keptState is how long the positions outlive the last save.
const keptState = 45 * 24 * time.Hour

// redisState says what the hashes are of. A hash that it names and that is not there was evicted: then the
// counters are not whole, and are not gone by.
type redisState struct {
	Positions
	Zone    string      `json:"zone"`
	Periods []redisName `json:"periods"`
}

type redisName struct {
	Kind period.Kind `json:"kind"`
	Key  string      `json:"key"`
}

// errForgotten: Redis does not hold what was saved last. It was flushed, or restored, or another replica
// became the primary.
var errForgotten = errors.New("redis does not hold what was saved last")

// redisStore saves what changed, and all of it where Redis is not sure to have the rest.
type redisStore struct {
	client redis.UniversalClient
	prefix string

	// Of the goroutine that saves.
	whole   bool   // Redis has all of it, as of last
	last    string // the state that was saved, as it stands there
	tried   string // the one that may have been saved
	rewrote func() // for the metric

	// Counter.mu guards these.
	pending map[uint32]struct{} // subjects with a counter that Redis does not have
	saved   uint64              // book.change that Redis has
	expired []period.Period     // hashes to be removed
	renamed bool                // subjects have other numbers than when pending was noted
}

func newRedisStore(client redis.UniversalClient, slave string, rewrote func()) *redisStore {
	return &redisStore{client: client, prefix: "uhd:{" + slave + "}:usage", rewrote: rewrote, pending: map[uint32]struct{}{}}
}

func (r *redisStore) key(kind period.Kind, key string) string {
	return r.prefix + ":" + string(kind) + ":" + key
}

func (r *redisStore) touched(subjects []uint32) {
	for _, n := range subjects {
		r.pending[n] = struct{}{}
	}
}

func (r *redisStore) remade(expired []period.Period) {
	r.expired = append(r.expired, expired...)
	r.renamed = true
}

// mostPending is how many subjects are saved in one transaction, which Redis does nothing beside.
const mostPending = 20_000

// save brings Redis up to the book.
func (r *redisStore) save(ctx context.Context, c *Counter) (Positions, error) {
	c.mu.Lock()
	whole := r.whole && !r.renamed && len(r.pending) <= mostPending
	c.mu.Unlock()
	for {
		if !whole {
			if err := r.rewrite(ctx, c); err != nil {
				return Positions{}, err
			}
		}
		at, err := r.saveChanged(ctx, c)
		if !whole || !errors.Is(err, errForgotten) {
			return at, err
		}
		c.log.Warn("Redis does not hold what was saved last, all usage is saved anew: it was flushed or restored, or a replica took over")
		whole = false
	}
}

// changes are what one transaction saves.
type changes struct {
	at       Positions
	state    string
	change   uint64
	subjects map[uint32]struct{}
	hashes   []hash
	expired  []period.Period
}

type hash struct {
	period.Period
	fields []any // subject, "requests bytes", …
}

// take takes what Redis lacks out of the books.
func (r *redisStore) take(c *Counter) (changes, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.book
	ch := changes{at: b.at, change: b.change, subjects: r.pending, expired: r.expired}
	state := redisState{Positions: b.at, Zone: b.zone.String(), Periods: []redisName{}}
	for _, t := range b.tables {
		if !t.empty() {
			state.Periods = append(state.Periods, redisName{t.Kind, t.Key})
		}
		h := hash{Period: t.Period}
		for n := range r.pending {
			if row := t.get(n); row.changed > r.saved {
				h.fields = append(h.fields, string(b.subjects[n]), row.text())
			}
		}
		if len(h.fields) > 0 {
			ch.hashes = append(ch.hashes, h)
		}
	}
	text, err := json.Marshal(state)
	if err != nil {
		return ch, err
	}
	ch.state = string(text)
	r.pending, r.expired = map[uint32]struct{}{}, nil
	return ch, nil
}

// giveBack notes that changes are still to be saved.
func (r *redisStore) giveBack(c *Counter, ch changes) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r.expired = append(r.expired, ch.expired...)
	for n := range ch.subjects {
		r.pending[n] = struct{}{}
	}
}

// saveChanged writes what changed and the positions in one transaction, provided that Redis holds what was
// saved before. One whose outcome is not known is simply made again.
func (r *redisStore) saveChanged(ctx context.Context, c *Counter) (Positions, error) {
	ch, err := r.take(c)
	if err != nil {
		return Positions{}, err
	}
	if ch.state == r.last && len(ch.hashes) == 0 && len(ch.expired) == 0 {
		return ch.at, r.client.Ping(ctx).Err() // so that one that is gone is known before it is needed
	}
	before := r.tried
	r.tried = ch.state
	err = r.client.Watch(ctx, func(tx *redis.Tx) error {
		there, err := tx.Get(ctx, r.prefix).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
		if there != r.last && there != before && there != ch.state {
			return errForgotten
		}
		_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
			r.queue(ctx, p, ch)
			return nil
		})
		return err
	}, r.prefix)
	if err != nil {
		r.giveBack(c, ch)
		return Positions{}, fmt.Errorf("save usage to Redis: %w", r.cause(ctx, err))
	}
	r.last = ch.state
	c.mu.Lock()
	defer c.mu.Unlock()
	r.saved = ch.change
	return ch.at, nil
}

// cause finds out why a transaction was refused, which its error does not say, and what cures it.
func (r *redisStore) cause(ctx context.Context, err error) error {
	if redis.IsExecAbortError(err) {
		if why := r.client.Set(ctx, r.prefix+":try", "", time.Second).Err(); why != nil {
			err = why
		}
	}
	switch {
	case redis.IsOOMError(err):
		return fmt.Errorf("%w: raise its maxmemory", err)
	case redis.IsReadOnlyError(err):
		return fmt.Errorf("%w: REDIS_URL has to name the primary, or the sentinels that know it", err)
	}
	return err
}

func (r *redisStore) queue(ctx context.Context, p redis.Pipeliner, ch changes) {
	for _, h := range ch.hashes {
		key := r.key(h.Kind, h.Key)
		p.HSet(ctx, key, h.fields...)
		p.ExpireAt(ctx, key, h.End.Add(kept(h.Kind)+keptInRedis))
	}
	for _, gone := range ch.expired {
		p.Unlink(ctx, r.key(gone.Kind, gone.Key))
	}
	p.Set(ctx, r.prefix, ch.state, keptState)
}

// subjectsPerCall bounds one call of a rewrite, which others of the same Redis wait for: some milliseconds.
const subjectsPerCall = 1000

// rewrite writes all counters. Until saveChanged has followed there is no state, and whoever starts in between
// goes by the disk.
func (r *redisStore) rewrite(ctx context.Context, c *Counter) error {
	r.rewrote()
	if err := r.clear(ctx); err != nil {
		return fmt.Errorf("save all usage to Redis: %w", err)
	}
	c.mu.Lock()
	all := c.book.clone()
	r.pending, r.expired, r.renamed, r.saved = map[uint32]struct{}{}, nil, false, all.change
	c.mu.Unlock()
	r.whole, r.last, r.tried = false, "", ""
	for from := 0; from < len(all.subjects); from += subjectsPerCall {
		_, err := r.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			r.queueAll(ctx, p, all, from, min(from+subjectsPerCall, len(all.subjects)))
			return nil
		})
		if err != nil {
			return fmt.Errorf("save all usage to Redis: %w", err)
		}
	}
	r.whole = true
	return nil
}

func (r *redisStore) queueAll(ctx context.Context, p redis.Pipeliner, all *book, from, to int) {
	for _, t := range all.tables {
		var fields []any
		for n := from; n < to; n++ {
			if row := t.get(uint32(n)); row.changed != 0 {
				fields = append(fields, string(all.subjects[n]), row.text())
			}
		}
		if len(fields) > 0 {
			key := r.key(t.Kind, t.Key)
			p.HSet(ctx, key, fields...)
			p.ExpireAt(ctx, key, t.End.Add(kept(t.Kind)+keptInRedis))
		}
	}
}

// clear removes the state, and then the hashes that it names.
func (r *redisStore) clear(ctx context.Context) error {
	state, err := r.state(ctx)
	if err != nil {
		return err
	}
	if err := r.client.Del(ctx, r.prefix).Err(); err != nil {
		return err
	}
	for _, name := range state.Periods {
		if err := r.client.Unlink(ctx, r.key(name.Kind, name.Key)).Err(); err != nil {
			return err
		}
	}
	return nil
}

// state reads the state, the zero one where there is none or it is none.
func (r *redisStore) state(ctx context.Context) (state redisState, err error) {
	r.last, err = r.client.Get(ctx, r.prefix).Result()
	r.tried = r.last
	if errors.Is(err, redis.Nil) {
		return state, nil
	}
	if err == nil && json.Unmarshal([]byte(r.last), &state) != nil {
		state = redisState{}
	}
	return state, err
}

// fieldsPerScan is about how many fields of a hash one call reads.
const fieldsPerScan = 2000

// load reads all counters. nil: there are none, or not all of them.
func (r *redisStore) load(ctx context.Context, zone *time.Location) (*book, error) {
	state, err := r.state(ctx)
	if err != nil {
		return nil, fmt.Errorf("read usage from Redis: %w", err)
	}
	if r.last == "" || len(state.Periods) == 0 {
		return nil, nil
	}
	b := newBook(zone)
	b.at = state.Positions
	for _, name := range state.Periods {
		p, err := period.Parse(name.Kind, name.Key, zone)
		if err != nil {
			return nil, fmt.Errorf("read usage from Redis: %w", err)
		}
		found, err := r.loadPeriod(ctx, b, b.open(p))
		if err != nil {
			return nil, fmt.Errorf("read usage from Redis: %s: %w", r.key(p.Kind, p.Key), err)
		}
		if !found {
			return nil, fmt.Errorf("read usage from Redis: %s is not there any more: set maxmemory-policy noeviction", r.key(p.Kind, p.Key))
		}
	}
	r.whole, r.saved = true, b.change
	return b, nil
}

func (r *redisStore) loadPeriod(ctx context.Context, b *book, t *table) (found bool, err error) {
	for cursor := uint64(0); ; {
		fields, next, err := r.client.HScan(ctx, r.key(t.Kind, t.Key), cursor, "", fieldsPerScan).Result()
		if err != nil {
			return found, err
		}
		for pair := range slices.Chunk(fields, 2) {
			c, err := parseCount(pair[1])
			if err != nil {
				return found, err
			}
			n, ok := b.number([]byte(pair[0]))
			if ok {
				b.set(t, n, c)
			}
			found = true
		}
		if cursor = next; cursor == 0 {
			return found, nil
		}
	}
}

// text is how a counter stands in Redis.
func (c Count) text() string {
	return strconv.FormatInt(c.Requests, 10) + " " + strconv.FormatInt(c.Bytes, 10)
}

func parseCount(text string) (c Count, err error) {
	requests, bytes, _ := strings.Cut(text, " ")
	if c.Requests, err = strconv.ParseInt(requests, 10, 64); err != nil {
		return c, err
	}
	c.Bytes, err = strconv.ParseInt(bytes, 10, 64)
	return c, err
}
