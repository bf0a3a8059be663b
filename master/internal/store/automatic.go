package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/library"
)

// AutomaticEnforcements returns those that were made because of a quota, by id.
func (s *Store) AutomaticEnforcements(ctx context.Context) ([]library.Enforcement, error) {
	var rows []library.Enforcement
	err := s.db.NewSelect().Model(&rows).Where("automatic_key IS NOT NULL").OrderBy("id", bun.OrderAsc).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read automatic enforcements: %w", err)
	}
	return rows, nil
}

// ChangeAutomatic makes enforcements and lifts others, by id, and reports how many it made. One whose
// AutomaticKey is there stays as it is: it may have been disabled, which pardons for the period.
func (s *Store) ChangeAutomatic(ctx context.Context, make []library.Enforcement, lift []int64) (made int, err error) {
	err = s.write(ctx, func(ctx context.Context, tx bun.IDB) error {
		made = 0
		for chunk := range slices.Chunk(lift, quotaChunk) {
			_, err := tx.NewDelete().Model((*library.Enforcement)(nil)).Where("id IN (?)", bun.List(chunk)).
				Where("automatic_key IS NOT NULL").Exec(ctx)
			if err != nil {
				return fmt.Errorf("lift automatic enforcements: %w", err)
			}
		}
		for i := range make {
			e := &make[i]
			e.ID, e.CreatedAt, e.Revision = 0, now(), 1
			e.UpdatedAt = e.CreatedAt
			result, err := tx.NewInsert().Model(e).On("CONFLICT (automatic_key) DO NOTHING").Returning("NULL").Exec(ctx)
			if err != nil {
				return fmt.Errorf("make automatic enforcement: %w", err)
			}
			n, err := result.RowsAffected()
			if err != nil {
				return err
			}
			made += int(n)
		}
		if made == 0 && len(lift) == 0 {
			return nil
		}
		return s.bump(ctx, tx, ChangeLimits)
	})
	return made, err
}
