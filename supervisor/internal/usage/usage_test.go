package usage

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/period"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

func sorted(m map[string]bool) []string { return slices.Sorted(maps.Keys(m)) }

// TestCounts: what reached the media server is counted, in each period and dimension, in the one form that
// rules have; records of running transfers as they come and the rest with the request's line.
func TestCounts(t *testing.T) {
	s := newSlave(t, nil)
	s.start()
	now := float64(s.now().UnixMilli()) / 1000
	s.log(
		s.request("ABC-def", 1000),
		"garbage", "", "\x00\x00\x00", `{"timestamp":`, // skipped
		fmt.Sprintf(`{"timestamp":%f,"ip":"10.0.0.1","status":403,"bytes_sent":500,"upstream_status":"","scope":"1","user_id":"abcdef","verdict":"reject"}`, now),
		fmt.Sprintf(`{"timestamp":%f,"ip":"2001:DB8::1","status":206,"bytes_sent":9000,"accounted":8000,"upstream_status":"206","scope":"2","user_id":"","verdict":"allow"}`, now),
		fmt.Sprintf(`{"timestamp":%f,"ip":"10.0.0.1","status":499,"bytes_sent":0,"upstream_status":"-","scope":"1","user_id":"abcdef","verdict":"allow"}`, now),
	)
	testbed.Must(t, s.spool.Append([]byte(fmt.Sprintf(`{"timestamp":%f,"ip":"2001:db8::1","scope":"2","bytes":8000,"epoch":"e","seq":1}`+"\n", now))))
	s.waitUsed("global", "", Count{3, 10000})
	s.waitUsed("user", "abcdef", Count{2, 1000})
	s.waitUsed("ip", "10.0.0.1", Count{2, 1000})
	s.waitUsed("ip", "2001:db8::1", Count{1, 9000})
	s.waitUsed("device", "tv", Count{1, 1000})
	s.waitUsed("profile", "p", Count{1, 1000})
	for _, kind := range period.Kinds {
		if got := s.used(kind, "user", "abcdef"); got != (Count{2, 1000}) {
			t.Errorf("%s: %+v", kind, got)
		}
	}
}

// TestCrash: a supervisor that is killed at any moment counts each line once, with a snapshot alone.
func TestCrash(t *testing.T) {
	s := newSlave(t, nil)
	crashes(t, s, func() { s.waitSaved(onDisk) })
}

// crashes writes lines while the supervisor is killed again and again.
func crashes(t *testing.T, s *slave, saved func()) {
	t.Helper()
	const rounds, lines = 8, 200
	var want Count
	for i := range rounds {
		s.start()
		for range lines {
			s.log(s.request("u", 100))
			testbed.Must(t, s.spool.Append([]byte(fmt.Sprintf(`{"timestamp":%d,"ip":"10.0.0.1","scope":"1","user_id":"u","bytes":7,"epoch":"e","seq":1}`+"\n", s.now().Unix()))))
			want = want.plus(Count{1, 107})
		}
		if i%2 == 0 {
			testbed.Eventually(t, "something is counted", func() bool { return s.used(period.Monthly, "user", "u") != Count{} })
		}
		s.stop(true)
	}
	s.start()
	testbed.Eventually(t, "all is counted once", func() bool { return s.used(period.Monthly, "user", "u") == want })
	saved()
	if got := s.used(period.Monthly, "user", "u"); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestStop: a supervisor that is told to stop leaves nothing to be counted again.
func TestStop(t *testing.T) {
	s := newSlave(t, func(c *Config) { c.SnapshotEvery = time.Hour })
	s.start()
	s.log(s.request("u", 100))
	s.waitUsed("user", "u", Count{1, 100})
	s.stop(false)
	testbed.Must(t, os.Remove(filepath.Join(s.dir, "spool", "access.log")))
	s.start()
	s.waitUsed("user", "u", Count{1, 100})
}

// TestSnapshotDamaged: a snapshot that does not read is no reason not to serve, and is said.
func TestSnapshotDamaged(t *testing.T) {
	s := newSlave(t, nil)
	s.start()
	s.log(s.request("u", 100))
	s.waitUsed("user", "u", Count{1, 100})
	s.waitSaved(onDisk)
	s.stop(false)
	path := filepath.Join(s.dir, "state", "usage.snapshot")
	whole, err := os.ReadFile(path)
	testbed.Must(t, err)
	testbed.Must(t, os.WriteFile(path, whole[:len(whole)-2], 0o600))
	s.start()
	s.waitUsed("user", "u", Count{1, 100}) // from the spool
}

// TestExpire: counters of old periods go, the rest stay, whichever numbers subjects have.
func TestExpire(t *testing.T) {
	b := newBook(time.UTC)
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	count := func(name string, at time.Time) {
		b.change++
		n, _ := b.number([]byte(name))
		b.add(n, b.periodsAt(at), Count{1, 10})
	}
	count("user 1 old", at)
	count("user 1 both", at)
	later := at.AddDate(0, 2, 0)
	count("user 1 new", later)
	count("user 1 both", later)
	if gone := b.expire(later); len(gone) > 0 {
		t.Errorf("%v went at once: the clock may be wrong", gone)
	}
	if gone := b.expire(at); len(gone) > 0 {
		t.Errorf("%v went although the clock was put right", gone)
	}
	b.expire(later)
	if gone := b.expire(later.Add(sureAfter)); len(gone) != 4 {
		t.Fatalf("%d periods went, want 4", len(gone))
	}
	if len(b.subjects) != 2 || b.counters != 8 || b.remade != 1 {
		t.Errorf("%d subjects, %d counters, remade %d", len(b.subjects), b.counters, b.remade)
	}
	for name, want := range map[string]int64{"old": 0, "both": 1, "new": 1} {
		if got := b.sum(b.find(period.Monthly, "2027-01"), "user", name); got.Requests != want {
			t.Errorf("%s: %+v, want %d", name, got, want)
		}
	}
}
