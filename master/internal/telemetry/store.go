package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
)

// Open opens the telemetry that belongs to the master's database, as DATABASE_URL names it, and brings
// its tables up to date. With SQLite it is a file beside that one: master.db has master-telemetry.db.
func Open(ctx context.Context, databaseURL string, log *slog.Logger) (Database, error) {
	path, ok := strings.CutPrefix(databaseURL, "sqlite://")
	if !ok || path == "" {
		return nil, errors.New("DATABASE_URL takes sqlite://PATH, as in sqlite://./data/master.db")
	}
	extension := filepath.Ext(path)
	path = strings.TrimSuffix(path, extension) + "-telemetry" + extension
	db, err := OpenSQLite(ctx, path, log)
	if err != nil {
		return nil, fmt.Errorf("open telemetry at %s, beside DATABASE_URL: %w", path, err)
	}
	return db, nil
}
