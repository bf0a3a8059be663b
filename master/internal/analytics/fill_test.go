package analytics

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// onEach runs a test on every database there is.
func onEach(t *testing.T, test func(t *testing.T, newDatabase func() telemetry.Database)) {
	for name, databaseURL := range map[string]func(*testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite://" + filepath.Join(t.TempDir(), "master.db") },
		"postgres": func(t *testing.T) string { return testbed.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) {
			test(t, func() telemetry.Database {
				db, err := telemetry.Open(t.Context(), databaseURL(t), slog.New(slog.DiscardHandler))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := db.Close(); err != nil {
						t.Error(err)
					}
				})
				return db
			})
		})
	}
}

// store puts rows through the master's ingest, as slaves do.
func store(t testing.TB, db telemetry.Database, rows []telemetry.AccessLog, usage []telemetry.Usage) {
	t.Helper()
	in := telemetry.NewIngester(telemetry.Config{Database: db, Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- in.Run(ctx) }()
	for from := 0; from < len(rows) || from == 0; from += 1000 {
		b := in.NewBatch(telemetry.Sender{Source: "test", ServerID: 1, Servers: []int64{1, 2, 3}}, fmt.Sprint("key ", from))
		b.Access = append(b.Access, rows[min(from, len(rows)):min(from+1000, len(rows))]...)
		for _, r := range b.Access {
			if r.Verdict == telemetry.VerdictReject {
				b.Blocked = append(b.Blocked, telemetry.BlockedRequest{
					Time: r.Time, ServerID: r.ServerID, RequestID: r.RequestID, IP: r.IP, URI: r.URI, Reason: r.Reason, Rule: r.Rule,
					UserID: r.UserID, DeviceID: r.DeviceID, ClientName: r.ClientName,
				})
			}
		}
		if from == 0 {
			b.Usage = append(b.Usage, usage...)
		}
		if _, err := in.Store(b); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// traffic makes n requests between from and to, of few clients, users and addresses.
func traffic(random *rand.Rand, n int, from, to time.Time) ([]telemetry.AccessLog, []telemetry.Usage) {
	rows := make([]telemetry.AccessLog, n)
	var usage []telemetry.Usage
	moment := func() telemetry.Millis {
		return telemetry.MillisOf(from.Add(time.Duration(random.Int64N(int64(to.Sub(from))))))
	}
	for i := range rows {
		r := &rows[i]
		r.Time = moment()
		if random.IntN(4) == 0 { // at borders of hours most of all
			r.Time = r.Time.Hour() + telemetry.Millis(random.IntN(3)-1)
		}
		*r = telemetry.AccessLog{
			Time: r.Time, ServerID: 1 + random.Int64N(3), IP: fmt.Sprintf("192.0.2.%d", random.IntN(40)),
			UserID: fmt.Sprint("user", random.IntN(30)), ClientName: fmt.Sprint("client", random.IntN(6)),
			DeviceID: fmt.Sprint("device", random.IntN(50)), Status: 200, BytesSent: random.Int64N(1 << 40),
			RequestTimeUS: int64(random.ExpFloat64() * 40_000), Verdict: "allow", Method: "GET", URI: "/items",
			RequestID: fmt.Sprintf("%032x", random.Uint64()),
		}
		switch random.IntN(12) {
		case 0:
			r.Verdict, r.Reason, r.Rule, r.Status = telemetry.VerdictReject, fmt.Sprint("reason", random.IntN(3)), fmt.Sprint(random.IntN(2)), 403
		case 1:
			r.Status = 404
		case 2:
			r.Status = 502
		case 3:
			r.Streaming, r.ItemID, r.PlaySessionID = true, "item", fmt.Sprint("play", random.IntN(90))
			r.Accounted = r.BytesSent / 2
		case 4:
			r.UserID, r.ClientName = "", ""
		}
	}
	for range n / 20 {
		usage = append(usage, telemetry.Usage{
			Time: moment(), ServerID: 1 + random.Int64N(3), IP: fmt.Sprintf("192.0.2.%d", random.IntN(40)),
			UserID: fmt.Sprint("user", random.IntN(30)), ClientName: fmt.Sprint("client", random.IntN(6)), Bytes: random.Int64N(1 << 23),
		})
	}
	return rows, usage
}
