package hindsight_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/hindsight"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// TestPlayers: whom a whitelist would have turned away, and who was already.
func TestPlayers(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		agent := func(name, kind, agent string) telemetry.AccessLog {
			return request(func(r *telemetry.AccessLog) {
				r.ClientName, r.ClientVersion, r.ClientKind, r.UserAgent, r.UserID = name, "", kind, agent, ""
			})
		}
		b.put(t,
			client("Infuse", "8.0", "ann"), client("infuse ", "7.9", "ann"), client("Infuse", "7.9", "bob"), client("Infuse", "7.9", "bob"),
			refused(client("Infuse", "7.9", "carl"), "client_outdated"),
			client("Toy", "1", "ann"), client("Toy", "1", ""), client("Other service", "1", "ann"), client("Disabled", "1", "dan"),
			agent("", "", "VLC/3.0.18 x"), agent("Old name", "user_agent", "VLC/2.0"), agent("", "", "curl/8"), agent("", "", ""),
			request(func(r *telemetry.AccessLog) { r.ClientName, r.Method = "Toy", "OPTIONS" }),
			request(func(r *telemetry.AccessLog) { r.ClientName, r.URI = "Toy", "/emby/Items/7/Images/Primary" }),
			request(func(r *telemetry.AccessLog) { r.ClientName, r.URI = "Toy", "/secret" }),
			request(func(r *telemetry.AccessLog) { r.ClientName, r.UpstreamStatus, r.Status = "", 0, 301 }), // nginx's own answer
			refused(agent("", "", "curl/8"), "denied_by_map"),
		)
		elsewhere := player("Other service", "")
		elsewhere.ServiceType = api.Jellyfin
		disabled := player("Disabled", "")
		disabled.Enabled = false
		a := b.ask(t, hindsight.Question{
			Players: []library.Player{player("Infuse", "8"), player("VLC", "3", "^vlc"), elsewhere, disabled}, Unidentified: api.UnidentifiedReject,
			URIRules: []library.URIRule{uriRule("skip", "regex", "/images/"), uriRule("block", "prefix", "/secret")},
		})
		var items []string
		for _, i := range a.Players.Items {
			items = append(items, fmt.Sprint(i.Client, "|", i.Version, "|", i.UserAgent, "|", i.Reason, "|", i.Lowest, " ", i.Refused, " ", i.Already, " ", i.Users))
		}
		slices.Sort(items)
		want := []string{
			"Disabled|1||client_not_allowed| 1 0 1", "Infuse|7.9||client_outdated|8 3 1 1", "Other service|1||client_not_allowed| 1 0 1", "Toy|1||client_not_allowed| 2 0 1",
			"VLC|2.0|VLC/2.0|client_outdated|3 1 0 0", "infuse |7.9||client_outdated|8 1 0 1", "|||client_unidentified| 1 0 0", "||curl/8|client_unidentified| 1 0 0",
		}
		slices.Sort(want)
		if !slices.Equal(items, want) {
			t.Errorf("items are\n%s\nwant\n%s", strings.Join(items, "\n"), strings.Join(want, "\n"))
		}
		if got := a.Players.Tally; got != (hindsight.Tally{Refused: 11, Already: 1, Users: 3}) || a.Players.Clients != 8 {
			t.Errorf("all together: %+v of %d clients", got, a.Players.Clients)
		}
		if !a.Complete || a.Examined != 18 || a.Of != 18 || !a.ExaminedFrom.Equal(a.From) {
			t.Errorf("examined %d of %d from %s, complete: %v", a.Examined, a.Of, a.ExaminedFrom, a.Complete)
		}
		if a.RateLimits != nil {
			t.Error("limits are answered that nobody asked about")
		}
	})
}

// TestURIRules: what each rule meets, what is skipped first, and which rules meet nothing.
func TestURIRules(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		b.put(t,
			path("/emby/Items/1/Download", "ann"), path("/items/2/download/", "bob"), refused(path("/Items/3/Download", "carl"), "uri_blocked"),
			path("/items/4/download/public", ""), path("/web/index.html", "ann"), path("/Items", "dan"),
			request(func(r *telemetry.AccessLog) { r.ServerID, r.URI = 3, "/items/9/download" }),
			request(func(r *telemetry.AccessLog) { r.Time, r.URI = at(-31*60_000), "/items/9/download" }),
		)
		disabled := uriRule("block", "prefix", "/web")
		disabled.Enabled = false
		a := b.ask(t, hindsight.Question{URIRules: []library.URIRule{
			uriRule("block", "regex", "/download"), uriRule("skip", "regex", "/public$"), disabled, uriRule("block", "prefix", "/items/2/"), uriRule("block", "exact", "/nothing"),
		}})
		var items []string
		for _, i := range a.URIRules.Items {
			items = append(items, fmt.Sprint(i.Rule, " ", i.Action, " ", i.Refused, " ", i.Already, " ", i.Users))
		}
		if want := []string{"0 block 3 1 2", "1 skip 1 0 0", "3 block 1 0 1"}; !slices.Equal(items, want) {
			t.Errorf("items are %q, want %q", items, want)
		}
		if got := a.URIRules; got.Tally != (hindsight.Tally{Refused: 3, Already: 1, Users: 2}) || got.Skipped != 1 || !slices.Equal(got.Idle, []int{2, 4}) {
			t.Errorf("all together: %+v", got)
		}
		if example := a.URIRules.Items[2].Example; example != "/items/2/download/" {
			t.Errorf("example %q", example)
		}
		if a.Examined != 6 || a.Of != 6 {
			t.Errorf("examined %d of %d, want those of the servers and the time", a.Examined, a.Of)
		}
	})
}

// TestRates: who was too fast, at each media server apart, by when requests came and not when they ended.
func TestRates(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		var rows []telemetry.AccessLog
		came := func(server int64, user string, ms, took int64) *telemetry.AccessLog {
			rows = append(rows, request(func(r *telemetry.AccessLog) {
				r.ServerID, r.UserID, r.Time, r.RequestTimeUS = server, user, at(ms+took), took*1000
			}))
			return &rows[len(rows)-1]
		}
		for i := range int64(6) { // together, although they end far apart
			came(1, "Fast-User", 100*i, 7000*(6-i))
		}
		*came(1, "fast-user", 620, 0) = refused(*came(1, "fast-user", 610, 0), "rate_limited")
		for i := range int64(3) {
			came(1, "two", 100*i, 0)
			came(2, "two", 100*i, 0)
			came(1, "slow", 2000*i, 0)
		}
		came(1, "", 0, 0)
		b.put(t, rows...)
		a := b.ask(t, hindsight.Question{RateLimits: []library.RateLimitRule{
			limit(func(r *library.RateLimitRule) { r.RatePerSecond, r.RateBurst = 3, 1 }),
			limit(func(r *library.RateLimitRule) {
				r.ApplyValue, r.RatePerMinute, r.OverAction, r.ThrottleRateBps = "SLOW", 2, library.OverThrottle, 1
			}),
			limit(func(r *library.RateLimitRule) {
				r.ApplyTo, r.RatePerSecond, r.OverAction = library.DimensionGlobal, 10, library.OverWarn
			}),
			limit(func(r *library.RateLimitRule) { r.RatePerSecond, r.Enabled = 1, false }),
		}})
		want := []hindsight.RateItem{
			{Rule: 0, ApplyTo: "user", Value: "fastuser", OverAction: "reject", Requests: 4, Already: 1, PeakPerSecond: 8, PeakPerMinute: 8},
			{Rule: 2, ApplyTo: "global", OverAction: "warn", Requests: 3, Already: 1, PeakPerSecond: 13, PeakPerMinute: 15},
			{Rule: 1, ApplyTo: "user", Value: "slow", OverAction: "throttle", Requests: 1, PeakPerSecond: 1, PeakPerMinute: 3},
		}
		if got := a.RateLimits; !slices.Equal(got.Rates, want) || got.Rejected != 4 || got.Already != 1 || got.Throttled != 1 || got.Warned != 3 || got.Values != 3 || !slices.Equal(got.Idle, []int{3}) {
			t.Errorf("rates are %+v", got)
		}
	})
}

// TestQuotas: who has used more than a quota in a period that the question is about, by slaves' counters.
func TestQuotas(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		day, hour := now.Truncate(24*time.Hour).Add(24*time.Hour), now.Truncate(time.Hour)
		counter := func(kind, key, dimension, value, slave string, requests, bytes int64, ends time.Time) store.QuotaCounter {
			return store.QuotaCounter{PeriodType: kind, PeriodKey: key, Dimension: dimension, Value: value, Slave: slave, Requests: requests, Bytes: bytes, EndsAt: ends.Unix()}
		}
		testbed.Must(t, b.store.PutQuotaCounters(t.Context(), []store.QuotaCounter{
			counter("daily", "2026-11-22", "user", "ann", "a", 60, 10, day), counter("daily", "2026-11-22", "user", "ann", "b", 50, 10, day),
			counter("daily", "2026-11-22", "user", "bob", "a", 100, 0, day), counter("daily", "2026-11-22", "user", "carl", "a", 1, 3000, day),
			counter("daily", "2026-11-21", "user", "bob", "a", 500, 0, day.Add(-24*time.Hour)),
			counter("hourly", "2026-11-22T12", "ip", "192.0.2.1", "a", 5, 0, hour), counter("hourly", "2026-11-22T11", "ip", "192.0.2.1", "a", 50, 0, hour.Add(-time.Hour)),
		}))
		a := b.ask(t, hindsight.Question{RateLimits: []library.RateLimitRule{
			limit(func(r *library.RateLimitRule) { r.QuotaDaily, r.BandwidthDailyBytes = 100, 1000 }),
			limit(func(r *library.RateLimitRule) { r.ApplyTo, r.QuotaHourly = library.DimensionIP, 4 }),
			limit(func(r *library.RateLimitRule) { r.ApplyValue, r.QuotaDaily = "bob", 100 }),
		}})
		want := []hindsight.QuotaItem{
			{Rule: 0, ApplyTo: "user", Value: "carl", OverAction: "reject", Period: "daily", PeriodKey: "2026-11-22", EndsAt: day, Requests: 1, MaxRequests: 100, Bytes: 3000, MaxBytes: 1000},
			{Rule: 1, ApplyTo: "ip", Value: "192.0.2.1", OverAction: "reject", Period: "hourly", PeriodKey: "2026-11-22T12", EndsAt: hour, Requests: 5, MaxRequests: 4},
			{Rule: 0, ApplyTo: "user", Value: "ann", OverAction: "reject", Period: "daily", PeriodKey: "2026-11-22", EndsAt: day, Requests: 110, MaxRequests: 100, Bytes: 20, MaxBytes: 1000},
		}
		if got := a.RateLimits; !reflect.DeepEqual(got.Quotas, want) || got.Values != 3 || !slices.Equal(got.Idle, []int{2}) {
			t.Errorf("quotas are %+v", got)
		}
	})
}

// TestPatience: many requests are read page by page, and a question that has to hurry says how far it came, and whom it
// has not come to.
func TestPatience(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		rows := make([]telemetry.AccessLog, 20_500)
		for i := range rows {
			rows[i] = client("Toy", "1", "ann")
			rows[i].Time = at(int64(i))
		}
		rows = append(rows, request(func(r *telemetry.AccessLog) {
			r.Time, r.ClientName, r.DeviceID, r.UserID = at(-20*60_000), "Rare", "phone", "bob"
		}), request(func(r *telemetry.AccessLog) { r.Time, r.DeviceID = at(-20*60_000), "tablet" }))
		b.put(t, rows...)
		q := hindsight.Question{Players: []library.Player{player("Infuse", "")}}
		if a := b.ask(t, q); !a.Complete || a.Examined != 20_502 || a.Players.Refused != 20_501 || len(a.Players.Earlier) > 0 {
			t.Errorf("examined %d of %d, %d refused", a.Examined, a.Of, a.Players.Refused)
		}
		q.Rows = 10_400
		a := b.ask(t, q)
		if a.Complete || a.Examined != 10_400 || a.Of != 20_502 || a.Players.Refused != 10_400 {
			t.Errorf("with a bound, examined %d of %d, %d refused, complete: %v", a.Examined, a.Of, a.Players.Refused, a.Complete)
		}
		if want := at(20_500 - 10_400).Time(); a.ExaminedFrom.Sub(want).Abs() > time.Second { // ids are in the order of seconds
			t.Errorf("examined from %s on, want the newest, from %s", a.ExaminedFrom, want)
		}
		want := []hindsight.EarlierItem{{Client: "Rare", Version: "8.0", Reason: "client_not_allowed", Devices: 1, Users: 1, LastSeen: at(-20 * 60_000).Time()}}
		if !slices.Equal(a.Players.Earlier, want) {
			t.Errorf("earlier clients are %+v", a.Players.Earlier)
		}
		q.Rows, q.Patience = 0, time.Nanosecond
		if a := b.ask(t, q); a.Complete || a.Examined == 0 || a.Examined >= a.Of {
			t.Errorf("in a hurry, examined %d of %d, complete: %v", a.Examined, a.Of, a.Complete)
		}
	})
}
