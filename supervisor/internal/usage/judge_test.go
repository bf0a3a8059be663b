package usage

import (
	"fmt"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/period"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// TestQuotas: who is over what, as each kind of rule says it, over all media servers of the slave.
func TestQuotas(t *testing.T) {
	for name, tt := range map[string]struct {
		rule api.RateLimitRule
		want string
	}{
		"requests of each user": {rule(7, "user", func(r *api.RateLimitRule) { r.QuotaDaily = 3 }), "user abc reject quota_requests 7"},
		"not yet":               {rule(7, "user", func(r *api.RateLimitRule) { r.QuotaDaily = 4 }), ""},
		"bytes within an hour":  {rule(7, "user", func(r *api.RateLimitRule) { r.BandwidthHourlyBytes = 2 << 30 }), "user abc reject quota_bandwidth 7"},
		"one user, written otherwise": {
			rule(8, "user", func(r *api.RateLimitRule) { r.QuotaWeekly, r.ApplyValue = 1, "X-Y-Z" }),
			"user xyz reject quota_requests 8",
		},
		"all together": {rule(9, "global", func(r *api.RateLimitRule) { r.QuotaMonthly, r.ApplyValue = 4, "ignored" }), "global  reject quota_requests 9"},
		"an address":   {rule(9, "ip", func(r *api.RateLimitRule) { r.QuotaMonthly, r.ApplyValue = 4, "10.0.0.1" }), "ip 10.0.0.1 reject quota_requests 9"},
		"throttled": {
			rule(3, "device", func(r *api.RateLimitRule) { r.QuotaMonthly, r.OverAction, r.ThrottleRateBps = 1, "throttle", 1000 }),
			"device tv throttle quota_requests 3",
		},
		"only warned":          {rule(3, "device", func(r *api.RateLimitRule) { r.QuotaMonthly, r.OverAction = 1, "warn" }), ""},
		"throttled to nothing": {rule(3, "device", func(r *api.RateLimitRule) { r.QuotaMonthly, r.OverAction = 1, "throttle" }), ""},
		"nearly":               {rule(7, "user", func(r *api.RateLimitRule) { r.BandwidthDailyBytes, r.ApplyValue = 3<<30, "abc" }), "user abc count quota_bandwidth 7"},
		"rates are not ours":   {rule(7, "user", func(r *api.RateLimitRule) { r.RatePerSecond = 1 }), ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSlave(t, nil)
			s.start()
			s.counter.SetRules([]api.RateLimitRule{tt.rule}, nil)
			s.log(s.request("ABC", 1<<30), s.request("a-bc", 1<<30), s.request("xyz", 10))
			other := fmt.Sprintf(`{"timestamp":%d,"ip":"10.0.0.1","status":200,"bytes_sent":10,"upstream_status":"200","scope":"2","user_id":"abc"}`, s.now().Unix())
			s.log(other)
			s.waitUsed("global", "", Count{4, 2<<30 + 20})
			testbed.Eventually(t, "it is decided", func() bool { return s.decided() == tt.want })
			s.counter.SetRules(nil, nil)
			if got := s.decided(); got != "" {
				t.Errorf("without rules: %s", got)
			}
			s.counter.SetRules([]api.RateLimitRule{tt.rule}, nil)
			if got := s.decided(); got != tt.want {
				t.Errorf("with rules again: %s", got)
			}
			s.stop(true)
			s.start()
			s.counter.SetRules([]api.RateLimitRule{tt.rule}, nil)
			testbed.Eventually(t, "it is decided by a new process", func() bool { return s.decided() == tt.want })
		})
	}
}

// TestTurn: what is exhausted is free again when the period ends, while requests go on.
func TestTurn(t *testing.T) {
	s := newSlave(t, nil)
	s.start()
	s.counter.SetRules([]api.RateLimitRule{rule(7, "user", func(r *api.RateLimitRule) { r.QuotaHourly = 2 })}, nil)
	s.log(s.request("u", 10), s.request("u", 10))
	testbed.Eventually(t, "the quota is exhausted", func() bool { return s.decided() != "" })
	s.mu.Lock()
	until := *s.set[0].Until
	s.mu.Unlock()
	if want := period.Of(period.Hourly, s.now(), time.UTC).End.Unix(); until != want {
		t.Errorf("until %d, want %d", until, want)
	}
	s.moveClock(time.Hour)
	testbed.Eventually(t, "it is free", func() bool { return s.decided() == "" })
	s.log(s.request("u", 10))
	s.waitUsed("user", "u", Count{3, 30})
	if got := s.used(period.Hourly, "user", "u"); got != (Count{1, 10}) {
		t.Errorf("of the new hour: %+v", got)
	}
	s.log(s.request("u", 10))
	testbed.Eventually(t, "the quota is exhausted again", func() bool { return s.decided() != "" })
	s.moveClock(-time.Hour) // put right: that hour's quota was exhausted as well
	testbed.Eventually(t, "the hour before is judged", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.set) == 0 || *s.set[0].Until == until
	})
}

// TestRemaining: what the master says is left, over all slaves, is less than what this slave would allow.
func TestRemaining(t *testing.T) {
	b := newBook(time.UTC)
	now := time.Now()
	j := newJudge(time.UTC)
	j.setRules([]api.RateLimitRule{rule(7, "user", func(r *api.RateLimitRule) { r.QuotaDaily, r.BandwidthDailyBytes = 100, 100<<30 })}, nil, nil)
	n, _ := b.number([]byte("user 1 abc"))
	use := func(c Count) bool {
		b.change++
		b.add(n, b.periodsAt(now), c)
		return j.look(b, []uint32{n}, now)
	}
	tell := func(requests, bytes int64) bool {
		return j.tell(b, []api.QuotaRemaining{{
			Dimension: "user", DimensionValue: "A-BC", Period: "daily", RequestsLeft: &requests, BandwidthLeft: &bytes, RuleID: 7,
		}}, now)
	}
	if use(Count{10, 1000}) || tell(5, 50<<30) {
		t.Error("it is decided although much is left")
	}
	if use(Count{4, 1000}) || !use(Count{1, 1000}) || len(j.over) != 1 {
		t.Errorf("five more requests: %v", j.over)
	}
	if !tell(3, 50<<30) || len(j.over) != 0 {
		t.Errorf("not lifted: %v", j.over)
	}
	if !tell(3, 1<<20) || len(j.close) != 1 {
		t.Errorf("close to the end: %v", j.close)
	}
	if d := j.decisions(); len(d) != 1 || d[0].BytesLeft != 1<<20 || d[0].Action != "count" {
		t.Errorf("%+v", d)
	}
	if !tell(3, 0) || len(j.over) != 1 || len(j.close) != 0 {
		t.Errorf("nothing left: %v", j.over)
	}
	if !j.turn(now.AddDate(0, 0, 1)) || len(j.over)+len(j.left) != 0 {
		t.Errorf("the next day: %v %v", j.over, j.left)
	}
}

// TestPardon: an admin lets somebody go on until the period ends.
func TestPardon(t *testing.T) {
	s := newSlave(t, nil)
	s.start()
	rules := []api.RateLimitRule{rule(7, "user", func(r *api.RateLimitRule) { r.QuotaDaily = 1 })}
	s.counter.SetRules(rules, nil)
	s.log(s.request("u", 10), s.request("v", 10))
	testbed.Eventually(t, "both are stopped", func() bool {
		return s.decided() == "user u reject quota_requests 7; user v reject quota_requests 7"
	})
	pardon := api.Pardon{Dimension: "user", DimensionValue: "U", RuleID: 7, PeriodType: "daily", PeriodKey: period.Of(period.Daily, s.now(), time.UTC).Key}
	s.counter.SetRules(rules, []api.Pardon{pardon})
	if got := s.decided(); got != "user v reject quota_requests 7" {
		t.Errorf("pardoned: %s", got)
	}
	s.log(s.request("u", 10))
	s.waitUsed("user", "u", Count{2, 20})
	if got := s.decided(); got != "user v reject quota_requests 7" {
		t.Errorf("pardoned, and goes on: %s", got)
	}
	s.moveClock(24 * time.Hour)
	s.log(s.request("u", 10))
	testbed.Eventually(t, "it is another day", func() bool { return s.decided() == "user u reject quota_requests 7" })
}
