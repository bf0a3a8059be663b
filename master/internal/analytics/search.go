package analytics

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

// search reads a page of events. Their ids are in the order of time and their tables have no other index, so
// that a search for what is rare reads many rows: it goes back in steps, and answers what it has when
// patience is over. Which hours hold requests of one user, address or client, rollups tell, and the search
// leaves out all others.
func (k *Kind[T]) search(ctx context.Context, a *Analytics, query *bun.SelectQuery, s Selection) (Page[T], error) {
	page := Page[T]{Items: []T{}}
	began := time.Now()
	first, end, err := k.ids(ctx, a, s)
	if err != nil {
		return page, err
	}
	hours, err := k.hint(ctx, a, s, first, end)
	if err != nil {
		return page, err
	}
	step := firstStep
	if _, indexed := s.Where[k.Indexed]; indexed || len(s.Where) == 0 {
		step = end - first
	}
	for first < end {
		begin := time.Now()
		from := max(first, end-step)
		if hours != nil {
			// The newest hour that holds any.
			for len(hours) > 0 && telemetry.ID(hours[0], 0) >= end {
				hours = hours[1:]
			}
			if len(hours) == 0 {
				break
			}
			from = max(first, telemetry.ID(hours[0], 0))
			end = min(end, telemetry.ID(hours[0]+telemetry.Millis(time.Hour.Milliseconds()), 0))
		}
		var rows []T
		part := query.Clone().Model(&rows).ModelTableExpr("? AS ?TableAlias", bun.Ident(k.Name)).Where("id >= ?", from).Where("id < ?", end).OrderBy("id", bun.OrderDesc)
		if err := s.within(part).Limit(int64(s.Limit-len(page.Items)) + 1).Scan(ctx); err != nil {
			return page, err
		}
		page.Items = append(page.Items, rows...)
		if len(page.Items) > s.Limit {
			page.Items = page.Items[:s.Limit]
			page.Next = nextCursor(k.key(&page.Items[s.Limit-1]))
			return page, nil
		}
		end = from
		left := s.Patience - time.Since(began)
		if s.Patience > 0 && left < 0 && first < end {
			reached := time.UnixMilli(millisOf(end)).UTC()
			page.Next, page.SearchedTo = nextCursor([]any{end}), &reached
			return page, nil
		}
		step = s.nextStep(step, time.Since(begin), left)
	}
	return page, nil
}

// Lengths of steps, as distances of ids.
var (
	firstStep    = telemetry.ID(telemetry.MillisOf(time.Unix(3600, 0)), 0)
	lastStep     = 6 * firstStep
	shortestStep = firstStep / 12
)

// nextStep is how far a search goes after a step that took so long: twice as far, but no farther than what is left of its
// patience is likely to do for.
func (s Selection) nextStep(step int64, took, left time.Duration) int64 {
	next := min(2*step, lastStep)
	if s.Patience > 0 {
		next = min(next, int64(float64(step)*float64(left)/float64(max(took, 1))))
	}
	return max(next, shortestStep)
}

// millisOf is the second of an id.
func millisOf(id int64) int64 { return id / telemetry.ID(1000, 0) * 1000 }

// within compares times, since a second of ids may lie on the selection's border.
func (s Selection) within(query *bun.SelectQuery) *bun.SelectQuery {
	if !s.From.IsZero() {
		query.Where("time >= ?", s.From.UnixMilli())
	}
	if !s.To.IsZero() {
		query.Where("time < ?", s.To.UnixMilli())
	}
	return query
}

// ids returns which ids the selection may have: first <= id < end.
func (k *Kind[T]) ids(ctx context.Context, a *Analytics, s Selection) (first, end int64, err error) {
	var lowest, highest int64
	err = a.db.NewSelect().Table(string(k.Name)).ColumnExpr("COALESCE(MIN(id), 0)").Scan(ctx, &lowest)
	if err == nil {
		err = a.db.NewSelect().Table(string(k.Name)).ColumnExpr("COALESCE(MAX(id), 0)").Scan(ctx, &highest)
	}
	if err != nil {
		return 0, 0, err
	}
	first, end = lowest, highest+1
	if !s.From.IsZero() {
		from, _ := telemetry.IDRange(telemetry.MillisOf(s.From), 0)
		first = max(first, from)
	}
	if !s.To.IsZero() {
		_, to := telemetry.IDRange(0, telemetry.MillisOf(s.To))
		end = min(end, to)
	}
	if s.Cursor != "" {
		after, err := k.cursor(s.Cursor)
		if err != nil {
			return 0, 0, err
		}
		end = min(end, after[0].(int64))
	}
	return first, end, nil
}

// hint returns the hours that may hold rows of the selection, the newest first; nil: all.
func (k *Kind[T]) hint(ctx context.Context, a *Analytics, s Selection, first, end int64) ([]telemetry.Millis, error) {
	kept := a.hoursKept == 0 || time.UnixMilli(millisOf(first)).After(a.now().Add(-a.hoursKept))
	if k.Name != telemetry.AccessLogs || first >= end || !kept {
		return nil, nil
	}
	for column, dimension := range map[string]telemetry.Dimension{
		"user_id": telemetry.ByUser, "ip": telemetry.ByIP, "client_name": telemetry.ByClient,
	} {
		value, ok := s.Where[column]
		if !ok {
			continue
		}
		hours := []telemetry.Millis{}
		from, to := time.UnixMilli(millisOf(first)).Truncate(time.Hour), time.UnixMilli(millisOf(end)+1000)
		err := a.db.NewSelect().Table("rollup_hourly").ColumnExpr("DISTINCT period").Where("dimension = ?", dimension).
			Where("period IN (?)", bun.List(begins([]stretch{{from, to}}, time.Hour))).
			Where("value IN (?)", bun.List(Spellings(column, value))).
			OrderBy("period", bun.OrderDesc).Scan(ctx, &hours)
		return hours, err
	}
	return nil, nil
}
