package store

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/api"
)

func (s *Store) rateLimitRules() Table[library.RateLimitRule] {
	return Table[library.RateLimitRule]{
		s:    s,
		name: "rate-limit-rules",
		stamp: func(r *library.RateLimitRule) Stamp {
			return Stamp{&r.ID, &r.CreatedAt, &r.UpdatedAt, &r.Revision}
		},
		search:  []string{"apply_value"},
		filters: []string{"apply_to", "enabled", "over_action"},
		change:  ChangeLimits,
		check: func(_ context.Context, _ bun.IDB, _, row *library.RateLimitRule) error {
			row.SetDefaults()
			return row.Validate()
		},
	}
}

func (s *Store) streamRules() Table[library.StreamRule] {
	return Table[library.StreamRule]{
		s:    s,
		name: "stream-rules",
		stamp: func(r *library.StreamRule) Stamp {
			return Stamp{&r.ID, &r.CreatedAt, &r.UpdatedAt, &r.Revision}
		},
		search:  []string{"apply_value"},
		filters: []string{"apply_to", "enabled"},
		change:  ChangeLimits,
		check: func(_ context.Context, _ bun.IDB, _, row *library.StreamRule) error {
			row.SetDefaults()
			return row.Validate()
		},
	}
}

func (s *Store) enforcements() Table[library.Enforcement] {
	return Table[library.Enforcement]{
		s:    s,
		name: "enforcements",
		stamp: func(r *library.Enforcement) Stamp {
			return Stamp{&r.ID, &r.CreatedAt, &r.UpdatedAt, &r.Revision}
		},
		search:  []string{"dimension_value", "reason"},
		filters: []string{"action", "dimension", "dimension_value", "enabled"},
		change:  ChangeLimits,
		check: func(_ context.Context, _ bun.IDB, _, row *library.Enforcement) error {
			row.SetDefaults()
			return row.Validate()
		},
	}
}

// RateLimits returns what slaves must enforce now, in the order of ids: enabled rules, and enforcements
// whose time is not over.
func (s *Store) RateLimits(ctx context.Context) (api.RateLimits, error) { return rateLimits(ctx, s.db) }

func rateLimits(ctx context.Context, db bun.IDB) (api.RateLimits, error) {
	limits := api.RateLimits{Rules: []api.RateLimitRule{}, Enforcements: []api.Enforcement{}, StreamRules: []api.StreamRule{}}
	var rules []library.RateLimitRule
	if err := enabled(db, &rules).Scan(ctx); err != nil {
		return limits, fmt.Errorf("rate limit rules: %w", err)
	}
	for _, r := range rules {
		r.RateLimitRule.ID = r.ID
		limits.Rules = append(limits.Rules, r.RateLimitRule)
	}
	var streams []library.StreamRule
	if err := enabled(db, &streams).Scan(ctx); err != nil {
		return limits, fmt.Errorf("stream rules: %w", err)
	}
	for _, r := range streams {
		r.StreamRule.ID = r.ID
		limits.StreamRules = append(limits.StreamRules, r.StreamRule)
	}
	var enforcements []library.Enforcement
	if err := enabled(db, &enforcements).Scan(ctx); err != nil {
		return limits, fmt.Errorf("enforcements: %w", err)
	}
	for _, e := range enforcements {
		if e.EffectiveUntil == nil || e.EffectiveUntil.After(now()) {
			e.Enforcement.Automatic = e.Automatic
			limits.Enforcements = append(limits.Enforcements, e.Enforcement)
		}
	}
	var err error
	limits.Pardons, err = pardons(ctx, db)
	return limits, err
}

// pardons returns whom an admin lets go on by disabling what a quota has made, in the order of ids.
func pardons(ctx context.Context, db bun.IDB) (list []api.Pardon, err error) {
	var rows []library.Enforcement
	err = db.NewSelect().Model(&rows).Where("enabled = ?", false).Where("automatic_key IS NOT NULL").OrderBy("id", bun.OrderAsc).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("pardons: %w", err)
	}
	for _, e := range rows {
		if a := e.Automatic; a != nil && (e.EffectiveUntil == nil || e.EffectiveUntil.After(now())) {
			list = append(list, api.Pardon{
				Dimension: e.Dimension, DimensionValue: e.DimensionValue, RuleID: a.RuleID, PeriodType: a.PeriodType, PeriodKey: a.PeriodKey,
			})
		}
	}
	return list, nil
}

// enabled selects the enabled rows of a table into rows, in the order of ids.
func enabled[T any](db bun.IDB, rows *[]T) *bun.SelectQuery {
	return db.NewSelect().Model(rows).Where("enabled = ?", true).OrderBy("id", bun.OrderAsc)
}
