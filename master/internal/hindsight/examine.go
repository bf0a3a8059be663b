package hindsight

import (
	"cmp"
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

// Lengths of what is read at once, and in all: noting when a request came takes a few bytes of memory.
const (
	pageRows = 10_000
	maxRows  = 2_000_000
)

// examine hands over the requests of the question's servers, the newest first, until patience is over.
func (h *Hindsight) examine(ctx context.Context, q *Question, a *Answer, j *judges) error {
	began := time.Now()
	of := make(map[int64]bool, len(q.Servers))
	for _, id := range q.Servers {
		of[id] = true
	}
	from, to := telemetry.MillisOf(a.From), telemetry.MillisOf(a.To)
	first, end := telemetry.IDRange(from, to)
	a.ExaminedFrom = a.To
	rows := cmp.Or(q.Rows, maxRows)
	over := func() bool { return a.Examined >= rows || q.Patience > 0 && time.Since(began) > q.Patience }
	query := "SELECT " + j.columns() + " FROM access_logs WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT ?"
	var r request
	for read := pageRows; read == pageRows; {
		var stopped bool
		var err error
		read, stopped, err = h.page(ctx, query, first, end, &r, func() bool {
			end = r.id
			a.ExaminedFrom = time.UnixMilli(r.time).UTC()
			if of[r.server] && r.time >= int64(from) && r.time < int64(to) {
				a.Examined++
				if r.metChain() {
					j.judge(&r)
				}
			}
			return !over()
		})
		if err != nil {
			return err
		}
		if stopped {
			return h.count(ctx, q, a)
		}
	}
	a.Complete, a.ExaminedFrom, a.Of = true, a.From, a.Examined
	return nil
}

// page reads the rows below end, into r, one after the other, until each says no.
func (h *Hindsight) page(ctx context.Context, query string, first, end int64, r *request, each func() bool) (read int, stopped bool, err error) {
	rows, err := h.cfg.DB.QueryContext(ctx, query, first, end, pageRows)
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = rows.Close() }() // rows.Err has told
	fields := r.fields()
	for rows.Next() {
		if err := rows.Scan(fields...); err != nil {
			return read, false, err
		}
		read++
		if !each() {
			return read, true, nil
		}
	}
	return read, false, rows.Err()
}

// count asks the sums of hours how many requests there were.
func (h *Hindsight) count(ctx context.Context, q *Question, a *Answer) error {
	var hours []int64
	for at := a.From; at.Before(a.To); at = at.Add(time.Hour) {
		hours = append(hours, at.UnixMilli())
	}
	err := h.cfg.DB.NewSelect().Table("rollup_hourly").ColumnExpr("COALESCE(CAST(SUM(requests) AS BIGINT), 0)").
		Where("dimension = ?", telemetry.All).Where("period IN (?)", bun.List(hours)).Where("value = ''").
		Where("server_id IN (?)", bun.List(q.Servers)).Scan(ctx, &a.Of)
	a.Of = max(a.Of, a.Examined)
	return err
}
