package hindsight_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/master/internal/hindsight"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// now is when the tests ask; questions about one hour begin at 12:00.
var now = time.Date(2026, 11, 22, 13, 30, 0, 0, time.UTC)

// at is a moment after 12:30, in milliseconds.
func at(ms int64) telemetry.Millis {
	return telemetry.MillisOf(now.Add(-time.Hour)) + telemetry.Millis(ms)
}

// bed is a master's databases.
type bed struct {
	*hindsight.Hindsight
	store     *store.Store
	telemetry telemetry.Database
}

// onEach runs a test on every database there is.
func onEach(t *testing.T, test func(t *testing.T, b *bed)) {
	t.Run("sqlite", func(t *testing.T) { test(t, newBed(t, "sqlite://"+filepath.Join(t.TempDir(), "master.db"))) })
	t.Run("postgres", func(t *testing.T) { test(t, newBed(t, testbed.Postgres(t))) })
}

func newBed(t *testing.T, url string) *bed {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	st, err := store.Open(t.Context(), url, log)
	testbed.Must(t, err)
	t.Cleanup(func() { testbed.Must(t, st.Close()) })
	db, err := telemetry.Open(t.Context(), url, log)
	testbed.Must(t, err)
	t.Cleanup(func() { testbed.Must(t, db.Close()) })
	return &bed{
		Hindsight: hindsight.New(hindsight.Config{DB: db.Reader(), Counters: st, Now: func() time.Time { return now }}), store: st, telemetry: db,
	}
}

// put stores requests through the master's ingest, as slaves' reports.
func (b *bed) put(t *testing.T, rows ...telemetry.AccessLog) {
	t.Helper()
	in := telemetry.NewIngester(telemetry.Config{Database: b.telemetry, Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- in.Run(ctx) }()
	for from := 0; from < len(rows); from += 1000 {
		batch := in.NewBatch(telemetry.Sender{Source: "test", ServerID: 1, Servers: []int64{1, 2, 3}}, fmt.Sprint(t.Name(), from))
		batch.Access = append(batch.Access, rows[from:min(from+1000, len(rows))]...)
		_, err := in.Store(batch)
		testbed.Must(t, err)
	}
	cancel()
	testbed.Must(t, <-ended)
}

// ask asks about the hour from 12:00 on, and servers 1 and 2.
func (b *bed) ask(t *testing.T, q hindsight.Question) *hindsight.Answer {
	t.Helper()
	q.ServiceType, q.Hours, q.Servers = api.Emby, 1, []int64{1, 2}
	a, err := b.Ask(t.Context(), q)
	testbed.Must(t, err)
	return a
}

// request is one that was let in, with changes.
func request(change func(*telemetry.AccessLog)) telemetry.AccessLog {
	r := telemetry.AccessLog{
		Time: at(0), ServerID: 1, IP: "192.0.2.1", Method: "GET", URI: "/Items", Status: 200, UpstreamStatus: 200, ClientName: "Infuse", ClientVersion: "8.0",
		ClientKind: "header", UserID: "ann", DeviceID: "tv", UserAgent: "Infuse/8.0", Verdict: "allow",
	}
	change(&r)
	return r
}

// client is a request of a client that names itself.
func client(name, version, user string) telemetry.AccessLog {
	return request(func(r *telemetry.AccessLog) { r.ClientName, r.ClientVersion, r.UserID = name, version, user })
}

// path is a request for a path.
func path(uri, user string) telemetry.AccessLog {
	return request(func(r *telemetry.AccessLog) { r.URI, r.UserID = uri, user })
}

// refused is the request as one that was refused.
func refused(r telemetry.AccessLog, reason string) telemetry.AccessLog {
	r.Verdict, r.Reason, r.Status, r.UpstreamStatus = telemetry.VerdictReject, reason, 403, 0
	return r
}

func player(name, lowest string, patterns ...string) library.Player {
	p := library.NewPlayer()
	p.ClientName, p.MinVersion, p.UAPatterns = name, lowest, patterns
	return p
}

func uriRule(action string, match api.MatchType, pattern string) library.URIRule {
	r := library.NewURIRule()
	r.Name, r.Action, r.MatchType, r.Pattern = pattern, action, match, pattern
	return r
}

func limit(change func(*library.RateLimitRule)) library.RateLimitRule {
	r := library.NewRateLimitRule()
	r.ApplyTo = library.DimensionUser
	change(&r)
	return r
}
