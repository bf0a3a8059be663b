package erasure

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

var at = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

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

// store puts rows of all kinds through the master's ingest, made of requests.
func store(t *testing.T, db telemetry.Database, requests []telemetry.AccessLog) {
	t.Helper()
	in := telemetry.NewIngester(telemetry.Config{Database: db, Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- in.Run(ctx) }()
	b := in.NewBatch(telemetry.Sender{Source: "test", ServerID: 1, Servers: []int64{1}}, "")
	b.Complete = true
	for _, r := range requests {
		r.ServerID, r.Verdict, r.Method, r.URI, r.Status, r.BytesSent, r.RequestTimeUS = 1, "allow", "GET", "/items", 200, 1000, 5000
		b.Access = append(b.Access, r)
		b.Blocked = append(b.Blocked, telemetry.BlockedRequest{Time: r.Time, ServerID: 1, IP: r.IP, UserID: r.UserID, DeviceID: r.DeviceID})
		b.Logins = append(b.Logins, telemetry.LoginEvent{Time: r.Time, ServerID: 1, IP: r.IP, UserID: r.UserID, DeviceID: r.DeviceID})
		b.Playbacks = append(b.Playbacks, telemetry.PlaybackEvent{Time: r.Time, ServerID: 1, Event: "start", PlaySessionID: r.PlaySessionID, ItemID: "item", IP: r.IP, UserID: r.UserID, DeviceID: r.DeviceID})
		b.Sessions = append(b.Sessions, telemetry.RealtimeSession{ReporterID: 1, ServerID: 1, SessionID: r.PlaySessionID, UserID: r.UserID, DeviceID: r.DeviceID, IP: r.IP})
	}
	if _, err := in.Store(b); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// household is traffic of ann, who is to be forgotten, and of bob. They share one address in one hour, and a
// television; ann's phone asks for images before she logs in.
func household() []telemetry.AccessLog {
	var rows []telemetry.AccessLog
	add := func(hours int, user, device, ip string) {
		for i := range 3 {
			rows = append(rows, telemetry.AccessLog{
				Time: telemetry.MillisOf(at.Add(time.Duration(hours)*time.Hour + time.Duration(i)*time.Minute)), UserID: user, DeviceID: device, IP: ip, ClientName: "Infuse",
				ItemID: "item", PlaySessionID: fmt.Sprint(user, hours, i), Streaming: i == 0,
			})
		}
	}
	for day := range 3 {
		add(24*day, "a0a0", "phone", "192.0.2.1")
		add(24*day+1, "", "phone", "192.0.2.1")
		add(24*day+1, "a0a0", "phone", "192.0.2.1")
		add(24*day+2, "b0b0", "laptop", "192.0.2.1")
		add(24*day+3, "a0a0", "tv", "198.51.100.9")
		add(24*day+3, "b0b0", "tv", "198.51.100.9")
		add(24*day+4, "", "stranger", "203.0.113.5")
	}
	return rows
}

func eraser(db telemetry.Database) *Eraser {
	return New(Config{Database: db, Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
}

// run works until the job is done.
func run(t *testing.T, e *Eraser, id int64) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		job, err := e.Job(t.Context(), id)
		if err != nil || time.Now().After(end) {
			t.Fatalf("%+v, %v", job, err)
		}
		if job.State == Done {
			break
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// contents are all rows of all tables but what ids and runs make different.
func contents(t *testing.T, db telemetry.Database) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, table := range []string{
		"access_logs", "blocked_requests", "login_events", "playback_events", "playback_sessions", "devices", "user_activities",
		"realtime_sessions", "api_calls", "bandwidth", "seats_daily", "media_access", "rollup_hourly", "rollup_daily",
	} {
		all[table] = texts(t, db, table)
	}
	return all
}

// texts are the rows of a table, sorted.
func texts(t *testing.T, db telemetry.Database, table string) []string {
	t.Helper()
	rows, err := db.Reader().NewSelect().Table(table).ColumnExpr("*").Rows(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }() // rows.Err has told
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for rows.Next() {
		values, into := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		for i, name := range names {
			if name == "id" || name == "reported_at" {
				values[i] = ""
			}
		}
		all = append(all, fmt.Sprint(values...))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// TestNothingOfTheUserStays: no row of any table names the user, or nobody at the user's device, and what is
// of others is as it would be had the user never been there, but for sums that tell of nobody.
func TestNothingOfTheUserStays(t *testing.T) {
	onEach(t, func(t *testing.T, newDatabase func() telemetry.Database) {
		db := newDatabase()
		store(t, db, household())
		e := eraser(db)
		job, isNew, err := e.Order(t.Context(), "A0-A0", "root")
		if err != nil || !isNew || job.State != Waiting {
			t.Fatalf("ordered %+v, %v, %v", job, isNew, err)
		}
		if again, isNew, err := e.Order(t.Context(), "a0a0", "root"); err != nil || isNew || again.ID != job.ID {
			t.Errorf("ordered a second time: %+v, %v, %v", again, isNew, err)
		}
		run(t, e, job.ID)
		if job, err = e.Job(t.Context(), job.ID); err != nil || job.Progress != 1 || job.Rows < 100 || job.FinishedAt == 0 || job.Error != "" {
			t.Errorf("done: %+v, %v", job, err)
		}

		others := slices.DeleteFunc(household(), func(r telemetry.AccessLog) bool { return r.UserID == "a0a0" || r.DeviceID == "phone" })
		without := newDatabase()
		store(t, without, others)
		got, want := contents(t, db), contents(t, without)
		// Sums over everybody stay, those of nobody known, and those of what both used.
		stays := func(table string) func(string) bool {
			return func(row string) bool {
				return table == "api_calls" || strings.HasPrefix(row, "all") || strings.HasPrefix(row, "client") ||
					strings.HasPrefix(table, "rollup") && strings.HasPrefix(row, "user") && !strings.Contains(row, "b0b0") ||
					table == "media_access" && !strings.Contains(row, "b0b0") ||
					strings.HasPrefix(table, "rollup") && strings.Contains(row, "198.51.100.9") || table == "devices" && strings.Contains(row, "tv")
			}
		}
		for table, rows := range got {
			for _, row := range rows {
				if strings.Contains(row, "a0a0") || strings.Contains(row, "phone") {
					t.Errorf("%s has %q", table, row)
				}
			}
			g, w := slices.DeleteFunc(rows, stays(table)), slices.DeleteFunc(want[table], stays(table))
			if !slices.Equal(g, w) || len(g) == 0 && table != "api_calls" {
				t.Errorf("%s holds\n%s\nwant\n%s", table, strings.Join(g, "\n"), strings.Join(w, "\n"))
			}
		}
	})
}

// TestGoesOn: a job that is interrupted after each of its steps, by a master that ends or dies, does the same.
func TestGoesOn(t *testing.T) {
	onEach(t, func(t *testing.T, newDatabase func() telemetry.Database) {
		whole, parts := newDatabase(), newDatabase()
		store(t, whole, household())
		store(t, parts, household())
		e := eraser(whole)
		job, _, err := e.Order(t.Context(), "a0a0", "root")
		if err != nil {
			t.Fatal(err)
		}
		run(t, e, job.ID)

		job, _, err = eraser(parts).Order(t.Context(), "a0a0", "root")
		if err != nil {
			t.Fatal(err)
		}
		progress := 0.0
		for n := 0; job.State != Done; n++ {
			worker := eraser(parts) // a new process
			worker.now = func() time.Time { return at.Add(time.Duration(n) * 2 * leftAfter) }
			mine, err := worker.claim(t.Context())
			if err != nil || mine == nil || n > 500 {
				t.Fatalf("nothing to claim: %v", err)
			}
			if other, err := eraser(parts).claimAt(t.Context(), worker.now()); err != nil || other != nil {
				t.Fatalf("two masters work on %+v, %v", other, err)
			}
			if err := worker.step(t.Context(), mine); err != nil {
				t.Fatal(err)
			}
			if job, err = worker.Job(t.Context(), job.ID); err != nil || job.Progress < progress {
				t.Fatalf("progress fell from %v to %v, %v", progress, job.Progress, err)
			}
			progress = job.Progress
		}
		got, want := contents(t, parts), contents(t, whole)
		for table := range want {
			if !slices.Equal(got[table], want[table]) {
				t.Errorf("%s differs", table)
			}
		}
	})
}

// claimAt is claim at a time.
func (e *Eraser) claimAt(ctx context.Context, now time.Time) (*Job, error) {
	e.now = func() time.Time { return now }
	return e.claim(ctx)
}

// TestFailureIsToldAndTriedAgain: a database that refuses leaves the job as it was.
func TestFailureIsToldAndTriedAgain(t *testing.T) {
	onEach(t, func(t *testing.T, newDatabase func() telemetry.Database) {
		db := newDatabase()
		store(t, db, household())
		broken := &refusing{Database: db}
		e := eraser(broken)
		job, _, err := e.Order(t.Context(), "a0a0", "root")
		if err != nil {
			t.Fatal(err)
		}
		claimed, err := e.claim(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		broken.times = 1
		if err := e.work(t.Context(), claimed); !errors.Is(err, errRefused) {
			t.Fatalf("work gives %v", err)
		}
		if job, err = e.Job(t.Context(), job.ID); err != nil || !strings.Contains(job.Error, "refused") || job.State != Running {
			t.Errorf("%+v, %v", job, err)
		}
		run(t, e, job.ID)
		if _, err := e.Job(t.Context(), 99); !errors.Is(err, ErrNotFound) {
			t.Errorf("a job that is not there gives %v", err)
		}
	})
}

var errRefused = errors.New("refused")

// refusing is a database that does not write some times.
type refusing struct {
	telemetry.Database
	times int
}

func (r *refusing) Write(ctx context.Context, fn func(context.Context, bun.IDB) error) error {
	if r.times > 0 {
		r.times--
		return errRefused
	}
	return r.Database.Write(ctx, fn)
}
