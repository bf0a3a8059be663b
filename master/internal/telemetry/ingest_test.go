package telemetry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/traffic"
)

// TestTables: what is written fits the tables of the migrations, and the values their columns.
func TestTables(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		for table, values := range map[*Table]int{
			accessLogTable: len((&AccessLog{}).values(nil)), blockedTable: len((&BlockedRequest{}).values(nil)),
			loginTable: len((&LoginEvent{}).values(nil)), playbackTable: len((&PlaybackEvent{}).values(nil)),
			playbackSessionTable: len((&PlaybackSession{}).values(nil)), deviceTable: len((&Device{}).values(nil)),
			userActivityTable: len((&UserActivity{}).values(nil)), realtimeTable: len((&RealtimeSession{}).values(nil)),
			apiCallTable: len((&APICall{}).values(nil)), bandwidthTable: len((&Bandwidth{}).values(nil)),
			mediaAccessTable: len((&MediaAccess{}).values(nil)),
			hourlyTable:      len((&Rollup{}).values(nil)), dailyTable: len((&Rollup{}).values(nil)),
		} {
			names := b.columns(table.Name)
			var own []string
			for _, c := range table.Columns {
				own = append(own, c.Name)
			}
			if fmt.Sprint(names) != fmt.Sprint(own) || values != len(own) {
				t.Errorf("%s has %v in the database, %v with %d values here", table.Name, names, own, values)
			}
		}
	})
}

// columns returns a table's.
func (b *bed) columns(table string) []string {
	b.t.Helper()
	rows, err := b.db.Reader().QueryContext(b.t.Context(), "SELECT * FROM "+table+" LIMIT 0")
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	names, err := rows.Columns()
	if err := errors.Join(err, rows.Err()); err != nil {
		b.t.Fatal(err)
	}
	return names
}

// TestSums: rollups and the other sums are those of the rows, whatever batches and transactions these
// came in.
func TestSums(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		g := traffic.New(traffic.Config{Seed: 7, Users: 60, Items: 40, Servers: []int64{1, 2}})
		var bodies []string
		var lines []string
		traffic.Times(b.now.Add(-60*time.Hour), b.now, 3000, func(at time.Time) bool {
			lines = append(lines, string(g.Line(nil, at)))
			if len(lines) == 150 {
				bodies = append(bodies, `{"entries":[`+strings.Join(lines, ",")+`]}`)
				lines = lines[:0]
			}
			return true
		})
		var slaves sync.WaitGroup
		for s := range 4 {
			slaves.Go(func() {
				for i := s; i < len(bodies); i += 4 {
					if _, err := b.Store(b.decode(ReportAccess, fmt.Sprint(i), bodies[i])); err != nil {
						t.Error(err)
					}
				}
			})
		}
		slaves.Wait()
		rows := b.number("SELECT count(*) FROM access_logs")
		if rows != 3000 || b.number("SELECT count(DISTINCT id) FROM access_logs") != 3000 {
			t.Fatalf("%d rows", rows)
		}
		b.checkSums(t)
	})
}

// checkSums compares each sum with a query over the events.
func (b *bed) checkSums(t *testing.T) {
	t.Helper()
	histogram := func(i int) string {
		low, high := int64(-1), int64(1)<<62
		if i > 0 {
			low = LatencyBounds[i-1]
		}
		if i < len(LatencyBounds) {
			high = LatencyBounds[i]
		}
		return fmt.Sprintf("sum(CASE WHEN NOT streaming AND verdict <> 'reject' AND request_time_us > %d AND request_time_us <= %d THEN 1 ELSE 0 END)", low, high)
	}
	counts := `count(*), sum(CASE WHEN verdict = 'reject' THEN 1 ELSE 0 END),
		sum(CASE WHEN verdict <> 'reject' AND status BETWEEN 400 AND 499 THEN 1 ELSE 0 END),
		sum(CASE WHEN verdict <> 'reject' AND status >= 500 THEN 1 ELSE 0 END), sum(bytes_sent - accounted)`
	columns := "requests, refused, errors_4xx, errors_5xx, bytes"
	for i := range Buckets {
		counts += ", " + histogram(i)
		columns += fmt.Sprintf(", h%d", i)
	}
	for table, length := range map[string]int{"rollup_hourly": hour, "rollup_daily": day} {
		for dimension, value := range map[Dimension]string{All: "''", ByClient: "client_name", ByIP: "ip", ByUser: "user_id"} {
			b.same(t, fmt.Sprintf("SELECT period, value, server_id, %s FROM %s WHERE dimension = '%s'", columns, table, dimension),
				fmt.Sprintf("SELECT time - time %% %d, %s, server_id, %s FROM access_logs GROUP BY 1, 2, 3", length, value, counts))
		}
		for dimension, value := range map[Dimension]string{ByReason: "reason", ByRule: "rule"} {
			b.same(t, fmt.Sprintf("SELECT period, value, server_id, requests, refused FROM %s WHERE dimension = '%s'", table, dimension),
				fmt.Sprintf("SELECT time - time %% %d, %s, server_id, count(*), count(*) FROM blocked_requests GROUP BY 1, 2, 3", length, value))
		}
	}
	for sum, naive := range map[string]string{
		"SELECT hour, server_id, user_id, device_id, ip, requests, bytes FROM bandwidth":                                                           "SELECT time - time % 3600000, server_id, user_id, device_id, ip, count(*), sum(bytes_sent - accounted) FROM access_logs GROUP BY 1, 2, 3, 4, 5",
		"SELECT day, server_id, user_id, first_seen_at, last_seen_at, requests, bytes FROM user_activities":                                        "SELECT time - time % 86400000, server_id, user_id, min(time), max(time), count(*), sum(bytes_sent - accounted) FROM access_logs GROUP BY 1, 2, 3",
		"SELECT server_id, device_id, first_seen_at, last_seen_at, requests FROM devices":                                                          "SELECT server_id, device_id, min(time), max(time), count(*) FROM access_logs GROUP BY 1, 2",
		"SELECT hour, server_id, sum(requests), sum(bytes), sum(request_time_us) FROM api_calls GROUP BY 1, 2":                                     "SELECT time - time % 3600000, server_id, count(*), sum(bytes_sent - accounted), sum(request_time_us) FROM access_logs GROUP BY 1, 2",
		"SELECT day, server_id, user_id, item_id, requests, bytes FROM media_access WHERE requests > 0":                                            "SELECT time - time % 86400000, server_id, user_id, item_id, count(*), sum(bytes_sent - accounted) FROM access_logs WHERE streaming AND verdict <> 'reject' GROUP BY 1, 2, 3, 4",
		"SELECT sum(plays) FROM media_access":                                                                                                      "SELECT count(*) FROM playback_events WHERE event = 'start'",
		"SELECT server_id, play_session_id, device_id, started_at, last_seen_at, requests, bytes FROM playback_sessions":                           "SELECT server_id, play_session_id, device_id, min(time - request_time_us / 1000), max(time), count(*), sum(bytes_sent - accounted) FROM access_logs WHERE play_session_id <> '' AND verdict <> 'reject' GROUP BY 1, 2, 3",
		"SELECT request_id, status, reason, rule, user_id, uri FROM blocked_requests":                                                              "SELECT request_id, status, reason, rule, user_id, uri FROM access_logs WHERE verdict = 'reject'",
		"SELECT play_session_id, device_id, count(*), max(position_ticks) FROM playback_events WHERE event IN ('start', 'progress') GROUP BY 1, 2": "SELECT play_session_id, device_id, count(*), (SELECT max(e.position_ticks) FROM playback_events e WHERE e.play_session_id = a.play_session_id AND e.device_id = a.device_id AND e.event <> 'stop') FROM access_logs a WHERE verdict <> 'reject' AND uri IN ('/Sessions/Playing', '/Sessions/Playing/Progress') GROUP BY 1, 2",
	} {
		b.same(t, sum, naive)
	}
}

// same checks that two queries find the same rows, and some.
func (b *bed) same(t *testing.T, one, other string) {
	t.Helper()
	n := b.number("SELECT count(*) FROM (" + one + ") AS a")
	missing := b.number("SELECT count(*) FROM (" + one + " EXCEPT " + other + ") AS a")
	added := b.number("SELECT count(*) FROM (" + other + " EXCEPT " + one + ") AS a")
	if n == 0 || missing != 0 || added != 0 {
		t.Errorf("of %d rows %d are wrong, %d are missing: %s", n, missing, added, one)
	}
}

// TestDuplicates: a batch that comes twice is stored once, at once, later, or beside itself.
func TestDuplicates(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		line := `{"entries":[{"timestamp":` + fmt.Sprint(b.now.Unix()) + `,"ip":"192.0.2.1","verdict":"allow","bytes_sent":10,"user_id":"u"}]}`
		if res := b.report(ReportAccess, "k1", line); res != (Result{Accepted: 1}) {
			t.Errorf("first: %+v", res)
		}
		if res := b.report(ReportAccess, "k1", line); res != (Result{Accepted: 1, Duplicate: true}) {
			t.Errorf("again: %+v", res)
		}
		var all sync.WaitGroup
		var mu sync.Mutex
		stored := 0
		for range 20 {
			all.Go(func() {
				res, err := b.Store(b.decode(ReportAccess, "k2", line))
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				if !res.Duplicate {
					stored++
				}
			})
		}
		all.Wait()
		b.report(ReportAccess, "", line)
		b.report(ReportAccess, "", line)
		if n := b.number("SELECT count(*) FROM access_logs"); stored != 1 || n != 4 {
			t.Errorf("%d rows after 2 batches with keys and 2 without; one of them was stored %d times", n, stored)
		}
		b.wantRow("SELECT requests, bytes FROM rollup_daily WHERE dimension = 'all'", 4, 40)
	})
}

// gate is a database whose first transaction waits.
type gate struct {
	Database
	transactions  atomic.Int64
	entered, open chan struct{}
}

func (g *gate) Ingest(ctx context.Context, fn func(Tx) error) error {
	if g.transactions.Add(1) == 1 {
		close(g.entered)
		<-g.open
	}
	return g.Database.Ingest(ctx, fn)
}

// TestGathers: what comes during a transaction is stored in one more, and counts once, also what came twice.
func TestGathers(t *testing.T) {
	g := &gate{Database: openSQLiteFile(t), entered: make(chan struct{}), open: make(chan struct{})}
	b := newBed(t, g)
	open := sync.OnceFunc(func() { close(g.open) })
	t.Cleanup(open)
	results := make(chan Result, 21)
	store := func(key string) {
		go func() {
			result, err := b.Store(b.decode(ReportAccess, key, `{"timestamp":`+fmt.Sprint(b.now.Unix())+`,"ip":"192.0.2.1","verdict":"allow","bytes_sent":10}`))
			if err != nil {
				t.Error(err)
			}
			results <- result
		}()
	}
	store("first")
	<-g.entered
	for n := range 10 {
		store(fmt.Sprint(n))
		store(fmt.Sprint(n))
	}
	for end := time.Now().Add(time.Minute); b.waiting.Load() < 2*21 || len(b.queue) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d rows wait, %d batches in the queue", b.waiting.Load(), len(b.queue))
		}
	}
	open()
	duplicates := 0
	for range 21 {
		if result := <-results; result.Duplicate {
			duplicates++
		}
	}
	if n := g.transactions.Load(); n > 3 || duplicates != 10 { // the last batch may still be on its way out of the queue
		t.Errorf("%d transactions, %d duplicates", n, duplicates)
	}
	b.wantRow("SELECT requests, bytes FROM rollup_daily WHERE dimension = 'all'", 11, 110)
	b.wantRow("SELECT requests, bytes FROM rollup_hourly WHERE dimension = 'all'", 11, 110)
}

// twice is a database in which another transaction gets in the way of each at its end.
type twice struct{ Database }

func (d twice) Ingest(ctx context.Context, fn func(Tx) error) error {
	inTheWay := errors.New("in the way")
	err := d.Database.Ingest(ctx, func(tx Tx) error { return cmp.Or(fn(tx), inTheWay) })
	if !errors.Is(err, inTheWay) {
		return err
	}
	return d.Database.Ingest(ctx, fn)
}

// TestTriedAgain: a transaction that has to run again stores the same.
func TestTriedAgain(t *testing.T) {
	b := newBed(t, twice{openSQLiteFile(t)})
	line := `{"timestamp":` + fmt.Sprint(b.now.Unix()) + `,"ip":"192.0.2.1","user_id":"u","device_id":"d","verdict":"allow","bytes_sent":10}`
	if res := b.report(ReportAccess, "k", `{"entries":[`+line+`,`+line+`]}`); res.Duplicate || res.Accepted != 2 {
		t.Errorf("%+v", res)
	}
	for _, table := range []string{"rollup_daily", "rollup_hourly", "user_activities", "bandwidth"} {
		if n := b.number("SELECT max(bytes) FROM " + table); n != 20 {
			t.Errorf("%s counts %d bytes, want 20", table, n)
		}
	}
	if n := b.number("SELECT count(*) FROM access_logs"); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
}

// TestFull: while the database takes nothing, what waits is bounded, and nothing of it is lost.
func TestFull(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		if _, ok := b.db.(*postgresDB); ok {
			t.Skip("writers do not wait for each other here")
		}
		line := `{"timestamp":` + fmt.Sprint(b.now.Unix()) + `,"ip":"192.0.2.1","verdict":"allow"}`
		body := `{"entries":[` + strings.Repeat(line+",", 4999) + line + `]}`
		holding, held := make(chan struct{}), make(chan struct{})
		go func() { // a long transaction
			_ = b.db.Write(t.Context(), func(context.Context, bun.IDB) error {
				close(held)
				<-holding
				return nil
			})
		}()
		<-held
		results := make(chan error, 16)
		for range 16 {
			go func() {
				_, err := b.Store(b.decode(ReportAccess, "", body))
				results <- err
			}()
		}
		var refused error
		select {
		case refused = <-results:
		case <-time.After(time.Minute):
		}
		close(holding)
		if !errors.Is(refused, api.ErrBusy) {
			t.Fatalf("%v while the database takes nothing for a minute", refused)
		}
		stored := int64(0)
		for range 15 {
			if err := <-results; err == nil {
				stored++
			}
		}
		if n := b.number("SELECT count(*) FROM access_logs"); stored == 0 || n != stored*5000 {
			t.Errorf("%d rows of %d batches that were said to be stored", n, stored)
		}
	})
}

// TestFailure: what the database does not take is told as such, and may be sent again.
func TestFailure(t *testing.T) {
	onEach(t, func(t *testing.T, b *bed) {
		body := `{"timestamp":` + fmt.Sprint(b.now.Unix()) + `,"ip":"192.0.2.1","verdict":"allow"}`
		if err := b.db.Write(t.Context(), func(ctx context.Context, tx bun.IDB) error {
			_, err := tx.ExecContext(ctx, "ALTER TABLE devices RENAME TO elsewhere")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		line := `{"timestamp":` + fmt.Sprint(b.now.Unix()) + `,"device_id":"d","verdict":"allow"}`
		if _, err := b.Store(b.decode(ReportAccess, "k", line)); !errors.Is(err, api.ErrBusy) {
			t.Errorf("%v without a table", err)
		}
		b.report(ReportAccess, "other", body) // needs no devices
		if err := b.db.Write(t.Context(), func(ctx context.Context, tx bun.IDB) error {
			_, err := tx.ExecContext(ctx, "ALTER TABLE elsewhere RENAME TO devices")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if res := b.report(ReportAccess, "k", line); res.Duplicate || res.Accepted != 1 {
			t.Errorf("sent again: %+v", res)
		}
		if n := b.number("SELECT count(*) FROM access_logs"); n != 2 {
			t.Errorf("%d rows", n)
		}
	})
}
