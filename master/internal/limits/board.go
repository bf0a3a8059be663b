// Package limits holds in memory what slaves must enforce now beside their configuration: rate limit rules,
// stream rules, enforcements and kicked sessions. Nothing of it needs a publish: slaves that wait for their
// version hear of a change at once, by its revision, and fetch the document anew.
package limits

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// Board is what holds now. Its methods may be called from any goroutine.
type Board struct {
	store *store.Store
	now   func() time.Time

	reloading sync.Mutex // keeps what was read in the order of reading
	failures  atomic.Int64

	mu     sync.Mutex // guards what follows
	common api.RateLimits
	base   string          // names common
	plain  json.RawMessage // what slaves without kicks are told; nil: not asked for yet
	kicks  map[fleet.Group][]api.Kick
	slots  map[fleet.Group]*slot
	rules  chan struct{} // closed when common.Rules is replaced
	soon   time.Time     // when the first of common or kicks lapses; zero: none does
	lapses chan struct{} // soon has changed
}

// slot is what one slave is told.
type slot struct {
	revision string
	document json.RawMessage // of an api.LiveLimits with kicks; nil: not asked for yet
	changed  chan struct{}   // closed when revision is replaced
}

// Load returns a board of what holds in the database.
func Load(ctx context.Context, st *store.Store) (*Board, error) {
	b := &Board{
		store: st, now: time.Now, slots: map[fleet.Group]*slot{}, rules: make(chan struct{}), lapses: make(chan struct{}, 1),
	}
	if err := b.ReloadLimits(ctx); err != nil {
		return nil, err
	}
	return b, b.ReloadKicks(ctx)
}

// ReloadLimits reads rules, stream rules and enforcements again. It must be called after each change of
// theirs, whichever replica made it.
func (b *Board) ReloadLimits(ctx context.Context) error {
	b.reloading.Lock()
	defer b.reloading.Unlock()
	common, err := b.store.RateLimits(ctx)
	if err != nil {
		b.failures.Add(1)
		return fmt.Errorf("reload limits: %w", err)
	}
	encoded, err := json.Marshal(common)
	if err != nil {
		return fmt.Errorf("reload limits: %w", err)
	}
	sum := sha256.Sum256(encoded)
	b.mu.Lock()
	defer b.mu.Unlock()
	if !reflect.DeepEqual(common.Rules, b.common.Rules) {
		close(b.rules)
		b.rules = make(chan struct{})
	}
	b.common, b.base, b.plain = common, hex.EncodeToString(sum[:8]), nil
	b.renew()
	return nil
}

// ReloadKicks reads kicked sessions again. It must be called after each kick, whichever replica made it.
func (b *Board) ReloadKicks(ctx context.Context) error {
	b.reloading.Lock()
	defer b.reloading.Unlock()
	rows, err := b.store.KickedSessions(ctx, b.now())
	if err != nil {
		b.failures.Add(1)
		return fmt.Errorf("reload kicks: %w", err)
	}
	kicks := map[fleet.Group][]api.Kick{}
	for i := range rows {
		group := rows[i].Group()
		kicks[group] = append(kicks[group], KickOf(&rows[i]))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kicks = kicks
	b.renew()
	return nil
}

// KickOf returns what a slave is told of a kicked session.
func KickOf(p *store.PlaySession) api.Kick {
	return api.Kick{Scope: p.Scope, PlaySessionID: p.PlaySessionID, Until: p.Until, Reason: p.Reason}
}

// renew tells each slave for whom something has changed; the caller holds mu.
func (b *Board) renew() {
	for group, s := range b.slots {
		if revision := b.revisionOf(group); revision != s.revision {
			close(s.changed)
			b.slots[group] = &slot{revision: revision, changed: make(chan struct{})}
		}
	}
	b.soon = time.Time{}
	for i := range b.common.Enforcements {
		if until := b.common.Enforcements[i].EffectiveUntil; until != nil {
			b.lapse(*until)
		}
	}
	for _, kicks := range b.kicks {
		for i := range kicks {
			b.lapse(kicks[i].Until)
		}
	}
	select {
	case b.lapses <- struct{}{}:
	default: // Run will see it
	}
}

func (b *Board) lapse(at time.Time) {
	if b.soon.IsZero() || at.Before(b.soon) {
		b.soon = at
	}
}

// revisionOf names what a slave is told. All replicas give the same thing the same name: a slave that asks
// one and then another must not take that for a change.
func (b *Board) revisionOf(group fleet.Group) string {
	kicks := b.kicks[group]
	if len(kicks) == 0 {
		return b.base
	}
	var newest int64
	for i := range kicks {
		newest = max(newest, kicks[i].Until.UnixMicro())
	}
	return b.base + "-" + strconv.Itoa(len(kicks)) + "-" + strconv.FormatInt(newest, 36)
}

// Watch returns the revision of what a slave is told, and a channel that is closed when it changes.
func (b *Board) Watch(group fleet.Group) (revision string, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.slot(group)
	return s.revision, s.changed
}

// slot returns the group's slot, made when absent; the caller holds mu.
func (b *Board) slot(group fleet.Group) *slot {
	s := b.slots[group]
	if s == nil {
		s = &slot{revision: b.revisionOf(group), changed: make(chan struct{})}
		b.slots[group] = s
	}
	return s
}

// Document returns the JSON of a slave's api.LiveLimits, which is not to be changed.
func (b *Board) Document(group fleet.Group) (json.RawMessage, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.slot(group)
	document := &s.document
	if len(b.kicks[group]) == 0 {
		document = &b.plain // one for thousands of slaves
	}
	if *document == nil {
		live := api.LiveLimits{RateLimits: b.common, Kicks: b.kicks[group]}
		live.Revision = s.revision
		if live.Kicks == nil {
			live.Kicks = []api.Kick{}
		}
		encoded, err := json.Marshal(live)
		if err != nil {
			return nil, fmt.Errorf("encode limits: %w", err)
		}
		*document = encoded
	}
	return *document, nil
}

// Current returns what all slaves are told, which is not to be changed.
func (b *Board) Current() api.RateLimits {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.common
}

// WatchRules returns the rate limit rules, which are not to be changed, and a channel that is closed when
// there are others.
func (b *Board) WatchRules() (rules []api.RateLimitRule, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.common.Rules, b.rules
}
