package identity

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
)

// Keys in Redis: one per token, which is its own slot of a Cluster, with the user id as its value; and one that
// says that they are all there. Redis that was emptied has lost that one too.
const (
	tokenKey  = "uhd:token:" // + scope:hash
	markerKey = "uhd:tokens"
)

const (
	// sharedFor is how long Redis keeps a binding after its last use.
	sharedFor = 7 * 24 * time.Hour
	// patience is how long a player waits for Redis, which answers within a millisecond.
	patience = 25 * time.Millisecond
	// impatientFor is how long nobody waits after an answer that did not come in time.
	impatientFor = 2 * time.Second
	// shareEvery is how often what was learnt is written; markEvery how often the marker is looked at.
	shareEvery = time.Second
	markEvery  = 5 * time.Second
	// sharedAtOnce bounds one pipeline, questions at a time what runs in the background.
	sharedAtOnce  = 1000
	lookupsAtOnce = 16
)

// shared is the bindings in Redis, of all slaves that use it.
type shared struct {
	redis redis.Cmdable
	slots chan struct{}
	ctx   context.Context // of lookups that nobody waits for any more
	stop  context.CancelFunc
	asked sync.WaitGroup

	mu        sync.Mutex // guards what follows
	ended     bool
	unwritten map[key]struct{}
	slowUntil time.Time // nobody waits until then
	away      bool      // the last write failed
}

func newShared(client redis.Cmdable) *shared {
	s := &shared{redis: client, slots: make(chan struct{}, lookupsAtOnce), unwritten: map[key]struct{}{}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

func (s *shared) end() {
	s.stop()
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.asked.Wait()
}

// run starts a lookup unless all have been told to end.
func (s *shared) run(lookup func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.asked.Go(lookup)
	}
	return !s.ended
}

func (k key) redis() string { return tokenKey + k.scope + ":" + k.tokenHash }

// share has a binding written to Redis some time soon.
func (b *Book) share(k key) {
	if b.shared == nil {
		return
	}
	b.shared.mu.Lock()
	defer b.shared.mu.Unlock()
	b.shared.unwritten[k] = struct{}{}
}

// findShared asks Redis. What it knows is learnt and told to nginx, also when that comes too late for the player.
func (b *Book) findShared(ctx context.Context, k key) (userID string, known bool) {
	s := b.shared
	select {
	case s.slots <- struct{}{}:
	default:
		b.metrics.redisLookups.WithLabelValues("busy").Inc()
		return "", false
	}
	found := make(chan string, 1)
	if !s.run(func() {
		defer func() { <-s.slots }()
		found <- b.lookupShared(k)
	}) {
		<-s.slots
		return "", false
	}
	if s.isImpatient(b.cfg.Now()) {
		return "", false
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case userID = <-found:
		return userID, userID != ""
	case <-ctx.Done():
		s.beImpatient(b.cfg.Now())
		return "", false
	}
}

// lookupShared returns a token's user as Redis has it, "" for none.
func (b *Book) lookupShared(k key) string {
	userID, err := b.shared.redis.Get(b.shared.ctx, k.redis()).Result()
	if errors.Is(err, redis.Nil) {
		b.metrics.redisLookups.WithLabelValues("unknown").Inc()
		return ""
	}
	u := nginx.User{Scope: k.scope, TokenHash: k.tokenHash, UserID: userID}
	if err == nil {
		err = b.Learn(u) // refuses what is no user id
	}
	if err != nil {
		b.metrics.redisLookups.WithLabelValues("failed").Inc()
		b.shared.beImpatient(b.cfg.Now())
		return ""
	}
	b.metrics.redisLookups.WithLabelValues("known").Inc()
	b.tell(u)
	return userID
}

func (s *shared) isImpatient(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.away || now.Before(s.slowUntil)
}

func (s *shared) beImpatient(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slowUntil = now.Add(impatientFor)
}

// keepShared writes what was learnt or used, and all of it to a Redis that has lost it.
func (b *Book) keepShared(ctx context.Context) {
	marked := time.Time{}
	for {
		err := b.writeShared(ctx)
		if err == nil && time.Since(marked) >= markEvery {
			err = b.mark(ctx)
			marked = time.Now()
		}
		b.noteShared(ctx, err)
		if ctx.Err() != nil {
			return
		}
		pause(ctx, shareEvery)
	}
}

// noteShared takes how a round with Redis ended.
func (b *Book) noteShared(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	s := b.shared
	s.mu.Lock()
	before := s.away
	s.away = err != nil
	s.mu.Unlock()
	switch {
	case err != nil && !before:
		b.metrics.redisAvailable.Set(0)
		b.cfg.Log.Warn("Redis takes no bindings of tokens: memory and file go on, written when it is back", "error", err)
	case err == nil && before:
		b.cfg.Log.Info("Redis takes bindings of tokens again")
	}
	if err != nil {
		b.metrics.redisFailures.Inc()
	} else {
		b.metrics.redisAvailable.Set(1)
	}
}

// writeShared writes what waits; what could not be written waits on.
func (b *Book) writeShared(ctx context.Context) error {
	for {
		keys := b.shared.take()
		if len(keys) == 0 {
			return nil
		}
		pipe := b.shared.redis.Pipeline()
		b.mu.Lock()
		for _, k := range keys {
			element, ok := b.bindings[k]
			if !ok {
				continue
			}
			n := element.Value.(*binding)
			if left := sharedFor - b.cfg.Now().Sub(time.Unix(n.Used, 0)); left > time.Second {
				pipe.Set(ctx, k.redis(), n.UserID, left.Truncate(time.Second))
			}
		}
		b.mu.Unlock()
		if _, err := pipe.Exec(ctx); err != nil {
			b.shared.put(keys)
			return err
		}
	}
}

func (s *shared) take() []key {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := make([]key, 0, min(len(s.unwritten), sharedAtOnce))
	for k := range s.unwritten {
		if len(keys) == sharedAtOnce {
			break
		}
		keys = append(keys, k)
		delete(s.unwritten, k)
	}
	return keys
}

func (s *shared) put(keys []key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range keys {
		s.unwritten[k] = struct{}{}
	}
}

// mark looks whether Redis still has what it was given; else all of it is written again.
func (b *Book) mark(ctx context.Context) error {
	there, err := b.shared.redis.Exists(ctx, markerKey).Result()
	if err != nil || there > 0 {
		return err
	}
	b.mu.Lock()
	keys := make([]key, 0, len(b.bindings))
	for k := range b.bindings {
		keys = append(keys, k)
	}
	b.mu.Unlock()
	b.shared.put(keys)
	if err := b.writeShared(ctx); err != nil {
		return err
	}
	if len(keys) > 0 {
		b.cfg.Log.Info("Redis had no bindings of tokens, and has them now", "count", len(keys), "key", strings.TrimSuffix(tokenKey, ":"))
	}
	return b.shared.redis.Set(ctx, markerKey, "1", 0).Err()
}
