package session

import (
	"container/list"
	"maps"
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
	CheckIn
	owner   owner
	started time.Time
	seen    time.Time // last sign of life
	bytes   int64     // sent so far
	paused  bool      // as the player reports
	place   *list.Element
}

// sameDevice reports whether two playbacks are of one owner's one device: the new one replaces the other.
func (s *live) sameDevice(other *live) bool {
	return s.owner == other.owner && s.DeviceID == other.DeviceID && (s.DeviceID != "" || s.ClientIP == other.ClientIP)
}

// table is all live sessions, and for a while those that are over. Its methods need the Desk's lock.
type table struct {
	owners map[owner][]*live
	ids    map[string][]*live // by play session, which clients make up: unique per owner only
	items  map[string][]*live // by item
	order  *list.List         // of *live, by last sign of life
	over   map[ended]time.Time
	swept  time.Time // over
}

// ended names a session that is over.
type ended struct {
	owner owner
	id    string
}

func newTable() *table {
	return &table{
		owners: map[owner][]*live{}, ids: map[string][]*live{}, items: map[string][]*live{}, order: list.New(),
		over: map[ended]time.Time{},
	}
}

func (t *table) add(s *live) {
	delete(t.over, ended{s.owner, s.PlaySessionID})
	s.place = t.order.PushBack(s)
	t.owners[s.owner] = append(t.owners[s.owner], s)
	t.ids[s.PlaySessionID] = append(t.ids[s.PlaySessionID], s)
	t.items[s.ItemID] = append(t.items[s.ItemID], s)
	if t.order.Len() > mostSessions {
		t.remove(t.order.Front().Value.(*live))
	}
}

func (t *table) remove(s *live) {
	t.order.Remove(s.place)
	drop(t.owners, s.owner, s)
	drop(t.ids, s.PlaySessionID, s)
	drop(t.items, s.ItemID, s)
}

// end removes a session that is over, and remembers it: what comes of it for a moment more is its tail.
func (t *table) end(s *live, now time.Time) {
	t.remove(s)
	t.over[ended{s.owner, s.PlaySessionID}] = now
	if len(t.over) > mostSessions {
		clear(t.over)
	}
}

// drop takes s out of one list of m, and out of m what is empty then.
func drop[K comparable](m map[K][]*live, k K, s *live) {
	m[k] = slices.DeleteFunc(m[k], func(other *live) bool { return other == s })
	if len(m[k]) == 0 {
		delete(m, k)
	}
}

// expire removes and returns what has been silent for too long.
func (t *table) expire(now time.Time) (silent []*live) {
	for front := t.order.Front(); front != nil; front = t.order.Front() {
		s := front.Value.(*live)
		if now.Sub(s.seen) < EndsAfter {
			break
		}
		t.remove(s)
		silent = append(silent, s)
	}
	if now.Sub(t.swept) >= time.Second {
		t.swept = now
		maps.DeleteFunc(t.over, func(_ ended, at time.Time) bool { return now.Sub(at) >= EndsAfter })
	}
	return silent
}

// touch takes a sign of life, which may come late.
func (t *table) touch(s *live, at time.Time) {
	if at.Before(s.seen) {
		return
	}
	s.seen = at
	t.order.MoveToBack(s.place)
}

// touchAll takes all for alive.
func (t *table) touchAll(now time.Time) {
	for place := t.order.Front(); place != nil; place = place.Next() {
		s := place.Value.(*live)
		s.seen = later(s.seen, now)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (t *table) find(o owner, id string) *live {
	for _, s := range t.owners[o] {
		if s.PlaySessionID == id {
			return s
		}
	}
	return nil
}

// named returns the sessions of a media server by this name, whoever owns them.
func (t *table) named(scope, id string) []*live {
	var found []*live
	for _, s := range t.ids[id] {
		if s.Scope == scope {
			found = append(found, s)
		}
	}
	return found
}

// rename gives a session the owner that it turns out to have.
func (t *table) rename(s *live, userID string) {
	drop(t.owners, s.owner, s)
	s.UserID = userID
	s.owner = ownerOf(s.CheckIn)
	t.owners[s.owner] = append(t.owners[s.owner], s)
}
