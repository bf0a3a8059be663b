package usage

import (
	"slices"
	"time"

	"github.com/uhdadmin/media-gateway/shared/period"
)

// How long a period's counters are kept after its end, for lines that come late: of a supervisor that was
// down, or of nginx's buffers.
const (
	keptHour  = 2 * time.Hour
	keptOther = 24 * time.Hour
)

// sureAfter is how long a period has to look over before it goes: a clock that was set wrong, and is put
// right within that time, costs nothing.
const sureAfter = time.Hour

func kept(kind period.Kind) time.Duration {
	if kind == period.Hourly {
		return keptHour
	}
	return keptOther
}

// expire lets go of the periods that are over for good, and returns them.
func (b *book) expire(now time.Time) (gone []period.Period) {
	for _, t := range b.tables {
		switch {
		case now.Before(t.End.Add(kept(t.Kind))):
			t.over = time.Time{}
		case t.over.IsZero():
			t.over = now
		case now.Sub(t.over) >= sureAfter: // of two readings of the monotonic clock
			gone = append(gone, t.Period)
		}
	}
	if len(gone) > 0 {
		b.drop(func(t *table) bool { return slices.Contains(gone, t.Period) })
	}
	return gone
}

// drop removes tables, and the subjects that are in no other.
func (b *book) drop(which func(*table) bool) {
	b.tables = slices.DeleteFunc(b.tables, which)
	fresh := &book{zone: b.zone, numbers: make(map[subject]uint32, len(b.subjects)), change: b.change}
	for n, s := range b.subjects {
		if !slices.ContainsFunc(b.tables, func(t *table) bool { return t.get(uint32(n)).changed != 0 }) {
			continue
		}
		as := fresh.enter(s)
		for _, t := range b.tables {
			if c := t.get(uint32(n)); c.changed != 0 {
				*fresh.open(t.Period).row(as) = c
				fresh.counters++
			}
		}
	}
	for _, t := range b.tables { // one that is empty still runs
		fresh.open(t.Period).over = t.over
	}
	fresh.at, fresh.remade = b.at, b.remade+1
	*b = *fresh
}
