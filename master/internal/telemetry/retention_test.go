package telemetry

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/shared/traffic"
)

// TestRetention: each table keeps what is younger than its setting, and nothing older.
func TestRetention(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		g := traffic.New(traffic.Config{Seed: 9, Users: 500, Items: 500})
		var lines []string
		traffic.Times(b.now.Add(-240*time.Hour), b.now, 4500, func(at time.Time) bool {
			if lines = append(lines, string(g.Line(nil, at))); len(lines) == 1500 {
				b.report(ReportAccess, fmt.Sprint(at), `{"entries":[`+strings.Join(lines, ",")+`]}`)
				lines = lines[:0]
			}
			return true
		})
		b.report(ReportSessions, "", `{"sessions":[{"session_id":"s"}]}`)
		const keep = 100 * time.Hour // neither whole days nor the middle of the rows
		j := NewJanitor(Config{Database: b.db, Log: discard, Registry: prometheus.NewRegistry()}, Retention{
			AccessLogs: keep, BlockedRequests: keep, LoginEvents: keep, PlaybackEvents: keep, PlaybackSessions: keep, Devices: keep,
			UserActivities: keep, APICalls: keep, Bandwidth: keep, MediaAccess: keep, RollupsHourly: keep, RollupsDaily: keep,
		})
		j.now = func() time.Time { return b.now }
		limit := MillisOf(b.now.Add(-keep))
		before := map[string][2]int64{}
		for _, r := range j.rules {
			age, bound := r.table.Age, int64(limit)
			switch {
			case r.table == batchTable, r.table == realtimeTable:
				continue
			case age == "id":
				bound = ID(limit, 0)
			}
			if _, ok := b.db.(*postgresDB); ok && r.table == accessLogTable {
				bound = ID(limit.Day(), 0) // whole partitions
			}
			younger := b.number(fmt.Sprintf("SELECT count(*) FROM %s WHERE %s >= %d", r.table.Name, age, bound))
			older := b.number(fmt.Sprintf("SELECT count(*) FROM %s WHERE %s < %d", r.table.Name, age, bound))
			if younger == 0 || older == 0 {
				t.Fatalf("%s has %d rows to keep and %d to delete", r.table.Name, younger, older)
			}
			before[r.table.Name] = [2]int64{younger, older}
		}
		j.round(t.Context())
		for name, n := range before {
			if left := b.number("SELECT count(*) FROM " + name); left != n[0] {
				t.Errorf("%s: %d of %d rows to keep are left, of %d", name, left, n[0], n[0]+n[1])
			}
		}
		if n := b.number("SELECT count(*) FROM realtime_sessions"); n != 1 {
			t.Errorf("%d realtime sessions", n)
		}
		j.now = func() time.Time { return time.Now().Add(keepBatches + time.Hour) }
		j.round(t.Context())
		if n := b.number("SELECT (SELECT count(*) FROM telemetry_batches) + (SELECT count(*) FROM realtime_sessions)"); n != 0 {
			t.Errorf("%d batches and sessions are still known", n)
		}
	})
}
