package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/uhdadmin/media-gateway/master/internal/postgres"
)

// Open opens the telemetry that belongs to the master's database, as DATABASE_URL names it, and brings
// its tables up to date. With SQLite it is a file beside that one: master.db has master-telemetry.db; with
// PostgreSQL it is tables beside the others.
func Open(ctx context.Context, databaseURL string, log *slog.Logger) (Database, error) {
	if postgres.Is(databaseURL) {
		db, err := OpenPostgres(ctx, databaseURL, log)
		if err != nil {
			return nil, fmt.Errorf("open telemetry in the database of DATABASE_URL: %w", err)
		}
		return db, nil
	}
	path, ok := strings.CutPrefix(databaseURL, "sqlite://")
	if !ok || path == "" {
		return nil, errors.New("DATABASE_URL takes sqlite://PATH or " + postgres.Form)
	}
	extension := filepath.Ext(path)
	path = strings.TrimSuffix(path, extension) + "-telemetry" + extension
	db, err := OpenSQLite(ctx, path, log)
	if err != nil {
		return nil, fmt.Errorf("open telemetry at %s, beside DATABASE_URL: %w", path, err)
	}
	return db, nil
}
