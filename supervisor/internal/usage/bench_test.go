package usage

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/shared/testbed"
	"github.com/uhdadmin/media-gateway/supervisor/internal/accesslog"
	"github.com/uhdadmin/media-gateway/supervisor/internal/durable"
	"github.com/uhdadmin/media-gateway/supervisor/internal/masterclient"
	"github.com/uhdadmin/media-gateway/supervisor/internal/spool"
)

// million is a book of a million counters: of 250,000 subjects in each period that runs.
func million(now time.Time) *book {
	b := newBook(time.UTC)
	for n := range 250_000 {
		number, _ := b.number(fmt.Appendf(nil, "user 1 %032x", n))
		b.add(number, b.periodsAt(now), Count{1, 1000})
	}
	return b
}

// BenchmarkSync: all of a million counters go to a master that reads and drops them.
func BenchmarkSync(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"remaining": [], "enforcements": []}`)
	}))
	defer server.Close()
	client, err := masterclient.New(masterclient.Config{Base: server.URL, Token: "t"})
	testbed.Must(b, err)
	c := &Counter{
		cfg: Config{Master: client, Zone: time.UTC, Now: time.Now}, log: slog.New(slog.DiscardHandler),
		book: million(time.Now()), judge: newJudge(time.UTC), slave: "s",
	}
	c.metrics = newMetrics(c)
	prometheus.NewRegistry().MustRegister(c.metrics)
	runtime.GC()
	var peak uint64
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse+m.StackInuse)
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	for b.Loop() {
		c.sync.change = 0
		testbed.Must(b, c.syncAll(b.Context()))
	}
	close(stop)
	<-done
	b.ReportMetric(float64(peak)/(1<<20), "MB")
	b.ReportMetric(float64(c.book.counters), "counters")
}

// BenchmarkCount: entries of an access log, of 1,000 users.
func BenchmarkCount(b *testing.B) {
	book := newBook(time.UTC)
	now := time.Now()
	lines := make([]spool.Line, 1000)
	entries := make([]accesslog.Entry, len(lines))
	var parser accesslog.Parser
	for i := range lines {
		text := fmt.Appendf(nil, `{"timestamp":%.3f,"request_id":"%032x","ip":"10.0.%d.%d","method":"GET","status":200,"bytes_sent":4711,"request_time":0.003,"upstream_time":"0.002","upstream_status":"200","accounted":0,"server_name":"jf.example.com","scope":"1","profile":"1","client_name":"Jellyfin Web","client_version":"10.9.1","device_id":"%08x","device_name":"Firefox","kind":"header","user_id":"%032x","token_hash":"%064x","user_agent":"Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0","uri":"/users/%032x/items/latest","play_session_id":"","item_id":"","verdict":"allow","reason":"","rule":""}`,
			float64(now.UnixMilli())/1000, i, i/256, i%256, i, i, i, i)
		testbed.Must(b, parser.Parse(text, &entries[i]))
		lines[i] = spool.Line{Text: text, Entry: &entries[i]}
	}
	var c counting
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += len(lines) {
		c.lines(book, lines, now)
	}
}

// BenchmarkSnapshot: a million counters, written and read again.
func BenchmarkSnapshot(b *testing.B) {
	book := million(time.Now())
	path := b.TempDir() + "/usage.snapshot"
	for b.Loop() {
		testbed.Must(b, durable.WriteStream(path, 0o600, book.write))
		if got, err := (&snapshot{path: path}).load(time.UTC); err != nil || got.counters != book.counters {
			b.Fatal(err)
		}
	}
}
