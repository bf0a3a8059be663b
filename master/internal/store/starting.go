package store

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/library"
)

// Names of rows of the table meta about the starting set, and its values.
const (
	metaStartingSet = "starting_set"
	startingWanted  = "wanted" // says the migration, to a database that nobody has used
	startingDone    = "done"
)

// AddStartingSet fills the library of a new database, once in its life; wanted false: it stays empty for good.
// It returns whether it has.
func (s *Store) AddStartingSet(ctx context.Context, wanted bool) (added bool, err error) {
	err = s.write(ctx, func(ctx context.Context, tx bun.IDB) error {
		added = false
		res, err := tx.NewUpdate().Table("meta").Set("value = ?", startingDone).
			Where("name = ?", metaStartingSet).Where("value = ?", startingWanted).Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 || !wanted {
			return err
		}
		added = true
		for _, p := range library.StartingPlayers() {
			if err := s.Players.create(ctx, tx, &p); err != nil {
				return fmt.Errorf("player %s: %w", p.ClientName, err)
			}
		}
		for _, r := range library.StartingURIRules() {
			if err := s.URIRules.create(ctx, tx, &r); err != nil {
				return fmt.Errorf("rule %s: %w", r.Name, err)
			}
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("add the starting set of the library: %w", err)
	}
	return added, nil
}
