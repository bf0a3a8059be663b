package quota_test

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/limits"
	"github.com/uhdadmin/media-gateway/master/internal/quota"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/period"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// BenchmarkSync syncs 5,000 counters at a time into a database that holds 1 million, each with a quota:
//
//	go test ./master/internal/quota -run '^$' -bench Sync -benchtime 100x
func BenchmarkSync(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchmarkSync(b, "sqlite://"+filepath.Join(b.TempDir(), "master.db")) })
	b.Run("postgres", func(b *testing.B) { benchmarkSync(b, testbed.Postgres(b)) })
}

func benchmarkSync(b *testing.B, databaseURL string) {
	log := slog.New(slog.DiscardHandler)
	st, err := store.Open(b.Context(), databaseURL, log)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = st.Close() })
	rule := library.NewRateLimitRule()
	rule.RateLimitRule = api.RateLimitRule{ApplyTo: "user", BandwidthDailyBytes: 1 << 50, QuotaHourly: 1 << 40}
	if err := st.RateLimitRules.Create(b.Context(), &rule); err != nil {
		b.Fatal(err)
	}
	live, err := limits.Load(b.Context(), st)
	if err != nil {
		b.Fatal(err)
	}
	keeper := quota.New(quota.Config{Store: st, Limits: live, Log: log, Registry: prometheus.NewRegistry()})
	day := period.Of(period.Daily, time.Now(), time.UTC).Key
	sync := func(part int, requests int64) {
		body := api.QuotaSync{SlaveID: "disk", Counters: make([]api.QuotaCounter, api.MaxQuotaCounters)}
		for i := range body.Counters {
			n := part*api.MaxQuotaCounters + i
			body.Counters[i] = api.QuotaCounter{
				Scope: "1", Dimension: "user", DimensionValue: fmt.Sprintf("%032x", n*2654435761), PeriodType: "daily", PeriodKey: day,
				RequestCount: api.Int(requests), BandwidthBytes: api.Int(requests << 20),
			}
		}
		if _, err := keeper.Sync(b.Context(), fleet.Group{Host: "203.0.113.10", ServiceType: api.Emby}, body); err != nil {
			b.Fatal(err)
		}
	}
	const parts = 1_000_000 / api.MaxQuotaCounters
	filling := time.Now()
	for part := range parts {
		sync(part, 1)
	}
	filled := time.Since(filling)
	looking := time.Now()
	if err := keeper.Reconcile(b.Context()); err != nil {
		b.Fatal(err)
	}
	looked := time.Since(looking)
	b.ResetTimer()
	for i := range b.N {
		sync(i%parts, int64(2+i/parts))
	}
	b.ReportMetric(float64(b.N*api.MaxQuotaCounters)/b.Elapsed().Seconds(), "counters/s")
	b.ReportMetric(filled.Seconds(), "s/fill")
	b.ReportMetric(looked.Seconds(), "s/rule-change")
}
