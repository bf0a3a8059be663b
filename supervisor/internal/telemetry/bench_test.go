package telemetry

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/testbed"
	"github.com/uhdadmin/media-gateway/supervisor/internal/masterclient"
	"github.com/uhdadmin/media-gateway/supervisor/internal/spool"
)

// sink is a master that takes everything at once.
type sink struct{ bytes, batches atomic.Int64 }

func (s *sink) Report(_ context.Context, r masterclient.Report) (api.ReportAnswer, error) {
	s.bytes.Add(int64(len(r.Body)))
	s.batches.Add(1)
	return api.ReportAnswer{}, nil
}

// realistic returns lines as nginx writes them, of a few hundred players.
func realistic(random *rand.Rand, n int) []byte {
	var b bytes.Buffer
	for i := range n {
		p := random.IntN(300)
		_, _ = fmt.Fprintf(&b, `{"timestamp":%d.%03d,"request_id":"%016x%016x","ip":"203.0.%d.%d","method":"GET","status":206,"bytes_sent":%d,`+
			`"request_time":%d.%03d,"upstream_time":"0.%03d","upstream_status":"206","accounted":0,"server_name":"media.example.com","scope":"7","profile":"3",`+
			`"client_name":"Infuse-Direct","client_version":"7.6.%d","device_id":"%08X-0000-4000-8000-000000000000","device_name":"Apple TV %d","kind":"header",`+
			`"user_id":"%032x","token_hash":"%032x%032x","user_agent":"Infuse-Direct/7.6.%d","uri":"/Videos/%032x/hls1/main/%d.ts",`+
			`"play_session_id":"%032x","item_id":"%032x","verdict":"allow","reason":"","rule":""}`+"\n",
			1764000000+i/1000, i%1000, random.Uint64(), random.Uint64(), p/250, p%250, random.IntN(4<<20), random.IntN(3), random.IntN(1000), random.IntN(1000),
			p%9, p*7919, p, p*104729, p*31, p*17, p%9, p%50, i%2000, p*13, p%50)
	}
	return b.Bytes()
}

func cpuTime() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkShip is what one line of the access log costs from the file to the wire: CPU of all threads, the state
// of each batch on disk included, and what the process holds afterwards.
func BenchmarkShip(b *testing.B) {
	root := b.TempDir()
	for _, dir := range []string{"spool", "state"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			b.Fatal(err)
		}
	}
	f, err := os.Create(filepath.Join(root, "spool", "access.log"))
	testbed.Must(b, err)
	random := rand.New(rand.NewPCG(1, 1))
	var written int64
	for left := b.N; left > 0; left -= 10000 {
		n, err := f.Write(realistic(random, min(left, 10000)))
		testbed.Must(b, err)
		written += int64(n)
	}
	testbed.Must(b, f.Close())
	discard := slog.New(slog.DiscardHandler)
	logs, err := spool.Open(spool.Config{
		Dir: filepath.Join(root, "spool"), State: filepath.Join(root, "state", "spool.json"), Owner: os.Geteuid(), MaxBytes: 1 << 40,
		Reopen: func() error { return nil }, Log: discard, Registerer: prometheus.NewRegistry(),
	})
	testbed.Must(b, err)
	master := &sink{}
	s, err := New(Config{
		Spool: logs, Master: master, StateDir: filepath.Join(root, "state"), FlushInterval: time.Millisecond, Log: discard, Registerer: prometheus.NewRegistry(),
	})
	testbed.Must(b, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	b.ResetTimer()
	before := cpuTime()
	go func() { defer close(done); _ = s.Run(ctx) }()
	for s.Status()[0].Rows < int64(b.N) {
		time.Sleep(time.Millisecond)
	}
	used := cpuTime() - before
	b.StopTimer()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	cancel()
	<-done
	b.ReportMetric(float64(used.Nanoseconds())/float64(b.N), "cpu-ns/line")
	b.ReportMetric(float64(written)/float64(b.N), "bytes/line")
	b.ReportMetric(float64(master.bytes.Load())/float64(b.N), "wire-bytes/line")
	b.ReportMetric(float64(m.HeapInuse+m.StackInuse)/(1<<20), "MB-heap")
}
