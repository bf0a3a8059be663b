package conductor

import (
	"context"
	"fmt"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/rollout"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

// rates reads how the canaries do since they have the configuration, how they did in as much time before, and
// how all others do meanwhile. Slaves report with a delay of up to their TELEMETRY_FLUSH_INTERVAL, canaries and
// others alike.
func (c *Conductor) rates(ctx context.Context, r *store.Rollout, now time.Time) (*rollout.Rates, error) {
	since := *r.SoakingSince
	after, err := c.requests(ctx, since, now)
	if err != nil {
		return nil, err
	}
	// Until they were published to, and at least a minute, or a short soak compares with nothing.
	before, err := c.requests(ctx, r.PublishedAt.Add(-max(now.Sub(since), time.Minute)), *r.PublishedAt)
	if err != nil {
		return nil, err
	}
	rates := &rollout.Rates{At: now.UTC(), Canaries: []rollout.GroupTally{}}
	canaries := map[int64]bool{}
	for _, m := range r.Plan.Canaries {
		counts := rollout.GroupTally{Group: m.Group}
		for _, server := range m.Servers {
			canaries[server] = true
			counts.After.Add(after[server])
			counts.Before.Add(before[server])
		}
		rates.Canaries = append(rates.Canaries, counts)
	}
	for server, counts := range after {
		if !canaries[server] {
			rates.Others.Add(counts)
		}
	}
	return rates, nil
}

// requests counts requests by server. The rollups' hours are too coarse for it; ids are in the order of time, so
// that only the rows of the span are read. Older agents send no verdict: of theirs, only answers 5xx count.
func (c *Conductor) requests(ctx context.Context, from, to time.Time) (map[int64]rollout.Tally, error) {
	first, end := telemetry.IDRange(telemetry.MillisOf(from), telemetry.MillisOf(to))
	counts := map[int64]rollout.Tally{}
	rows, err := c.cfg.Telemetry.QueryContext(ctx,
		"SELECT server_id, COUNT(*), SUM(CASE WHEN verdict = ? THEN 1 ELSE 0 END), SUM(CASE WHEN verdict <> ? AND status >= 500 THEN 1 ELSE 0 END)"+
			" FROM access_logs WHERE id >= ? AND id < ? AND time >= ? AND time < ? GROUP BY server_id",
		telemetry.VerdictReject, telemetry.VerdictReject, first, end, from.UnixMilli(), to.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("count requests: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err has told
	for rows.Next() {
		var server int64
		var n rollout.Tally
		if err := rows.Scan(&server, &n.Requests, &n.Refused, &n.Errors5xx); err != nil {
			return nil, fmt.Errorf("count requests: %w", err)
		}
		counts[server] = n
	}
	return counts, rows.Err()
}
