package telemetry

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/shared/traffic"
)

// body returns a batch of n lines as a slave of ours sends it.
func body(g *traffic.Generator, at time.Time, n int) []byte {
	b := []byte(`{"entries":[`)
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = g.Line(b, at.Add(time.Duration(i)*10*time.Millisecond))
	}
	return append(b, "]}"...)
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkDecode(b *testing.B) {
	g := traffic.New(traffic.Config{Seed: 1})
	text := body(g, time.Now().Add(-time.Hour), 1000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		batch := newBatch(Sender{Source: "a", ServerID: 1, Servers: []int64{1}}, "", MillisOf(time.Now()), nil)
		if err := batch.Decode(ReportAccess, text); err != nil || batch.Accepted != 1000 {
			b.Fatal(err, batch.Accepted)
		}
		batch.release()
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "µs/row")
}

// BenchmarkIngest stores batches of 1,000 lines through the Ingester, 8 slaves at once.
func BenchmarkIngest(b *testing.B) {
	db, err := OpenSQLite(b.Context(), filepath.Join(b.TempDir(), "telemetry.db"), discard)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	benchmarkIngest(b, db)
}

func benchmarkIngest(b *testing.B, db Database) {
	ingester := NewIngester(Config{Database: db, Log: discard, Registry: prometheus.NewRegistry()})
	go func() { _ = ingester.Run(b.Context()) }()
	const slaves = 8
	g := traffic.New(traffic.Config{Seed: 1})
	at := time.Now().Add(-20 * time.Hour)
	var bodies [][]byte
	for range 200 {
		bodies = append(bodies, body(g, at, 1000))
		at = at.Add(2 * time.Minute)
	}
	b.ResetTimer()
	began := cpu()
	next := make(chan []byte)
	var done [slaves]chan struct{}
	for s := range slaves {
		done[s] = make(chan struct{})
		go func() {
			for text := range next {
				batch := newBatch(Sender{Source: "a", ServerID: 1, Servers: []int64{1}}, "", MillisOf(time.Now()), nil)
				if err := batch.Decode(ReportAccess, text); err != nil {
					b.Error(err)
				}
				if _, err := ingester.Store(batch); err != nil {
					b.Error(err)
				}
			}
			close(done[s])
		}()
	}
	for i := range b.N {
		next <- bodies[i%len(bodies)]
	}
	close(next)
	for _, d := range done {
		<-d
	}
	rows := float64(b.N) * 1000
	b.ReportMetric(float64((cpu()-began).Microseconds())/rows, "cpu-µs/row")
	b.ReportMetric(rows/b.Elapsed().Seconds(), "rows/s")
}
