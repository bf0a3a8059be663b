package analytics

import (
	"log/slog"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

// BenchmarkPages times pages of 30 days over a database that `make bench-telemetry` has left behind:
//
//	go run ./shared/bench/telemetry -dir /tmp/telemetry -rows 10000000 -span 720h
//	ANALYTICS_DATABASE_URL=sqlite:///tmp/telemetry/master.db go test -run '^$' -bench Pages -benchtime 5x ./master/internal/analytics
//
// No page may take more than a second. cpu-ms is the processor time of this process, which is all that SQLite takes: it
// can be compared on a machine that has other work, too.
func BenchmarkPages(b *testing.B) {
	url := os.Getenv("ANALYTICS_DATABASE_URL")
	if url == "" {
		b.Skip("ANALYTICS_DATABASE_URL names no database")
	}
	db, err := telemetry.Open(b.Context(), url, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	var rows struct{ First, Last int64 }
	if err := db.Reader().NewSelect().Table("access_logs").ColumnExpr("MIN(id) AS first, MAX(id) AS last").Scan(b.Context(), &rows); err != nil {
		b.Fatal(err)
	}
	last := time.UnixMilli(millisOf(rows.Last)).UTC()
	a := New(Config{DB: db.Reader(), HoursKept: 100 * day, Now: func() time.Time { return last }})
	span := func(tz string, length time.Duration) Span {
		zone, err := time.LoadLocation(tz)
		if err != nil {
			b.Fatal(err)
		}
		return Span{From: last.Add(-length), To: last, Zone: zone}
	}
	const month = 30 * day
	top := func(dimension telemetry.Dimension, q Question) func(b *testing.B) error {
		q.Span, q.Limit = span("Asia/Shanghai", month), 100
		return func(b *testing.B) error { _, err := a.By(b.Context(), dimension, q); return err }
	}
	users, err := a.By(b.Context(), telemetry.ByUser, Question{Span: span("UTC", month), Limit: 1000})
	if err != nil {
		b.Fatal(err)
	}
	user := users.Items[len(users.Items)-1].Value
	line := func(c Course) func(b *testing.B) error {
		return func(b *testing.B) error { _, err := a.Timeline(b.Context(), c); return err }
	}
	logs := func(where map[string]string) func(b *testing.B) error {
		return func(b *testing.B) error {
			_, err := AccessLogs.Page(b.Context(), a, Selection{From: last.Add(-month), Limit: 100, Where: where, Patience: 700 * time.Millisecond})
			return err
		}
	}
	sharing := func(tz string, length time.Duration) func(b *testing.B) error {
		q := Sharing{Span: span(tz, length), Networks: 6, Devices: 6, MinOverlap: 2 * time.Minute, Limit: 100}
		return func(b *testing.B) error { _, err := a.Sharing(b.Context(), q); return err }
	}
	for _, page := range []struct {
		name string
		read func(b *testing.B) error
	}{
		{"by-client", top(telemetry.ByClient, Question{Compare: true})},
		{"by-ip", top(telemetry.ByIP, Question{Compare: true})},
		{"by-ip-24-hours", func(b *testing.B) error {
			_, err := a.By(b.Context(), telemetry.ByIP, Question{Span: span("UTC", day), Limit: 100, Compare: true})
			return err
		}},
		{"by-ip-of-one-server", top(telemetry.ByIP, Question{Order: ByBytes, Servers: []int64{1}})},
		{"by-user", top(telemetry.ByUser, Question{Order: ByRefusalRate, MinRequests: 100})},
		{"by-reason", top(telemetry.ByReason, Question{})},
		{"by-rule", top(telemetry.ByRule, Question{})},
		{"timeline-days-utc", line(Course{Span: span("UTC", month), Step: Day, Dimension: telemetry.All, Values: []string{""}, Compare: true})},
		{"timeline-days-kolkata", line(Course{Span: span("Asia/Kolkata", month), Step: Day, Dimension: telemetry.All, Values: []string{""}})},
		{"timeline-hours", line(Course{Span: span("UTC", month), Step: Hour, Dimension: telemetry.All, Values: []string{""}})},
		{"timeline-hours-of-user", line(Course{Span: span("UTC", month), Step: Hour, Dimension: telemetry.ByUser, Values: []string{user}})},
		{"access-logs", logs(nil)},
		{"access-logs-of-user", logs(map[string]string{"user_id": user})},
		{"access-logs-of-nobody", logs(map[string]string{"user_id": "nobody"})},
		{"access-logs-unknown-request", logs(map[string]string{"request_id": "nothing"})},
		{"sharing-7-days", sharing("Asia/Shanghai", 7*day)},
		{"sharing-7-days-utc", sharing("UTC", 7*day)},
		{"sharing-30-days", sharing("Asia/Shanghai", month)},
	} {
		b.Run(page.name, func(b *testing.B) {
			var worst time.Duration
			before := processorTime()
			for b.Loop() {
				began := time.Now()
				if err := page.read(b); err != nil {
					b.Fatal(err)
				}
				worst = max(worst, time.Since(began))
			}
			b.ReportMetric(float64(worst.Milliseconds()), "worst-ms")
			b.ReportMetric(float64((processorTime()-before).Milliseconds())/float64(b.N), "cpu-ms")
		})
	}
}

// processorTime is how much this process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
