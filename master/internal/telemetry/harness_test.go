package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// bed is an ingester over a real database, run for as long as the test.
type bed struct {
	t  *testing.T
	db Database
	*Ingester
	now time.Time
}

// onEach runs a test on every database there is.
func onEach(t *testing.T, test func(t *testing.T, b *bed)) {
	t.Run("sqlite", func(t *testing.T) { test(t, newBed(t, openSQLiteFile(t))) })
	t.Run("postgres", func(t *testing.T) { test(t, newBed(t, openPostgres(t, testbed.Postgres(t)))) })
}

func newBed(t *testing.T, db Database) *bed {
	t.Helper()
	b := &bed{
		t: t, db: db, now: time.Date(2026, 11, 22, 20, 30, 0, 0, time.UTC),
		Ingester: NewIngester(Config{Database: db, Log: discard, Registry: prometheus.NewRegistry()}),
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return b
}

// server is the one that batches come from; 1 and 2 are on its host.
const server = 1

func (b *bed) decode(report Report, key, body string) *Batch {
	b.t.Helper()
	batch := newBatch(Sender{Source: "host emby", ServerID: server, Servers: []int64{1, 2}}, key, MillisOf(b.now), b.cfg.Address)
	if err := batch.Decode(report, []byte(body)); err != nil {
		b.t.Fatalf("%s: %v in %.200s", report, err, body)
	}
	return batch
}

// report stores a body and returns what became of it.
func (b *bed) report(report Report, key, body string) Result {
	b.t.Helper()
	res, err := b.Store(b.decode(report, key, body))
	if err != nil {
		b.t.Fatalf("%s: %v", report, err)
	}
	return res
}

// number returns the one integer that a query finds.
func (b *bed) number(query string, args ...any) int64 {
	b.t.Helper()
	var n int64
	if err := b.db.Reader().NewRaw("SELECT coalesce(("+query+"), -1)", args...).Scan(b.t.Context(), &n); err != nil {
		b.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// wantRow checks that a query finds one row with these columns, as text.
func (b *bed) wantRow(query string, want ...any) {
	b.t.Helper()
	rows, err := b.db.Reader().QueryContext(b.t.Context(), query)
	if err != nil {
		b.t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }()
	names, err := rows.Columns()
	if err != nil {
		b.t.Fatal(err)
	}
	found := 0
	for rows.Next() {
		found++
		got := make([]any, len(names))
		into := make([]any, len(names))
		for i := range got {
			into[i] = &got[i]
		}
		if err := rows.Scan(into...); err != nil {
			b.t.Fatal(err)
		}
		for i := range want {
			if m, ok := want[i].(Millis); ok {
				want[i] = int64(m)
			}
			if v, ok := got[i].([]byte); ok {
				got[i] = string(v)
			}
		}
		if fmt.Sprintln(got...) != fmt.Sprintln(want...) {
			b.t.Errorf("%s: %v is %v, want %v", query, names, got, want)
		}
	}
	if err := rows.Err(); err != nil || found != 1 {
		b.t.Errorf("%s: %d rows, %v; want 1", query, found, err)
	}
}

var discard = slog.New(slog.DiscardHandler)
