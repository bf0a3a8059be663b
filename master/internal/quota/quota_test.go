package quota_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/limits"
	"github.com/uhdadmin/media-gateway/master/internal/quota"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/period"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

func onBoth(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Run("sqlite", func(t *testing.T) { test(t, newFixture(t, "sqlite://"+filepath.Join(t.TempDir(), "master.db"))) })
	t.Run("postgres", func(t *testing.T) { test(t, newFixture(t, testbed.Postgres(t))) })
}

// fixture is a keeper that runs, with a clock of its own.
type fixture struct {
	t      *testing.T
	keeper *quota.Keeper
	store  *store.Store
	limits *limits.Board
	at     atomic.Int64 // Unix seconds
}

func (f *fixture) now() time.Time { return time.Unix(f.at.Load(), 0) }

func newFixture(t *testing.T, databaseURL string) *fixture {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	st, err := store.Open(t.Context(), databaseURL, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	f := &fixture{t: t, store: st}
	// Noon, so that no period turns under the test, and in the future, so that enforcements hold by any clock.
	noon := time.Now().Add(24 * time.Hour).UTC().Truncate(24 * time.Hour).Add(12 * time.Hour)
	f.at.Store(noon.Unix())
	if f.limits, err = limits.Load(t.Context(), st); err != nil {
		t.Fatal(err)
	}
	f.keeper = quota.New(quota.Config{Store: st, Limits: f.limits, Now: f.now, Log: log, Registry: prometheus.NewRegistry()})
	ctx, cancel := context.WithCancel(context.Background())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return f.keeper.Run(ctx) })
	group.Go(func() error {
		return st.Watch(ctx, func(ctx context.Context, c store.Change) error {
			if c == store.ChangeLimits {
				return f.limits.ReloadLimits(ctx)
			}
			return nil
		})
	})
	t.Cleanup(func() {
		cancel()
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// addRule stores a rule and waits until it holds.
func (f *fixture) addRule(rule api.RateLimitRule) int64 {
	f.t.Helper()
	row := library.NewRateLimitRule()
	row.RateLimitRule = rule
	if err := f.store.RateLimitRules.Create(f.t.Context(), &row); err != nil {
		f.t.Fatal(err)
	}
	waitFor(f.t, "the rule holds", func() bool {
		return slices.ContainsFunc(f.limits.Current().Rules, func(r api.RateLimitRule) bool { return r.ID == row.ID })
	})
	return row.ID
}

func (f *fixture) changeRule(id int64, change func(*library.RateLimitRule)) {
	f.t.Helper()
	_, err := f.store.RateLimitRules.Update(f.t.Context(), id, 0, func(r *library.RateLimitRule) error {
		change(r)
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

// count is a counter of the running period.
func (f *fixture) count(kind period.Kind, dimension, value string, requests, bytes int64) api.QuotaCounter {
	return api.QuotaCounter{
		Scope: "1", Dimension: dimension, DimensionValue: value, PeriodType: string(kind),
		PeriodKey: period.Of(kind, f.now(), time.UTC).Key, RequestCount: api.Int(requests), BandwidthBytes: api.Int(bytes),
	}
}

func (f *fixture) sync(host string, counters ...api.QuotaCounter) api.QuotaSyncAnswer {
	f.t.Helper()
	group := fleet.Group{Host: host, ServiceType: api.Emby}
	answer, err := f.keeper.Sync(f.t.Context(), group, api.QuotaSync{SlaveID: "disk", Counters: counters})
	if err != nil {
		f.t.Fatal(err)
	}
	return answer
}

func (f *fixture) automatic() []api.Enforcement {
	return slices.DeleteFunc(slices.Clone(f.limits.Current().Enforcements), func(e api.Enforcement) bool { return e.Automatic == nil })
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("waited in vain until %s", what)
}

func number(n *int64) string {
	if n == nil {
		return "none"
	}
	return fmt.Sprint(*n)
}

// TestTotals: absolute counts of several slaves and media servers add up, however often they come.
func TestTotals(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		rule := f.addRule(api.RateLimitRule{ApplyTo: "user", QuotaDaily: 100, BandwidthMonthlyBytes: 1 << 50})
		of := func(scope string, requests int64) api.QuotaCounter {
			c := f.count(period.Daily, "user", "ann", requests, 1<<40)
			c.Scope = scope
			return c
		}
		f.sync("a", of("1", 10), of("2", 5))
		f.sync("b", of("1", 20))
		for range 2 {
			got := f.sync("a", of("1", 12), of("2", 5), f.count(period.Daily, "ip", "192.0.2.1", 1, 1), f.count(period.Monthly, "user", "ann", 3, 1<<49))
			if len(got.Remaining) != 2 {
				t.Fatalf("%+v", got)
			}
			for _, r := range got.Remaining {
				requests, bytes := "63", "none"
				if r.Period == "monthly" {
					requests, bytes = "none", fmt.Sprint(int64(1<<49))
				}
				if r.DimensionValue != "ann" || r.RuleID != rule || number(r.RequestsLeft) != requests || number(r.BandwidthLeft) != bytes {
					t.Errorf("%s: %s requests, %s bytes left, rule %d", r.Period, number(r.RequestsLeft), number(r.BandwidthLeft), r.RuleID)
				}
			}
		}
		f.sync("a", of("1", 3)) // came late
		if got := f.sync("b", of("1", 20)); number(got.Remaining[0].RequestsLeft) != "63" {
			t.Errorf("an old number took another's place: %s left", number(got.Remaining[0].RequestsLeft))
		}
		page, err := f.keeper.Usage(t.Context(), quota.UsageQuery{Dimension: "user", PeriodType: "daily"})
		if err != nil || len(page.Items) != 1 || page.Items[0].Requests != 37 || page.Items[0].Bytes != 3<<40 || number(page.Items[0].Limits[0].RequestsLeft) != "63" {
			t.Errorf("%+v, %v", page, err)
		}
	})
}

// TestNearQuota: who is near a quota is found among all, by the quota that is the value's own.
func TestNearQuota(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		near := func(least float64, limit int) (values []string) {
			q := quota.UsageQuery{Dimension: "user", PeriodType: "daily", AtLeast: least, Limit: limit}
			for {
				page, err := f.keeper.Usage(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				for _, u := range page.Items {
					values = append(values, u.Value)
				}
				if q.After = page.Next; q.After == "" {
					return values
				}
			}
		}
		f.sync("a", f.count(period.Daily, "user", "ann", 80, 0))
		if got := near(0.8, 0); len(got) > 0 {
			t.Errorf("without a quota %v are near it", got)
		}
		f.addRule(api.RateLimitRule{ApplyTo: "user", QuotaDaily: 100, BandwidthDailyBytes: 1000, OverAction: "warn"})
		f.addRule(api.RateLimitRule{ApplyTo: "user", ApplyValue: "dee", QuotaDaily: 10, OverAction: "warn"})
		f.sync("a", f.count(period.Daily, "user", "ann", 80, 0), f.count(period.Daily, "user", "ben", 79, 799),
			f.count(period.Daily, "user", "cat", 1, 800), f.count(period.Daily, "user", "dee", 8, 0), f.count(period.Daily, "user", "eve", 200, 0))
		for _, limit := range []int{0, 1} {
			if got := near(0.8, limit); !slices.Equal(got, []string{"ann", "cat", "dee", "eve"}) {
				t.Errorf("%d a page: near are %v", limit, got)
			}
			if got := near(1, limit); !slices.Equal(got, []string{"eve"}) {
				t.Errorf("%d a page: over are %v", limit, got)
			}
		}
	})
}

// TestUsedUp: a total at its quota is stopped on all slaves until the period turns.
func TestUsedUp(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		id := f.addRule(api.RateLimitRule{ApplyTo: "user", QuotaDaily: 100, OverAction: "reject"})
		slow := f.addRule(api.RateLimitRule{ApplyTo: "ip", ApplyValue: "192.0.2.1", BandwidthHourlyBytes: 1000, OverAction: "throttle", ThrottleRateBps: 5000})
		warn := f.addRule(api.RateLimitRule{ApplyTo: "device", QuotaMonthly: 1, OverAction: "warn"})
		f.sync("a", f.count(period.Daily, "user", "ann", 60, 0), f.count(period.Hourly, "ip", "192.0.2.1", 1, 600), f.count(period.Hourly, "ip", "192.0.2.2", 1, 6000))
		if got := f.automatic(); len(got) != 0 {
			t.Fatalf("stopped already: %+v", got)
		}
		answer := f.sync("b", f.count(period.Daily, "user", "ann", 40, 0), f.count(period.Hourly, "ip", "192.0.2.1", 1, 400), f.count(period.Monthly, "device", "tv", 5, 0))
		if len(answer.Enforcements) != 2 || len(f.automatic()) != 2 {
			t.Fatalf("%+v", answer.Enforcements)
		}
		for _, e := range answer.Enforcements {
			switch e.Automatic.RuleID {
			case id:
				end := period.Of(period.Daily, f.now(), time.UTC).End
				if e.Dimension != "user" || e.DimensionValue != "ann" || e.Action != "reject" || !e.EffectiveUntil.Equal(end) || e.Automatic.Reason != api.ReasonQuotaRequests || e.Reason == "" {
					t.Errorf("%+v %+v", e, e.Automatic)
				}
			case slow:
				if e.Action != "throttle" || e.ThrottleRateBps != 5000 || e.DimensionValue != "192.0.2.1" || e.Automatic.Reason != api.ReasonQuotaBandwidth {
					t.Errorf("%+v %+v", e, e.Automatic)
				}
			default:
				t.Errorf("%+v %+v", e, e.Automatic)
			}
		}
		for _, r := range answer.Remaining {
			if r.Dimension == "device" && (number(r.RequestsLeft) != "0" || r.RuleID != warn) {
				t.Errorf("%+v", r)
			}
		}
		f.sync("b", f.count(period.Daily, "user", "ann", 45, 0))
		if got := f.automatic(); len(got) != 2 {
			t.Errorf("made twice: %+v", got)
		}

		f.at.Add(24 * 3600) // the periods turn
		if got := f.sync("b", f.count(period.Daily, "user", "ann", 1, 0)); number(got.Remaining[0].RequestsLeft) != "99" {
			t.Errorf("the new day has %s left", number(got.Remaining[0].RequestsLeft))
		}
		f.changeRule(warn, func(r *library.RateLimitRule) { r.QuotaMonthly = 2 }) // has enforcements looked at
		waitFor(t, "what has lapsed is gone", func() bool { return len(f.automatic()) == 0 })
	})
}

// TestRuleChanges take effect at once: an enforcement goes with its rule, and comes with one.
func TestRuleChanges(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		f.sync("a", f.count(period.Weekly, "user", "ann", 100, 0), f.count(period.Weekly, "user", "bob", 10, 0), f.count(period.Weekly, "global", "", 110, 0))
		id := f.addRule(api.RateLimitRule{ApplyTo: "user", QuotaWeekly: 100, OverAction: "reject"})
		waitFor(t, "ann is stopped without a sync", func() bool { return len(f.automatic()) == 1 && f.automatic()[0].DimensionValue == "ann" })
		f.changeRule(id, func(r *library.RateLimitRule) { r.OverAction, r.ThrottleRateBps = "throttle", 1000 })
		waitFor(t, "ann is slowed down instead", func() bool { return len(f.automatic()) == 1 && f.automatic()[0].ThrottleRateBps == 1000 })
		f.changeRule(id, func(r *library.RateLimitRule) { r.QuotaWeekly = 10 })
		waitFor(t, "bob is, too", func() bool { return len(f.automatic()) == 2 })
		f.changeRule(id, func(r *library.RateLimitRule) { r.ApplyValue = "B-O-B" })
		waitFor(t, "only bob is", func() bool { return len(f.automatic()) == 1 && f.automatic()[0].DimensionValue == "bob" })
		f.changeRule(id, func(r *library.RateLimitRule) { r.QuotaWeekly = 11 })
		waitFor(t, "nobody is", func() bool { return len(f.automatic()) == 0 })
		all := f.addRule(api.RateLimitRule{ApplyTo: "global", QuotaWeekly: 50, OverAction: "reject"})
		waitFor(t, "all are stopped", func() bool { return len(f.automatic()) == 1 && f.automatic()[0].Dimension == "global" })
		f.changeRule(all, func(r *library.RateLimitRule) { r.Enabled = false })
		waitFor(t, "the rule is off", func() bool { return len(f.automatic()) == 0 })
		f.changeRule(all, func(r *library.RateLimitRule) { r.Enabled = true })
		waitFor(t, "the rule is on", func() bool { return len(f.automatic()) == 1 })
		if err := f.store.RateLimitRules.Delete(t.Context(), all, 0); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the rule is gone", func() bool { return len(f.automatic()) == 0 })
	})
}

// TestPardon: an automatic enforcement that an admin disables stays so for its period.
func TestPardon(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		id := f.addRule(api.RateLimitRule{ApplyTo: "user", QuotaDaily: 10, OverAction: "reject"})
		f.sync("a", f.count(period.Daily, "user", "ann", 11, 0))
		rows, err := f.store.AutomaticEnforcements(t.Context())
		if err != nil || len(rows) != 1 {
			t.Fatalf("%+v, %v", rows, err)
		}
		_, err = f.store.Enforcements.Update(t.Context(), rows[0].ID, 0, func(e *library.Enforcement) error {
			e.Enabled = false
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		waitFor(t, "she may go on", func() bool { return len(f.automatic()) == 0 })
		f.sync("b", f.count(period.Daily, "user", "ann", 5, 0))
		f.changeRule(id, func(r *library.RateLimitRule) { r.QuotaDaily = 9 })
		bob := f.count(period.Daily, "user", "bob", 9, 0)
		waitFor(t, "the rule counts", func() bool { return len(f.sync("b", bob).Enforcements) == 1 })
		if got := f.automatic(); len(got) != 1 || got[0].DimensionValue != "bob" {
			t.Errorf("%+v", got)
		}
	})
}

// TestRuleNotHeardOf: a replica that has not heard of a rule yet leaves what that rule has made, and whom an admin has
// pardoned.
func TestRuleNotHeardOf(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		old, err := limits.Load(t.Context(), f.store)
		if err != nil {
			t.Fatal(err)
		}
		other := quota.New(quota.Config{
			Store: f.store, Limits: old, Now: f.now, Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
		})
		f.addRule(api.RateLimitRule{ApplyTo: "user", QuotaDaily: 10, OverAction: "reject"})
		f.sync("a", f.count(period.Daily, "user", "ann", 11, 0), f.count(period.Daily, "user", "bob", 11, 0))
		before, err := f.store.AutomaticEnforcements(t.Context())
		if err != nil || len(before) != 2 {
			t.Fatalf("%+v, %v", before, err)
		}
		_, err = f.store.Enforcements.Update(t.Context(), before[0].ID, 0, func(e *library.Enforcement) error {
			e.Enabled = false
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Reconcile(t.Context()); err != nil {
			t.Fatal(err)
		}
		after, err := f.store.AutomaticEnforcements(t.Context())
		if err != nil || len(after) != 2 || after[0].ID != before[0].ID || after[0].Enabled || after[1].ID != before[1].ID {
			t.Errorf("%+v became %+v, %v", before, after, err)
		}
	})
}

// TestNonsense: what makes no sense is left out, and does not spoil the rest.
func TestNonsense(t *testing.T) {
	f := newFixture(t, "sqlite://"+filepath.Join(t.TempDir(), "master.db"))
	f.addRule(api.RateLimitRule{ApplyTo: "user", QuotaDaily: 10, OverAction: "reject"})
	good := f.count(period.Daily, "user", "ann", 5, -7)
	bad := []api.QuotaCounter{good, good, good, good, good}
	bad[0].PeriodKey = "yesterday"
	bad[1].PeriodType = "yearly"
	bad[2].Dimension = "planet"
	bad[3].PeriodKey = "2020-01-01"
	bad[4].PeriodKey = "2999-01-01"
	if got := f.sync("a", append(bad, good)...); len(got.Remaining) != 1 || number(got.Remaining[0].RequestsLeft) != "5" {
		t.Errorf("%+v", got)
	}
	_, err := f.keeper.Sync(t.Context(), fleet.Group{Host: "a"}, api.QuotaSync{TimeZone: "Mars/Olympus"})
	if !errors.Is(err, quota.ErrZone) {
		t.Errorf("a zone that is none: %v", err)
	}
}

// TestOldKeys: periods as older agents may spell them are the same periods.
func TestOldKeys(t *testing.T) {
	f := newFixture(t, "sqlite://"+filepath.Join(t.TempDir(), "master.db"))
	f.addRule(api.RateLimitRule{ApplyTo: "user", QuotaHourly: 10, QuotaDaily: 10, QuotaWeekly: 10, QuotaMonthly: 10})
	for kind, spellings := range map[period.Kind][]string{
		period.Hourly: {"2006010215", "2006-01-02 15:00", "2006-01-02-15"}, period.Daily: {"20060102", "2006/01/02"}, period.Monthly: {"200601", "2006_01"},
	} {
		for i, spelling := range spellings {
			c := f.count(kind, "user", "ann", 1, 0)
			want := c.PeriodKey
			c.PeriodKey = f.now().UTC().Format(spelling)
			c.Scope = fmt.Sprint(i)
			got := f.sync("old", c)
			if len(got.Remaining) != 1 || got.Remaining[0].PeriodKey != want || number(got.Remaining[0].RequestsLeft) != fmt.Sprint(9-i) {
				t.Errorf("%s %s: %+v", kind, c.PeriodKey, got.Remaining)
			}
		}
	}
	c := f.count(period.Weekly, "user", "ann", 1, 0)
	c.PeriodKey = c.PeriodKey[:4] + c.PeriodKey[6:]
	if got := f.sync("old", c); len(got.Remaining) != 1 {
		t.Errorf("%s: %+v", c.PeriodKey, got)
	}
}

// TestZone: the day of a slave's zone ends when it ends there.
func TestZone(t *testing.T) {
	f := newFixture(t, "sqlite://"+filepath.Join(t.TempDir(), "master.db"))
	f.addRule(api.RateLimitRule{ApplyTo: "user", QuotaDaily: 10, OverAction: "reject"})
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	day := period.Of(period.Daily, f.now(), zone)
	c := f.count(period.Daily, "user", "ann", 10, 0)
	c.PeriodKey = day.Key
	answer, err := f.keeper.Sync(t.Context(), fleet.Group{Host: "a"}, api.QuotaSync{TimeZone: "Asia/Shanghai", Counters: []api.QuotaCounter{c}})
	if err != nil || len(answer.Enforcements) != 1 || !answer.Enforcements[0].EffectiveUntil.Equal(day.End) {
		t.Errorf("%+v, %v; the day ends at %s", answer, err, day.End)
	}
}

// TestForgotten: counters go two days after their period, others stay.
func TestForgotten(t *testing.T) {
	onBoth(t, func(t *testing.T, f *fixture) {
		var many []api.QuotaCounter
		for i := range 1200 {
			many = append(many, f.count(period.Daily, "ip", fmt.Sprint("2001:db8::", i), 1, 1))
		}
		old := period.Of(period.Daily, f.now(), time.UTC).Key
		f.sync("a", many...)
		f.at.Add(3 * 24 * 3600)
		f.sync("a", f.count(period.Daily, "ip", "192.0.2.1", 1, 1))
		f.addRule(api.RateLimitRule{ApplyTo: "ip", QuotaDaily: 10, OverAction: "warn"})
		today := period.Of(period.Daily, f.now(), time.UTC).Key
		waitFor(t, "the old day is gone", func() bool {
			periods, err := f.store.QuotaPeriods(t.Context())
			return err == nil && len(periods) == 1 && periods[0].PeriodKey == today && today != old
		})
	})
}
