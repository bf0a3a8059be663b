package sessions_test

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// BenchmarkCheckIn is of 2,000 users with two or three devices each, 64 at a time, over HTTP:
//
//	go test ./master/internal/sessions -run '^$' -bench CheckIn
func BenchmarkCheckIn(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchmarkCheckIn(b, "sqlite://"+filepath.Join(b.TempDir(), "master.db")) })
	b.Run("postgres", func(b *testing.B) { benchmarkCheckIn(b, testbed.Postgres(b)) })
}

func benchmarkCheckIn(b *testing.B, databaseURL string) {
	r := newReplica(b, databaseURL)
	slave := r.addSlave(b, "203.0.113.1")
	var n atomic.Int64
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			slave.checkIn(b, api.CheckIn{
				PlaySessionID: fmt.Sprint(i), UserID: fmt.Sprint(i % 2000), DeviceID: fmt.Sprint(i % 3), ClientIP: "192.0.2.1", MaxStreams: 2,
			})
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "check-ins/s")
}
