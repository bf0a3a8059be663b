package analytics

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/uptrace/bun"
	"golang.org/x/sync/errgroup"

	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

// Config of an Analytics.
type Config struct {
	DB        *bun.DB          // Reader of a telemetry.Database
	HoursKept time.Duration    // how long rollups of hours are kept; those of days are kept longer. 0: for ever
	Now       func() time.Time // nil: time.Now
}

// Analytics reads from telemetry's database.
type Analytics struct {
	db        *bun.DB
	hoursKept time.Duration
	now       func() time.Time
}

// New returns an Analytics.
func New(cfg Config) *Analytics {
	a := &Analytics{cfg.DB, cfg.HoursKept, cfg.Now}
	if a.now == nil {
		a.now = time.Now
	}
	return a
}

// cover widens a span to what can be counted: to whole hours, and where hours are not kept any more, to whole
// UTC days.
func (a *Analytics) cover(s Span) Span {
	if a.hoursKept > 0 {
		s.hoursSince = ceil(a.now().Add(-a.hoursKept), day) // of the day before, some hours are gone
	}
	s.From = s.floor(s.From)
	s.To = s.ceil(s.To)
	s.isOpen = !s.To.Before(a.now())
	return s
}

// total and histogram are what a rollup's columns are summed up by. PostgreSQL's sums of BIGINT are
// NUMERIC.
var (
	total     = sumOf("requests", "refused", "errors_4xx", "errors_5xx", "bytes")
	histogram = func() string {
		columns := make([]string, telemetry.Buckets)
		for i := range columns {
			columns[i] = fmt.Sprintf("h%d", i)
		}
		return sumOf(columns...)
	}()
)

func sumOf(columns ...string) string {
	sums := make([]string, len(columns))
	for i, c := range columns {
		sums[i] = "CAST(SUM(" + c + ") AS BIGINT)"
	}
	return strings.Join(sums, ", ")
}

// part is rollups of one table.
type part struct {
	table string
	stretch
}

// workers is how many parts of a long range are summed up at once: a page may take a core or two, not all.
const workers = 2

// parts cuts a span into what is read at once: its days, and its hours, in as many shares as there are
// workers.
func (s Span) parts() []part {
	var list []part
	p := s.periods()
	for _, hours := range p.hours {
		list = append(list, shares("rollup_hourly", hours, time.Hour)...)
	}
	for _, days := range p.days {
		list = append(list, shares("rollup_daily", days, day)...)
	}
	return list
}

// shares cuts a stretch of whole units into one for each worker.
func shares(table string, s stretch, unit time.Duration) []part {
	var list []part
	units := int64(s.to.Sub(s.from) / unit)
	share := time.Duration((units+workers-1)/workers) * unit
	for from := s.from; from.Before(s.to); from = from.Add(share) {
		to := from.Add(share)
		if to.After(s.to) {
			to = s.to
		}
		list = append(list, part{table, stretch{from, to}})
	}
	return list
}

// standings sums up, for each value of a dimension, what a table in that order ranks it by. Other columns of
// so many rows would be summed up for nothing.
func (a *Analytics) standings(ctx context.Context, dimension telemetry.Dimension, order Order, s Span, servers []int64) (map[string]standing, error) {
	all := map[string]standing{}
	var mu sync.Mutex // guards all
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	for _, p := range s.parts() {
		group.Go(func() error {
			query := "SELECT value, " + sumOf(order.ranked(), "requests") + " FROM " + p.table + " WHERE dimension = ? AND period >= ? AND period < ?" +
				ofServers(servers) + " GROUP BY value"
			rows, err := a.db.QueryContext(ctx, query, dimension, p.from.UnixMilli(), p.to.UnixMilli(), bun.List(servers))
			if err != nil {
				return err
			}
			defer func() { _ = rows.Close() }() // rows.Err has told
			for rows.Next() {
				var value string
				var more standing
				if err := rows.Scan(&value, &more.ranked, &more.requests); err != nil {
					return err
				}
				mu.Lock()
				known := all[value]
				all[value] = standing{known.ranked + more.ranked, known.requests + more.requests}
				mu.Unlock()
			}
			return rows.Err()
		})
	}
	return all, group.Wait()
}

func ofServers(servers []int64) string {
	if len(servers) == 0 {
		return ""
	}
	return " AND server_id IN (?)"
}

// chunk bounds the lists that one statement names.
const chunk = 500

// count reads the rollups of some values of a dimension, with latencies, and hands each sum to into. key is
// "value" or "period": what they are summed up by.
func (a *Analytics) count(ctx context.Context, key string, dimension telemetry.Dimension, values []string, p periods, servers []int64, into func(period telemetry.Millis, value string, c *telemetry.Counts)) error {
	for _, grain := range []struct {
		table  string
		begins []int64
	}{{"rollup_daily", begins(p.days, day)}, {"rollup_hourly", begins(p.hours, time.Hour)}} {
		// A list of periods makes an index search of each period and value; a range of periods would read
		// all values.
		for list := range slices.Chunk(grain.begins, chunk) {
			if err := a.countList(ctx, key, grain.table, dimension, values, list, servers, into); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *Analytics) countList(ctx context.Context, key, table string, dimension telemetry.Dimension, values []string, begins, servers []int64, into func(telemetry.Millis, string, *telemetry.Counts)) error {
	query := "SELECT " + key + ", " + total + ", " + histogram + " FROM " + table +
		" WHERE dimension = ? AND period IN (?) AND value IN (?)" + ofServers(servers) + " GROUP BY " + key
	rows, err := a.db.QueryContext(ctx, query, dimension, bun.List(begins), bun.List(values), bun.List(servers))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err has told
	for rows.Next() {
		var period telemetry.Millis
		var value string
		var c telemetry.Counts
		to := []any{&value, &c.Requests, &c.Refused, &c.Errors4xx, &c.Errors5xx, &c.Bytes}
		if key == "period" {
			to[0] = &period
		}
		for i := range c.Latency {
			to = append(to, &c.Latency[i])
		}
		if err := rows.Scan(to...); err != nil {
			return err
		}
		into(period, value, &c)
	}
	return rows.Err()
}
