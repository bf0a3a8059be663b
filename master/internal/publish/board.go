package publish

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// ErrClosed is what waiters get when the Board closes.
var ErrClosed = errors.New("master is stopping")

// Entry is what a group should run now. The zero Entry is of a group to which nothing was published.
type Entry struct {
	Group          fleet.Group
	DistributionID int64
	SnapshotID     int64
	Version        int64 // 0: nothing published
	Epoch          int64
	Hash           string
	PublishedAt    time.Time
	Document       *Document
}

// Differs reports whether a slave that last saw this hash and version should look again. A hash or a
// version that the slave does not name ("" and -1) counts as the same, unless it names neither. It is
// inequality: after a restored backup versions fall.
func (e Entry) Differs(hash string, version int64) bool {
	if e.Version == 0 {
		return false
	}
	if hash == "" && version < 0 {
		return true
	}
	return hash != "" && hash != e.Hash || version >= 0 && version != e.Version
}

// Board holds what each group should run, in memory, and wakes those who wait for a change: version
// checks never touch the database.
type Board struct {
	store    *store.Store
	changing sync.Mutex // held from reading or writing the database to set: entries come in the order of commits

	mu     sync.Mutex
	groups map[fleet.Group]*slot
	closed bool
}

type slot struct {
	entry   Entry
	changed chan struct{} // closed when entry is replaced
}

// LoadBoard returns a board of what is in force in the database.
func LoadBoard(ctx context.Context, st *store.Store) (*Board, error) {
	b := &Board{store: st, groups: map[fleet.Group]*slot{}}
	return b, b.Refresh(ctx)
}

// Refresh takes over what other replicas have published, too.
func (b *Board) Refresh(ctx context.Context) error {
	b.changing.Lock()
	defer b.changing.Unlock()
	epoch, err := b.store.Epoch(ctx)
	if err != nil {
		return err
	}
	current, err := b.store.CurrentDistributions(ctx)
	if err != nil {
		return err
	}
	for i := range current {
		d := &current[i]
		if b.Current(d.Group()).is(d, epoch) {
			continue
		}
		compressed, err := b.store.Document(ctx, d.ID)
		if err != nil {
			return fmt.Errorf("document of distribution %d: %w", d.ID, err)
		}
		doc, err := openDocument(compressed)
		if err != nil {
			return fmt.Errorf("document of distribution %d: %w", d.ID, err)
		}
		b.set(newEntry(d, epoch, doc))
	}
	return nil
}

func newEntry(d *store.Distribution, epoch int64, doc *Document) Entry {
	return Entry{
		Group: d.Group(), DistributionID: d.ID, SnapshotID: d.SnapshotID, Version: d.Version,
		Epoch: epoch, Hash: d.ConfigHash, PublishedAt: d.CreatedAt, Document: doc,
	}
}

// is reports whether e is the entry of d.
func (e Entry) is(d *store.Distribution, epoch int64) bool {
	return e.DistributionID == d.ID && e.Version == d.Version && e.Hash == d.ConfigHash && e.Epoch == epoch
}

// Current returns what the group should run.
func (b *Board) Current(group fleet.Group) Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.groups[group]; s != nil {
		return s.entry
	}
	return Entry{Group: group}
}

// All returns what each published group should run, in no order.
func (b *Board) All() []Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	entries := make([]Entry, 0, len(b.groups))
	for _, s := range b.groups {
		if s.entry.Version != 0 {
			entries = append(entries, s.entry)
		}
	}
	return entries
}

// Wait returns the group's entry as soon as it Differs from hash and version, or when also is closed. When
// ctx ends first it returns the entry of that moment and ctx's error, and ErrClosed when the board closes.
func (b *Board) Wait(ctx context.Context, group fleet.Group, hash string, version int64, also <-chan struct{}) (Entry, error) {
	for {
		entry, changed, closed := b.watch(group)
		switch {
		case entry.Differs(hash, version):
			return entry, nil
		case closed:
			return entry, ErrClosed
		}
		select {
		case <-changed:
		case <-also:
			return b.Current(group), nil
		case <-ctx.Done():
			return b.Current(group), ctx.Err()
		}
	}
}

func (b *Board) watch(group fleet.Group) (entry Entry, changed <-chan struct{}, closed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.slot(group)
	return s.entry, s.changed, b.closed
}

// slot returns the group's slot, made when absent; the caller holds mu.
func (b *Board) slot(group fleet.Group) *slot {
	s := b.groups[group]
	if s == nil {
		s = &slot{entry: Entry{Group: group}, changed: make(chan struct{})}
		b.groups[group] = s
	}
	return s
}

func (b *Board) set(entries ...Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range entries {
		s := b.slot(e.Group)
		s.entry = e
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

// Close releases all waiters, now and later, so that the server can stop.
func (b *Board) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.closed = true
	for _, s := range b.groups {
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

func compareGroups(a, b fleet.Group) int {
	return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.ServiceType, b.ServiceType))
}
