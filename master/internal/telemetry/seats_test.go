package telemetry

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/pressly/goose/v3"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// strolls stores requests of a few users over some days, in batches whose times overlap.
func strolls(b *bed) {
	random := rand.New(rand.NewPCG(3, 4))
	for n := range 12 {
		var lines []string
		for range 100 {
			lines = append(lines, fmt.Sprintf(`{"timestamp":%d,"ip":"192.0.2.%d","user_id":"%s","device_id":"device%d","verdict":"allow"}`,
				b.now.Unix()-random.Int64N(5*24*3600), random.IntN(3), []string{"", "ann", "bob", "eve"}[random.IntN(4)], random.IntN(2)))
		}
		b.report(ReportAccess, fmt.Sprint(n), `{"entries":[`+strings.Join(lines, ",")+`]}`)
	}
}

// seatsByHours are the rows that seats_daily is to have, made of those of bandwidth.
func seatsByHours(b *bed) []string {
	var rows []Bandwidth
	if err := b.db.Reader().NewSelect().Table("bandwidth").Where("user_id <> ''").Scan(b.t.Context(), &rows); err != nil {
		b.t.Fatal(err)
	}
	seats := map[string]int64{}
	for _, r := range rows {
		seats[fmt.Sprint(int64(r.Hour.Day()), r.ServerID, r.UserID, r.DeviceID, r.IP)] |= 1 << r.Hour.Time().Hour()
	}
	var all []string
	for seat, hours := range seats {
		all = append(all, fmt.Sprint(seat, " ", hours))
	}
	slices.Sort(all)
	return all
}

func seatsStored(b *bed) []string {
	var rows []Seat
	if err := b.db.Reader().NewSelect().Table("seats_daily").Scan(b.t.Context(), &rows); err != nil {
		b.t.Fatal(err)
	}
	var all []string
	for _, r := range rows {
		all = append(all, fmt.Sprint(fmt.Sprint(int64(r.Day), r.ServerID, r.UserID, r.DeviceID, r.IP), " ", r.Hours))
	}
	slices.Sort(all)
	return all
}

// write runs a statement.
func (b *bed) write(statement string, args ...any) {
	b.t.Helper()
	err := b.db.Write(b.t.Context(), func(ctx context.Context, tx bun.IDB) error {
		_, err := tx.NewRaw(statement, args...).Exec(ctx)
		return err
	})
	if err != nil {
		b.t.Fatalf("%s: %v", statement, err)
	}
}

func (b *bed) seatsSince() Millis {
	b.t.Helper()
	since, err := SeatsSince(b.t.Context(), b.db.Reader())
	if err != nil {
		b.t.Fatal(err)
	}
	return since
}

// TestSeats: seats are what the hours of bandwidth say, whichever came together.
func TestSeats(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		strolls(b)
		if got, want := seatsStored(b), seatsByHours(b); !slices.Equal(got, want) || len(got) < 50 {
			t.Errorf("seats_daily holds\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if since := b.seatsSince(); since != 0 {
			t.Errorf("a new database has seats since %d, want 0", since)
		}
	})
}

// TestSeatsAreKeptAsHours: retention deletes seats with the hours that they are of.
func TestSeatsAreKeptAsHours(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		strolls(b)
		janitor := NewJanitor(Config{Database: b.db, Log: discard, Registry: prometheus.NewRegistry()}, Retention{Bandwidth: 48 * time.Hour})
		janitor.now = func() time.Time { return b.now }
		before := b.number("SELECT count(*) FROM seats_daily")
		janitor.round(t.Context())
		left, older := b.number("SELECT count(*) FROM seats_daily"), b.number("SELECT count(*) FROM seats_daily WHERE day < ?", int64(MillisOf(b.now)-2*day))
		if left == 0 || left == before || older != 0 {
			t.Errorf("%d of %d seats are left, %d of them older", left, before, older)
		}
	})
}

// TestSeatsOfOlderRows: what an older master has stored is added up in the background, beside what comes in;
// users who are being erased stay away.
func TestSeatsOfOlderRows(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		strolls(b)
		want := slices.DeleteFunc(seatsByHours(b), func(row string) bool { return strings.Contains(row, "eve") })
		today := MillisOf(b.now).Day()
		b.write("DELETE FROM seats_daily WHERE day < ? OR user_id = 'eve'", int64(today-day)) // a day and a half came since
		b.write("UPDATE seats_since SET day = ?", int64(today+day))
		b.write("INSERT INTO erasures (user_id, requested_by, state, step, position, first, until, devices, rows, error, created_at, finished_at, worker, seen_at)" +
			" VALUES ('eve', '', 'running', 0, 0, 0, 0, '[]', 0, '', 0, 0, '', 0)")
		janitor := NewJanitor(Config{Database: b.db, Log: discard, Registry: prometheus.NewRegistry()}, Retention{})
		stopped, stop := context.WithCancel(t.Context())
		stop()
		janitor.fillSeats(stopped)
		if since := b.seatsSince(); since != today+day {
			t.Fatalf("since %d after nothing", since)
		}
		if err := fillSeatsBefore(t.Context(), b.db, today+day); err != nil {
			t.Fatal(err)
		}
		if since := b.seatsSince(); since != today {
			t.Fatalf("since %d after a day, want %d", since, today)
		}
		janitor.fillSeats(t.Context())
		if got := seatsStored(b); !slices.Equal(got, want) {
			t.Errorf("seats_daily holds\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if since := b.seatsSince(); since != 0 {
			t.Errorf("since %d in the end, want 0", since)
		}
	})
}

// TestSeatsMigration: a database with rows has no seats up to the day of the newest.
func TestSeatsMigration(t *testing.T) {
	older := func(t *testing.T, driver, source string, dialect goose.Dialect, files fs.FS, dir string) {
		t.Helper()
		db, err := sql.Open(driver, source)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		files, err = fs.Sub(files, dir)
		if err != nil {
			t.Fatal(err)
		}
		provider, err := goose.NewProvider(dialect, db, files, goose.WithTableName("telemetry_migrations"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := provider.UpTo(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		for _, at := range []Millis{noon - 40*day, noon} {
			_, err := db.ExecContext(t.Context(), fmt.Sprintf("INSERT INTO bandwidth (hour, server_id, user_id, device_id, ip, requests, bytes)"+
				" VALUES (%d, 1, 'ann', 'tv', '192.0.2.1', 1, 1)", at))
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	check := func(t *testing.T, db Database) {
		t.Helper()
		b := newBed(t, db)
		if since := b.seatsSince(); since != noon.Day()+day {
			t.Errorf("since %d, want %d", since, noon.Day()+day)
		}
		NewJanitor(Config{Database: db, Log: discard, Registry: prometheus.NewRegistry()}, Retention{}).fillSeats(t.Context())
		if got, want := seatsStored(b), seatsByHours(b); !slices.Equal(got, want) || len(got) != 2 || b.seatsSince() != 0 {
			t.Errorf("seats since %d are %v, want %v", b.seatsSince(), got, want)
		}
	}
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "telemetry.db")
		older(t, "sqlite", "file:"+path, goose.DialectSQLite3, sqliteMigrations, "migrations/sqlite")
		db, err := OpenSQLite(t.Context(), path, discard)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		check(t, db)
	})
	t.Run("postgres", func(t *testing.T) {
		url := testbed.Postgres(t)
		older(t, "pgx", url, goose.DialectPostgres, postgresMigrations, "migrations/postgres")
		check(t, openPostgres(t, url))
	})
}
