package session

import (
	"container/list"
	"slices"
	"time"
)

// mostSessions bounds the table: a slave's uplink ends long before. The one that was silent longest makes
// room.
const mostSessions = 20_000

// owner is whose streams are counted together: a user of one media server, or an address where the user
// is not known. A device is none: clients state what they like.
type owner struct{ scope, user, address string }

func ownerOf(in CheckIn) owner {
	if in.UserID != "" {
		return owner{scope: in.Scope, user: in.UserID}
	}
	return owner{scope: in.Scope, address: in.ClientIP}
}

// live is a session that may still play.
type live struct {
	owner owner
	id    string // clients make these up: unique per owner only
	seen  time.Time
	place *list.Element
}

// table is all live sessions. Its methods need the Desk's lock.
type table struct {
	owners map[owner][]*live
	ids    map[string][]*live
	order  *list.List // of *live, by last sign of life
}

func newTable() *table {
	return &table{owners: map[owner][]*live{}, ids: map[string][]*live{}, order: list.New()}
}

func (t *table) add(s *live) {
	s.place = t.order.PushBack(s)
	t.owners[s.owner] = append(t.owners[s.owner], s)
	t.ids[s.id] = append(t.ids[s.id], s)
	if t.order.Len() > mostSessions {
		t.remove(t.order.Front().Value.(*live))
	}
}

func (t *table) remove(s *live) {
	t.order.Remove(s.place)
	drop(t.owners, s.owner, s)
	drop(t.ids, s.id, s)
}

// drop takes s out of one list of m, and out of m what is empty then.
func drop[K comparable](m map[K][]*live, k K, s *live) {
	m[k] = slices.DeleteFunc(m[k], func(other *live) bool { return other == s })
	if len(m[k]) == 0 {
		delete(m, k)
	}
}

// expire forgets what has been silent for too long.
func (t *table) expire(now time.Time) {
	for front := t.order.Front(); front != nil; front = t.order.Front() {
		s := front.Value.(*live)
		if now.Sub(s.seen) < EndsAfter {
			return
		}
		t.remove(s)
	}
}

func (t *table) touch(s *live, now time.Time) {
	s.seen = now
	t.order.MoveToBack(s.place)
}

func (t *table) find(o owner, id string) *live {
	for _, s := range t.owners[o] {
		if s.id == id {
			return s
		}
	}
	return nil
}

// named returns the sessions of a media server by this name, whoever owns them.
func (t *table) named(scope, id string) []*live {
	var found []*live
	for _, s := range t.ids[id] {
		if s.owner.scope == scope {
			found = append(found, s)
		}
	}
	return found
}
