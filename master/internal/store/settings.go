package store

import (
	"context"
	"fmt"

	"github.com/uhdadmin/media-gateway/master/internal/library"
)

// ReadSettings returns what all settings together say.
func (s *Store) ReadSettings(ctx context.Context) (library.Settings, error) {
	var rows []library.Setting
	if err := s.db.NewSelect().Model(&rows).Scan(ctx); err != nil {
		return library.Settings{}, fmt.Errorf("read settings: %w", err)
	}
	return library.ReadSettings(rows)
}
