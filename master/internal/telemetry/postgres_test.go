package telemetry

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// noon is a time in the middle of a UTC day, some days ago.
var noon = MillisOf(time.Now()).Day() - 3*day + 12*hour

func openPostgres(t testing.TB, databaseURL string) Database {
	t.Helper()
	db, err := OpenPostgres(t.Context(), databaseURL, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func openSQLiteFile(t testing.TB) Database {
	t.Helper()
	db, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "telemetry.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// TestDatabasesAgree: the same blocks give the same rows in both databases.
func TestDatabasesAgree(t *testing.T) {
	databases := []Database{openSQLiteFile(t), openPostgres(t, testbed.Postgres(t))}
	tables := []*Table{
		accessLogTable, blockedTable, loginTable, playbackTable, playbackSessionTable, deviceTable,
		userActivityTable, realtimeTable, apiCallTable, bandwidthTable, mediaAccessTable, hourlyTable, dailyTable,
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 8 {
		var blocks []Block
		for _, table := range tables {
			if table != realtimeTable {
				blocks = append(blocks, randomBlock(random, table))
			}
		}
		list := randomBlock(random, realtimeTable)
		for i, db := range databases {
			err := db.Ingest(t.Context(), func(tx Tx) error {
				for _, b := range blocks {
					if err := tx.Put(b); err != nil {
						return err
					}
				}
				return tx.Replace(1, list)
			})
			if err != nil {
				t.Fatalf("database %d: %v", i, err)
			}
		}
	}
	for _, table := range tables {
		sqlite, postgres := dump(t, databases[0], table), dump(t, databases[1], table)
		if len(sqlite) == 0 || !slices.Equal(sqlite, postgres) {
			t.Errorf("%s holds %d rows on SQLite, %d on PostgreSQL, and not the same:\n%s\n%s", table.Name, len(sqlite), len(postgres),
				strings.Join(sqlite[:min(5, len(sqlite))], "\n"), strings.Join(postgres[:min(5, len(postgres))], "\n"))
		}
	}
}

// randomBlock returns up to 20 rows with few keys, so that later ones meet earlier ones.
func randomBlock(random *rand.Rand, table *Table) Block {
	rows := map[string][]Value{}
	for range 20 {
		var row []Value
		var key strings.Builder
		for _, c := range table.Columns {
			var v Value
			switch {
			case c.Name == "id":
				v = num(ID(noon+Millis(random.Int64N(5*day)), random.Int64()))
			case c.Name == "reporter_id":
				v = num(int64(1))
			case c.Type == Boolean:
				v = flag(random.IntN(2) == 0)
			case c.Type == Text && c.Merge == Key:
				v = str([]string{"", "a", "B", "ü", "'\\\n"}[random.IntN(5)])
			case c.Type == Text:
				v = str([]string{"", "x", "Ж\t", "long " + strings.Repeat("z", 300)}[random.IntN(4)])
			case c.Merge == Key:
				v = num(random.Int64N(2))
			default:
				v = num(random.Int64N(1 << 40))
			}
			row = append(row, v)
			if c.Merge == Key {
				fmt.Fprintf(&key, "%v|", v)
			}
		}
		if len(table.keys()) == 0 {
			fmt.Fprint(&key, row[0])
		}
		rows[key.String()] = row
	}
	var all [][]Value
	for _, row := range rows {
		all = append(all, row)
	}
	return Block{Table: table, Len: len(all), Values: func(i int, dst []Value) []Value { return append(dst, all[i]...) }}
}

// dump returns the rows of a table as text, sorted.
func dump(t *testing.T, db Database, table *Table) []string {
	t.Helper()
	rows, err := db.Reader().QueryContext(t.Context(), "SELECT "+columnNames(table)+" FROM "+table.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var all []string
	for rows.Next() {
		values := make([]any, len(table.Columns))
		for i, c := range table.Columns {
			switch c.Type {
			case Integer:
				values[i] = new(int64)
			case Text:
				values[i] = new(string)
			case Boolean:
				values[i] = new(bool)
			}
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		var line strings.Builder
		for i, v := range values {
			switch v := v.(type) {
			case *int64:
				fmt.Fprintf(&line, "%s=%d ", table.Columns[i].Name, *v)
			case *string:
				fmt.Fprintf(&line, "%s=%q ", table.Columns[i].Name, *v)
			case *bool:
				fmt.Fprintf(&line, "%s=%t ", table.Columns[i].Name, *v)
			}
		}
		all = append(all, line.String())
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// TestReplicasStoreOnce: two replicas that are sent the same batches at once store each once, and none
// waits for ever.
func TestReplicasStoreOnce(t *testing.T) {
	databaseURL := testbed.Postgres(t)
	replicas := []Database{openPostgres(t, databaseURL), openPostgres(t, databaseURL)}
	const batches = 60
	var group errgroup.Group
	for i := range 6 {
		db := replicas[i%2]
		random := rand.New(rand.NewPCG(uint64(i), 0))
		group.Go(func() error {
			for _, n := range random.Perm(batches / 2) {
				keys := []BatchKey{
					{"slave", fmt.Sprint(2*n + 1), 7}, {"slave", "", 1}, {"slave", fmt.Sprint(2 * n), 8}, {"slave", fmt.Sprint(2 * n), 8},
				}
				err := db.Ingest(t.Context(), func(tx Tx) error {
					claims, err := tx.Claim(keys, noon)
					if err != nil {
						return err
					}
					if claims[0].Accepted != 7 || claims[2].Accepted != 8 || !claims[1].New || claims[3] != (Claim{Accepted: claims[3].Accepted}) {
						t.Errorf("claims are %+v", claims)
					}
					first, err := tx.Numbers(4)
					if err != nil {
						return err
					}
					var logs []AccessLog
					sums := newSums()
					for j, c := range claims {
						if c.New && keys[j].Key != "" {
							r := AccessLog{ID: ID(noon, first+int64(j)), Time: noon, ServerID: 1, IP: fmt.Sprint(random.IntN(5)), RequestID: keys[j].Key}
							logs = append(logs, r)
							sums.addAccess(&r)
						}
					}
					if err := tx.Put(blockOf(accessLogTable, logs, (*AccessLog).values)); err != nil {
						return err
					}
					for _, b := range sums.blocks() {
						if err := tx.Put(b); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{
		"SELECT count(*) FROM access_logs", "SELECT count(DISTINCT request_id) FROM access_logs", "SELECT count(DISTINCT id) FROM access_logs",
		"SELECT requests FROM rollup_daily WHERE dimension = 'all'", "SELECT sum(requests)::bigint FROM rollup_hourly WHERE dimension = 'ip'",
	} {
		var n int
		if err := replicas[0].Reader().QueryRowContext(t.Context(), query).Scan(&n); err != nil || n != batches {
			t.Errorf("%s: %d, %v; want %d", query, n, err, batches)
		}
	}
}

// TestPartitions: a day's partition is there when its first row comes, goes when all of it is too old, and
// comes again for a row that is late.
func TestPartitions(t *testing.T) {
	databaseURL := testbed.Postgres(t)
	db, other := openPostgres(t, databaseURL), openPostgres(t, databaseURL)
	put := func(db Database, at Millis) {
		t.Helper()
		err := db.Ingest(t.Context(), func(tx Tx) error {
			return tx.Put(blockOf(accessLogTable, []AccessLog{{ID: ID(at, 1), Time: at}}, (*AccessLog).values))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	days := func() string {
		t.Helper()
		var names []string
		err := db.Reader().NewSelect().ColumnExpr("relname").TableExpr("pg_inherits JOIN pg_class c ON c.oid = inhrelid").
			Where("inhparent = 'access_logs'::regclass").OrderExpr("relname").Scan(t.Context(), &names)
		if err != nil {
			t.Fatal(err)
		}
		for i := range names {
			at, err := time.Parse("access_logs_20060102", names[i])
			if err != nil {
				t.Fatal(err)
			}
			names[i] = fmt.Sprint(int64((MillisOf(at) - noon.Day()) / day))
		}
		return strings.Join(names, " ")
	}
	for i := range Millis(3) {
		put(db, noon+i*day)
		put(other, noon.Day()+i*day)
	}
	put(other, MillisOf(time.Now()))
	if got := days(); got != "0 1 2 3 4 5" {
		t.Errorf("there are the days %s; want three, today and two more", got)
	}
	for n, want := range []int64{1, 1, 0} {
		if got, err := db.Expire(t.Context(), accessLogTable, noon+2*day+hour); err != nil || min(got, 1) != want {
			t.Errorf("round %d of retention: %d, %v", n, got, err)
		}
	}
	if got := days(); got != "2 3 4 5" {
		t.Errorf("after retention there are the days %s", got)
	}
	put(other, noon) // it still believes in the partition
	if got := days(); got != "0 2 3 4 5" {
		t.Errorf("after a late row there are the days %s", got)
	}
}

func TestPostgresExpires(t *testing.T) {
	db := openPostgres(t, testbed.Postgres(t))
	err := db.Ingest(t.Context(), func(tx Tx) error {
		for _, at := range []Millis{noon, noon + day} {
			sums := newSums()
			r := AccessLog{Time: at, IP: "192.0.2.1"}
			sums.addAccess(&r)
			for _, b := range sums.blocks() {
				if err := tx.Put(b); err != nil {
					return err
				}
			}
			if err := tx.Put(blockOf(loginTable, []LoginEvent{{ID: ID(at, 1), Time: at}}, (*LoginEvent).values)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []*Table{hourlyTable, dailyTable, loginTable} {
		had := int64(len(dump(t, db, table)))
		for _, want := range []int64{had / 2, 0} {
			if got, err := db.Expire(t.Context(), table, noon+day-12*hour); err != nil || got != want {
				t.Errorf("of %s %d rows went, %v; want %d", table.Name, got, err, want)
			}
		}
		if left := int64(len(dump(t, db, table))); left != had/2 {
			t.Errorf("%s keeps %d rows of %d", table.Name, left, had)
		}
	}
}
