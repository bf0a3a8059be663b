package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"
)

// Pulse is how the database looks to who watches it: texts that become others when something of theirs has changed,
// whichever replica wrote it.
type Pulse struct {
	Revisions map[Change]int64
	Sessions  string // play sessions that count, and what they have sent
	Agents    string // when slaves were heard of
	Acks      string // what became of distributions
}

// recentDistributions is how many of the newest ones Pulse looks at. Those before have nearly all been settled; a slave that
// acknowledges one still is seen by its agent.
const recentDistributions = 5000

// Pulse looks, in a few milliseconds: it is meant to be asked each second while somebody watches.
func (s *Store) Pulse(ctx context.Context, now time.Time) (p Pulse, err error) {
	if p.Revisions, err = s.Revisions(ctx); err != nil {
		return p, err
	}
	live := s.db.NewSelect().Model((*PlaySession)(nil)).Where("state = ?", SessionLive).Where("until > ?", now)
	if p.Sessions, err = sums(ctx, live, "COUNT(*)", "MAX(id)", "MAX(started_at)", "SUM(bytes)", "SUM(CASE WHEN is_paused THEN 1 ELSE 0 END)"); err != nil {
		return p, fmt.Errorf("look at sessions: %w", err)
	}
	agents := s.db.NewSelect().Model((*Agent)(nil))
	if p.Agents, err = sums(ctx, agents, "COUNT(*)", "MAX(last_seen)"); err != nil {
		return p, fmt.Errorf("look at agents: %w", err)
	}
	recent := s.db.NewSelect().Model((*Distribution)(nil)).
		Where("id > (SELECT MAX(id) FROM distributions) - ?", recentDistributions)
	if p.Acks, err = sums(ctx, recent, "COUNT(delivered_at)", "COUNT(acked_at)", "MAX(acked_at)"); err != nil {
		return p, fmt.Errorf("look at distributions: %w", err)
	}
	settled, err := sums(ctx, agents, "MAX(applied_at)", "MAX(failed_at)")
	if err != nil {
		return p, fmt.Errorf("look at acks: %w", err)
	}
	p.Acks += " " + settled
	return p, nil
}

// sums returns aggregates over the rows of a query, as one text.
func sums(ctx context.Context, query *bun.SelectQuery, aggregates ...string) (string, error) {
	values := make([]sql.NullString, len(aggregates))
	into := make([]any, len(aggregates))
	q := query.Clone()
	for i, a := range aggregates {
		q.ColumnExpr(a)
		into[i] = &values[i]
	}
	if err := q.Scan(ctx, into...); err != nil {
		return "", err
	}
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = v.String
	}
	return strings.Join(texts, " "), nil
}
