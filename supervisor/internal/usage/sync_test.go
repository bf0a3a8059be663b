package usage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/period"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// master sums what slaves tell it, as absolute numbers.
type master struct {
	mu       sync.Mutex
	fail     error
	counters map[api.QuotaCounter]Count // without its numbers
	slaves   map[string]bool
	calls    int
	most     int // counters of one call
	answer   api.QuotaSyncAnswer
}

func (m *master) QuotaSync(_ context.Context, sync api.QuotaSync) (api.QuotaSyncAnswer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	if m.fail != nil {
		return api.QuotaSyncAnswer{}, m.fail
	}
	m.slaves[sync.SlaveID] = true
	m.most = max(m.most, len(sync.Counters))
	for _, c := range sync.Counters {
		used := Count{int64(c.RequestCount), int64(c.BandwidthBytes)}
		c.RequestCount, c.BandwidthBytes = 0, 0
		m.counters[c] = used
	}
	return m.answer, nil
}

func (m *master) change(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

// has returns what the master knows of a user of media server 1 in the day that runs.
func (m *master) has(s *slave, user string) Count {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counters[api.QuotaCounter{
		Scope: "1", Dimension: "user", DimensionValue: user, PeriodType: "daily", PeriodKey: period.Of(period.Daily, s.now(), time.UTC).Key,
	}]
}

func withMaster(t *testing.T) (*slave, *master) {
	m := &master{counters: map[api.QuotaCounter]Count{}, slaves: map[string]bool{}}
	s := newSlave(t, func(c *Config) { c.Master, c.SyncInterval = m, 20*time.Millisecond })
	return s, m
}

// TestSync: the master has what is counted, again after it was away, and what has not changed is not sent again.
func TestSync(t *testing.T) {
	s, m := withMaster(t)
	s.start()
	s.log(s.request("u", 100))
	testbed.Eventually(t, "the master knows", func() bool { return m.has(s, "u") == Count{1, 100} })
	m.change(func() { m.fail = errors.New("away") })
	s.log(s.request("u", 100), s.request("v", 7))
	s.waitUsed("user", "v", Count{1, 7})
	testbed.Eventually(t, "it is noticed", func() bool { return s.counter.Status().Sync.Failures > 0 })
	m.change(func() { m.fail = nil })
	testbed.Eventually(t, "the master knows all", func() bool { return m.has(s, "u") == Count{2, 200} && m.has(s, "v") == Count{1, 7} })
	calls := 0
	m.change(func() { m.counters, calls = map[api.QuotaCounter]Count{}, m.calls })
	testbed.Eventually(t, "it was asked again", func() bool { m.mu.Lock(); defer m.mu.Unlock(); return m.calls >= calls+3 })
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.counters) > 0 {
		t.Errorf("sent again: %v", m.counters)
	}
	if len(m.slaves) != 1 {
		t.Errorf("one slave has the names %v", m.slaves)
	}
}

// TestSyncInParts: many counters go in bodies of bounded size, and each arrives.
func TestSyncInParts(t *testing.T) {
	s, m := withMaster(t)
	lines := make([]string, 4000)
	for i := range lines {
		lines[i] = s.request(fmt.Sprint("user", i), int64(i))
	}
	s.log(lines...)
	s.start()
	testbed.Eventually(t, "the master knows all", func() bool {
		return m.has(s, "user3999") == Count{1, 3999} && m.has(s, "user0") == Count{1, 0}
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.most > api.MaxQuotaCounters || m.most < api.MaxQuotaCounters/2 {
		t.Errorf("%d counters in one body", m.most)
	}
}

// TestSyncStops: what the master says is exhausted is stopped here, and goes on so when it is away.
func TestSyncStops(t *testing.T) {
	s, m := withMaster(t)
	zero := int64(0)
	m.answer.Remaining = []api.QuotaRemaining{{Dimension: "user", DimensionValue: "u", Period: "daily", RequestsLeft: &zero, RuleID: 7}}
	s.start()
	s.counter.SetRules([]api.RateLimitRule{rule(7, "user", func(r *api.RateLimitRule) { r.QuotaDaily = 1000 })}, nil)
	s.log(s.request("u", 100))
	testbed.Eventually(t, "the user is stopped", func() bool { return s.decided() == "user u reject quota_requests 7" })
	m.change(func() { m.fail = errors.New("away") })
	testbed.Eventually(t, "it is noticed", func() bool { return s.counter.Status().Sync.Failures > 0 })
	if s.decided() == "" {
		t.Error("lifted while the master is away")
	}
	s.moveClock(24 * time.Hour)
	testbed.Eventually(t, "the day is over", func() bool { return s.decided() == "" })
}

// TestSyncOfRemade: a sync during which subjects get other numbers is made again.
func TestSyncOfRemade(t *testing.T) {
	s, _ := withMaster(t)
	s.edit = nil
	s.start()
	s.log(s.request("u", 1))
	s.waitUsed("user", "u", Count{1, 1})
	_, _, err := s.counter.part(nil, 0, s.counter.book.remade+1)
	if !errors.Is(err, errRemade) {
		t.Errorf("%v", err)
	}
	part, next, err := s.counter.part(nil, 0, s.counter.book.remade)
	if err != nil || next != -1 || len(part) != 20 || !slices.ContainsFunc(part, func(c api.QuotaCounter) bool { return c.Dimension == "global" }) {
		t.Errorf("%v %d %v", part, next, err)
	}
}
