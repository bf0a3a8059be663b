package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"
)

// quotaChunk is how many counters one transaction takes: check-ins wait behind it on SQLite.
const quotaChunk = 500

// QuotaTotal names a value's use of one period, and what it is over all slaves and media servers.
type QuotaTotal struct {
	PeriodType string `json:"period_type"`
	PeriodKey  string `json:"period_key"`
	Dimension  string `json:"dimension"`
	Value      string `json:"dimension_value"`
	Requests   int64  `json:"request_count"`
	Bytes      int64  `json:"bandwidth_bytes"`
	EndsAt     int64  `json:"ends_at"` // of the period, Unix seconds
}

// name returns what t is a total of.
func (t QuotaTotal) name() QuotaTotal {
	t.Requests, t.Bytes, t.EndsAt = 0, 0, 0
	return t
}

// QuotaCounter is what one slave has counted of it, for one media server.
type QuotaCounter struct {
	bun.BaseModel `bun:"table:quota_counters"`

	PeriodType string `bun:",pk"`
	PeriodKey  string `bun:",pk"`
	Dimension  string `bun:",pk"`
	Value      string `bun:",pk"`
	Slave      string `bun:",pk"`
	Scope      string `bun:",pk"`
	Requests   int64
	Bytes      int64
	EndsAt     int64
}

func (c *QuotaCounter) compare(d *QuotaCounter) int {
	return cmp.Or(
		strings.Compare(c.PeriodType, d.PeriodType), strings.Compare(c.PeriodKey, d.PeriodKey),
		strings.Compare(c.Dimension, d.Dimension), strings.Compare(c.Value, d.Value),
		strings.Compare(c.Slave, d.Slave), strings.Compare(c.Scope, d.Scope),
	)
}

// PutQuotaCounters stores absolute counts. One that is lower than what is known came late and changes
// nothing: counts only rise.
func (s *Store) PutQuotaCounters(ctx context.Context, rows []QuotaCounter) error {
	slices.SortFunc(rows, func(a, b QuotaCounter) int { return a.compare(&b) }) // the order in which all lock rows
	rows = slices.CompactFunc(rows, func(a, b QuotaCounter) bool { return a.compare(&b) == 0 })
	for chunk := range slices.Chunk(rows, quotaChunk) {
		err := s.report(ctx, func(ctx context.Context, tx bun.IDB) error {
			_, err := tx.NewInsert().Model(&chunk).
				On("CONFLICT (period_type, period_key, dimension, value, slave, scope) DO UPDATE").
				Set("requests = CASE WHEN EXCLUDED.requests > ?TableAlias.requests THEN EXCLUDED.requests ELSE ?TableAlias.requests END").
				Set("bytes = CASE WHEN EXCLUDED.bytes > ?TableAlias.bytes THEN EXCLUDED.bytes ELSE ?TableAlias.bytes END").
				Returning("NULL").Exec(ctx)
			return err
		})
		if err != nil {
			return fmt.Errorf("store quota counters: %w", err)
		}
	}
	return nil
}

// SumQuotas fills in the numbers of totals, each of which must be named once.
func (s *Store) SumQuotas(ctx context.Context, totals []QuotaTotal) error {
	at := make(map[QuotaTotal]*QuotaTotal, len(totals))
	for i := range totals {
		t := &totals[i]
		*t = t.name()
		at[*t] = t
	}
	for chunk := range slices.Chunk(totals, quotaChunk) {
		var values strings.Builder
		args := make([]any, 0, 4*len(chunk))
		for i, t := range chunk {
			if i > 0 {
				values.WriteByte(',')
			}
			values.WriteString("(?,?,?,?)")
			args = append(args, t.PeriodType, t.PeriodKey, t.Dimension, t.Value)
		}
		var sums []QuotaTotal
		err := s.db.NewRaw("WITH wanted (period_type, period_key, dimension, value) AS (VALUES "+values.String()+") "+sumWanted(s.db), args...).
			Scan(ctx, &sums)
		if err != nil {
			return fmt.Errorf("sum quota counters: %w", err)
		}
		for _, sum := range sums {
			if t := at[sum.name()]; t != nil {
				*t = sum
			}
		}
	}
	return nil
}

// sumWanted sums the counters of each row of wanted.
func sumWanted(db bun.IDB) string {
	const sums = "CAST(SUM(c.requests) AS BIGINT) AS requests, CAST(SUM(c.bytes) AS BIGINT) AS bytes, MAX(c.ends_at) AS ends_at"
	const same = "c.period_type = w.period_type AND c.period_key = w.period_key AND c.dimension = w.dimension AND c.value = w.value"
	if onPostgres(db) { // it would read all of a table that has just grown, so each sum is a query of its own
		return "SELECT w.*, c.* FROM wanted AS w CROSS JOIN LATERAL (SELECT " + sums + " FROM quota_counters AS c WHERE " + same + ") AS c " +
			"WHERE c.requests IS NOT NULL"
	}
	return "SELECT w.*, " + sums + " FROM wanted AS w JOIN quota_counters AS c ON " + same +
		" GROUP BY w.period_type, w.period_key, w.dimension, w.value"
}

// QuotaRange selects totals of one period and dimension.
type QuotaRange struct {
	PeriodType, PeriodKey, Dimension string
	Value                            string // "": all
	After                            string // only values beyond this one
	Requests, Bytes                  int64  // at least so many of either; 0: not asked for; both 0: all
	Limit                            int    // 0: none
}

// QuotaTotals returns totals in the order of their values.
func (s *Store) QuotaTotals(ctx context.Context, r QuotaRange) ([]QuotaTotal, error) {
	totals := []QuotaTotal{}
	query := s.db.NewSelect().Model((*QuotaCounter)(nil)).
		Column("period_type", "period_key", "dimension", "value").
		ColumnExpr("CAST(SUM(requests) AS BIGINT) AS requests").ColumnExpr("CAST(SUM(bytes) AS BIGINT) AS bytes").
		ColumnExpr("MAX(ends_at) AS ends_at").
		Where("period_type = ?", r.PeriodType).Where("period_key = ?", r.PeriodKey).Where("dimension = ?", r.Dimension).
		Group("period_type", "period_key", "dimension", "value").OrderBy("value", bun.OrderAsc).Limit(int64(r.Limit))
	if r.Value != "" {
		query.Where("value = ?", r.Value)
	}
	if r.After != "" {
		query.Where("value > ?", r.After)
	}
	switch {
	case r.Requests > 0 && r.Bytes > 0:
		query.Having("SUM(requests) >= ? OR SUM(bytes) >= ?", r.Requests, r.Bytes)
	case r.Requests > 0:
		query.Having("SUM(requests) >= ?", r.Requests)
	case r.Bytes > 0:
		query.Having("SUM(bytes) >= ?", r.Bytes)
	}
	if err := query.Scan(ctx, &totals); err != nil {
		return nil, fmt.Errorf("quota totals: %w", err)
	}
	return totals, nil
}

// QuotaPeriod is a period that has counters.
type QuotaPeriod struct {
	PeriodType, PeriodKey string
	EndsAt                int64 // Unix seconds
}

// QuotaPeriods returns the periods that have counters. It looks at one row of each.
func (s *Store) QuotaPeriods(ctx context.Context) ([]QuotaPeriod, error) {
	var periods []QuotaPeriod
	var last QuotaPeriod
	for {
		var next []QuotaPeriod
		err := s.db.NewSelect().Model((*QuotaCounter)(nil)).Column("period_type", "period_key", "ends_at").
			Where("(period_type, period_key) > (?, ?)", last.PeriodType, last.PeriodKey).
			OrderBy("period_type", bun.OrderAsc).OrderBy("period_key", bun.OrderAsc).Limit(1).Scan(ctx, &next)
		if err != nil {
			return nil, fmt.Errorf("quota periods: %w", err)
		}
		if len(next) == 0 {
			return periods, nil
		}
		last = next[0]
		periods = append(periods, last)
	}
}

// ForgetQuotas removes the counters of a period in small steps.
func (s *Store) ForgetQuotas(ctx context.Context, p QuotaPeriod) (removed int64, err error) {
	for {
		var n int64
		err := s.report(ctx, func(ctx context.Context, tx bun.IDB) error {
			some := tx.NewSelect().Model((*QuotaCounter)(nil)).Column("dimension", "value", "slave", "scope").
				Where("period_type = ?", p.PeriodType).Where("period_key = ?", p.PeriodKey).Limit(quotaChunk)
			result, err := tx.NewDelete().Model((*QuotaCounter)(nil)).
				Where("period_type = ?", p.PeriodType).Where("period_key = ?", p.PeriodKey).
				Where("(dimension, value, slave, scope) IN (?)", some).Exec(ctx)
			if err != nil {
				return err
			}
			n, err = result.RowsAffected()
			return err
		})
		removed += n
		if err != nil {
			return removed, fmt.Errorf("forget quota counters of %s: %w", p.PeriodKey, err)
		}
		if n < quotaChunk {
			return removed, nil
		}
	}
}
