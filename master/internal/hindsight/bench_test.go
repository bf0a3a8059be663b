package hindsight_test

import (
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/hindsight"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// BenchmarkAsk times questions about a database that `make bench-telemetry` has left behind, without patience and with it:
//
//	go run ./shared/bench/telemetry -dir /tmp/telemetry -rows 10000000
//	HINDSIGHT_DATABASE_URL=sqlite:///tmp/telemetry/master.db go test -run '^$' -bench Ask -benchtime 3x ./master/internal/hindsight
func BenchmarkAsk(b *testing.B) {
	url := os.Getenv("HINDSIGHT_DATABASE_URL")
	if url == "" {
		b.Skip("HINDSIGHT_DATABASE_URL names no database")
	}
	log := slog.New(slog.DiscardHandler)
	st, err := store.Open(b.Context(), url, log)
	testbed.Must(b, err)
	b.Cleanup(func() { _ = st.Close() })
	db, err := telemetry.Open(b.Context(), url, log)
	testbed.Must(b, err)
	b.Cleanup(func() { _ = db.Close() })
	var last int64
	testbed.Must(b, db.Reader().NewSelect().Table("access_logs").ColumnExpr("MAX(time)").Scan(b.Context(), &last))
	var servers []int64
	testbed.Must(b, db.Reader().NewSelect().Table("rollup_hourly").ColumnExpr("DISTINCT server_id").Where("dimension = 'all'").Scan(b.Context(), &servers))
	h := hindsight.New(hindsight.Config{DB: db.Reader(), Counters: st, Now: func() time.Time { return time.UnixMilli(last + 1) }})
	all := hindsight.Question{
		ServiceType: api.Emby, Hours: 24, Servers: servers,
		Players:    []library.Player{player("Infuse", "8"), player("Emby Web", "4.9", "Chrome")},
		URIRules:   []library.URIRule{uriRule("skip", "regex", "/images/"), uriRule("block", "regex", "/download")},
		RateLimits: []library.RateLimitRule{limit(func(r *library.RateLimitRule) { r.RatePerSecond, r.QuotaDaily = 5, 100 })},
	}
	for name, patience := range map[string]time.Duration{"all": 0, "in-700-ms": 700 * time.Millisecond} {
		b.Run(name, func(b *testing.B) {
			var a *hindsight.Answer
			q := all
			q.Patience = patience
			for b.Loop() {
				a, err = h.Ask(b.Context(), q)
				testbed.Must(b, err)
			}
			b.ReportMetric(float64(a.Examined), "requests")
			b.ReportMetric(float64(a.Examined)*float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}
