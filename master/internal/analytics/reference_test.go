package analytics

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

// reference answers the same questions from the rows themselves, one after the other.
type reference struct {
	rows  []telemetry.AccessLog
	usage []telemetry.Usage
}

// tally is what a value's rows come to.
type tally struct {
	Counts
	latencies []int64 // microseconds
}

func (r reference) tally(s Span, servers []int64, dimension telemetry.Dimension) map[string]*tally {
	within := func(at telemetry.Millis, server int64) bool {
		t := at.Time()
		return !t.Before(s.From) && t.Before(s.To) && (len(servers) == 0 || slices.Contains(servers, server))
	}
	all := map[string]*tally{}
	of := func(value string) *tally {
		if all[value] == nil {
			all[value] = &tally{}
		}
		return all[value]
	}
	refusals := dimension == telemetry.ByReason || dimension == telemetry.ByRule
	for _, row := range r.rows {
		refused := row.Verdict == telemetry.VerdictReject
		if !within(row.Time, row.ServerID) || refusals && !refused {
			continue
		}
		c := of(map[telemetry.Dimension]string{
			telemetry.ByClient: row.ClientName, telemetry.ByIP: row.IP, telemetry.ByUser: row.UserID,
			telemetry.ByReason: row.Reason, telemetry.ByRule: row.Rule,
		}[dimension])
		c.Requests++
		c.Bytes += row.BytesSent - row.Accounted
		switch {
		case refused:
			c.Refused++
		case row.Status >= 500:
			c.Errors5xx++
		case row.Status >= 400:
			c.Errors4xx++
		}
		if !refused && !row.Streaming {
			c.latencies = append(c.latencies, row.RequestTimeUS)
		}
	}
	for _, u := range r.usage {
		if within(u.Time, u.ServerID) && !refusals {
			of(map[telemetry.Dimension]string{
				telemetry.ByClient: u.ClientName, telemetry.ByIP: u.IP, telemetry.ByUser: u.UserID,
			}[dimension]).Bytes += u.Bytes
		}
	}
	return all
}

// check compares an answer with what the rows come to. Percentiles must lie in the bucket of the true value.
func (c *tally) check(got Counts) error {
	want := c.Counts
	if want.Requests > 0 {
		want.RefusalRate = float64(want.Refused) / float64(want.Requests)
	}
	p50, p95 := got.P50, got.P95
	got.P50, got.P95 = nil, nil
	if got != want {
		return fmt.Errorf("is %+v, want %+v", got, want)
	}
	if (p50 == nil) != (len(c.latencies) == 0) || (p95 == nil) != (len(c.latencies) == 0) {
		return fmt.Errorf("has percentiles %v and %v of %d latencies", p50, p95, len(c.latencies))
	}
	if p50 == nil {
		return nil
	}
	slices.Sort(c.latencies)
	for _, p := range []struct{ q, got float64 }{{0.5, *p50}, {0.95, *p95}} {
		at := max(0, int(math.Ceil(p.q*float64(len(c.latencies))))-1)
		b := telemetry.Bucket(c.latencies[at])
		low, high := 0.0, bounds[min(b, len(bounds)-1)]
		if b > 0 {
			low = bounds[b-1]
		}
		if p.got < low || p.got > high {
			return fmt.Errorf("has the %v percentile %v ms, want one of %v to %v", p.q, p.got, low, high)
		}
	}
	return nil
}

var zones = []string{"UTC", "Asia/Shanghai", "Asia/Kolkata", "Asia/Kathmandu", "Europe/Berlin", "America/New_York", "America/Havana", "Australia/Lord_Howe"}

// TestAnswersAreThoseOfTheRows: over days when clocks change, for spans of all lengths, in several zones.
func TestAnswersAreThoseOfTheRows(t *testing.T) {
	onEach(t, func(t *testing.T, newDatabase func() telemetry.Database) {
		random := rand.New(rand.NewPCG(5, 6))
		from := time.Date(2026, 10, 10, 0, 0, 0, 0, time.UTC) // clocks change on October 4th and 25th, November 1st
		rows, usage := traffic(random, 8000, from, at)
		db := newDatabase()
		store(t, db, rows, usage)
		ref := reference{rows, usage}
		ask(t, New(Config{DB: db.Reader()}), ref, random, from, 40)
		ask(t, New(Config{DB: db.Reader(), Now: func() time.Time { return at }}), ref, random, from, 16) // spans that go up to now

		// Where hours are not kept any more, the days are.
		kept := 12*day + 5*time.Hour
		err := db.Write(t.Context(), func(ctx context.Context, tx bun.IDB) error {
			_, err := tx.NewDelete().Table("rollup_hourly").Where("period < ?", at.Add(-kept).UnixMilli()).Exec(ctx)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		ask(t, New(Config{DB: db.Reader(), HoursKept: kept, Now: func() time.Time { return at }}), ref, random, from, 16)
	})
}

// ask compares n answers.
func ask(t *testing.T, a *Analytics, ref reference, random *rand.Rand, from time.Time, n int) {
	for i := range n {
		zone, err := time.LoadLocation(zones[i%len(zones)])
		if err != nil {
			t.Fatal(err)
		}
		span := Span{From: from.Add(time.Duration(random.Int64N(int64(at.Sub(from))))).Truncate(time.Millisecond), Zone: zone}
		span.To = span.From.Add(time.Millisecond + time.Duration(random.Int64N(int64(at.Sub(span.From)))))
		if i%3 == 0 { // whole days of the zone
			y, m, d := span.From.In(zone).Date()
			span.From, span.To = startOfDay(y, m, d, zone), startOfDay(y, m, d+1+random.IntN(20), zone)
		}
		var servers []int64
		if i%4 == 0 {
			servers = []int64{1, 3}
		}
		checkTable(t, a, ref, random, Question{Span: span, Servers: servers, Compare: a.hoursKept == 0 && i%2 == 0})
		checkTimeline(t, a, ref, random, Course{Span: span, Servers: servers, Compare: a.hoursKept == 0 && i%2 == 0})
		if t.Failed() {
			t.Fatalf("span %s to %s", span.From, span.To)
		}
	}
}

func checkTable(t *testing.T, a *Analytics, ref reference, random *rand.Rand, q Question) {
	t.Helper()
	q.Limit = []int{3, 10, 500}[random.IntN(3)]
	q.Order = Orders[random.IntN(len(Orders))]
	q.MinRequests = []int64{0, 5}[random.IntN(2)]
	dimension := telemetry.Dimensions[random.IntN(len(telemetry.Dimensions))]
	table, err := a.By(t.Context(), dimension, q)
	if err != nil {
		t.Fatal(err)
	}
	covered := Span{From: table.From, To: table.To, Zone: q.Span.Zone}
	if covered.From.After(q.Span.From) || covered.To.Before(q.Span.To) || q.Span.From.Sub(covered.From) >= a.cover(q.Span).unit(covered.From) || covered.To.Sub(q.Span.To) >= a.cover(q.Span).unit(q.Span.To) {
		t.Errorf("%s to %s covers %s to %s", q.Span.From, q.Span.To, covered.From, covered.To)
	}
	all, was := ref.tally(covered, q.Servers, dimension), ref.tally(covered.Before(), q.Servers, dimension)
	if table.Distinct != len(all) {
		t.Errorf("%d values, want %d", table.Distinct, len(all))
	}
	everything := ref.tally(covered, q.Servers, telemetry.All)[""]
	if err := cmp.Or(everything, &tally{}).check(table.Total); err != nil {
		t.Errorf("the total %v", err)
	}
	shown := map[string]bool{}
	rank := func(c Counts) float64 {
		return map[Order]float64{
			ByRequests: float64(c.Requests), ByRefused: float64(c.Refused), ByBytes: float64(c.Bytes),
			ByErrors: float64(c.Errors4xx + c.Errors5xx), ByRefusalRate: float64(c.Refused) / max(1, float64(c.Requests)),
		}[q.Order]
	}
	last := math.Inf(1)
	for _, row := range table.Items {
		shown[row.Value] = true
		if all[row.Value] == nil {
			t.Fatalf("%q has no rows", row.Value)
		}
		if err := all[row.Value].check(row.Counts); err != nil {
			t.Errorf("%s %q %v", dimension, row.Value, err)
		}
		if rank(row.Counts) > last {
			t.Errorf("%q comes too late", row.Value)
		}
		last = rank(row.Counts)
		if q.Compare != (row.Before != nil) {
			t.Errorf("%q before: %v", row.Value, row.Before)
		} else if q.Compare {
			want := cmp.Or(was[row.Value], &tally{})
			if *row.Before != (Change{want.Requests, want.Refused, want.Bytes}) {
				t.Errorf("%q was %+v, want %+v", row.Value, row.Before, want.Counts)
			}
		}
	}
	fit := 0
	for value, c := range all {
		if c.Requests >= q.MinRequests {
			fit++
			if !shown[value] && rank(c.Counts) > last {
				t.Errorf("%q is missing", value)
			}
		}
	}
	if len(table.Items) != min(q.Limit, fit) {
		t.Errorf("%d rows, want %d", len(table.Items), min(q.Limit, fit))
	}
}

func checkTimeline(t *testing.T, a *Analytics, ref reference, random *rand.Rand, c Course) {
	t.Helper()
	c.Step = append(Steps, "")[random.IntN(len(Steps)+1)]
	c.Dimension = telemetry.Dimensions[random.IntN(len(telemetry.Dimensions))]
	value := map[telemetry.Dimension]string{
		telemetry.ByClient: "client3", telemetry.ByIP: "192.0.2.7", telemetry.ByUser: "user9", telemetry.ByReason: "reason1", telemetry.ByRule: "1",
	}[c.Dimension]
	c.Values = []string{value}
	line, err := a.Timeline(t.Context(), c)
	if _, bad := errors.AsType[*ParamError](err); bad && a.hoursKept > 0 && c.Step == Hour {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	end := line.From
	for _, p := range line.Items {
		if !p.From.Equal(end) {
			t.Errorf("a step begins at %s, the one before ends at %s", p.From, end)
		}
		end = p.To
		want := cmp.Or(ref.tally(Span{From: p.From, To: p.To}, c.Servers, c.Dimension)[value], &tally{})
		if err := want.check(p.Counts); err != nil {
			t.Errorf("%s %q from %s to %s %v", c.Dimension, value, p.From, p.To, err)
		}
	}
	if !end.Equal(line.To) {
		t.Errorf("steps end at %s, the line at %s", end, line.To)
	}
	covered := Span{From: line.From, To: line.To}
	if err := cmp.Or(ref.tally(covered, c.Servers, c.Dimension)[value], &tally{}).check(line.Total); err != nil {
		t.Errorf("the total %v", err)
	}
	if c.Compare {
		if err := cmp.Or(ref.tally(covered.Before(), c.Servers, c.Dimension)[value], &tally{}).check(*line.Before); err != nil {
			t.Errorf("the span before %v", err)
		}
	}
}

// plans collects how the database means to carry out each query.
type plans struct {
	t     *testing.T
	db    *bun.DB
	lines []string
}

func (p *plans) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (p *plans) AfterQuery(ctx context.Context, e *bun.QueryEvent) {
	explain := "EXPLAIN QUERY PLAN "
	if p.db.Dialect().Name() == dialect.PG {
		explain = "EXPLAIN "
	}
	rows, err := p.db.DB.QueryContext(ctx, explain+e.Query)
	if err != nil {
		p.t.Errorf("%s: %v", e.Query, err)
		return
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		p.t.Error(err)
	}
	for rows.Next() {
		var detail string
		into := make([]any, len(columns)) // the text is the last
		for i := range into {
			into[i] = new(any)
		}
		into[len(into)-1] = &detail
		if err := rows.Scan(into...); err != nil {
			p.t.Error(err)
		}
		p.lines = append(p.lines, detail)
	}
}

// TestRollupsOnly: whatever the range, no query looks at single requests, and each one searches a rollup by
// its key.
func TestRollupsOnly(t *testing.T) {
	onEach(t, func(t *testing.T, newDatabase func() telemetry.Database) {
		random := rand.New(rand.NewPCG(7, 8))
		rows, usage := traffic(random, 5000, at.AddDate(0, 0, -40), at)
		db := newDatabase()
		store(t, db, rows, usage)
		p := &plans{t: t, db: db.Reader()}
		a := New(Config{DB: db.Reader().WithQueryHook(p)})
		for _, length := range []time.Duration{10 * time.Minute, 36 * time.Hour, 30*24*time.Hour + 90*time.Minute} {
			for _, tz := range []string{"UTC", "Asia/Shanghai", "Asia/Kolkata"} {
				zone, err := time.LoadLocation(tz)
				if err != nil {
					t.Fatal(err)
				}
				span := Span{From: at.Add(-length), To: at, Zone: zone}
				for _, dimension := range telemetry.Dimensions {
					if _, err := a.By(t.Context(), dimension, Question{Span: span, Limit: 100, Compare: true}); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := a.Timeline(t.Context(), Course{Span: span, Dimension: telemetry.All, Values: []string{""}, Compare: true}); err != nil {
					t.Fatal(err)
				}
				if _, err := a.Timeline(t.Context(), Course{Span: span, Dimension: telemetry.ByUser, Values: []string{"user1"}, Servers: []int64{1}}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if len(p.lines) < 50 {
			t.Fatalf("saw only %d steps of plans", len(p.lines))
		}
		rollups, others := regexp.MustCompile(`rollup_(hourly|daily)`), regexp.MustCompile(`access_logs|bandwidth|blocked_requests|user_activities|api_calls`)
		for _, line := range p.lines {
			if p.db.Dialect().Name() == dialect.PG { // its plans depend on what it knows of the rows
				scans := strings.Contains(line, "Scan on ") || strings.Contains(line, "Scan using ")
				if scans && !rollups.MatchString(line) || others.MatchString(line) {
					t.Errorf("a plan has %q", line)
				}
				continue
			}
			if strings.HasPrefix(line, "USE TEMP B-TREE") {
				continue
			}
			if !strings.HasPrefix(line, "SEARCH rollup_") || !strings.Contains(line, "dimension=? AND period") {
				t.Errorf("a plan has %q", line)
			}
			if strings.Contains(line, "period=?") && !strings.Contains(line, "value=?") {
				t.Errorf("a list of values is not searched by value: %q", line)
			}
		}
	})
}
