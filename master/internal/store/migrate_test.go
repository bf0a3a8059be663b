package store

import (
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// TestMigrationsKeepData: tables of every earlier version come up to date with what is in them.
func TestMigrationsKeepData(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		testMigrations(t, goose.DialectSQLite3, "sqlite", func() string { return "sqlite://" + filepath.Join(t.TempDir(), "m.db") })
	})
	t.Run("postgres", func(t *testing.T) {
		testMigrations(t, goose.DialectPostgres, "postgres", func() string { return testbed.Postgres(t) })
	})
}

func testMigrations(t *testing.T, dialect goose.Dialect, dir string, newURL func() string) {
	files, err := fs.Sub(migrations, "migrations/"+dir)
	if err != nil {
		t.Fatal(err)
	}
	sources := 0
	for i := 0; i == 0 || i < sources; i++ {
		databaseURL := newURL()
		db := rawDatabase(t, databaseURL)
		provider, err := goose.NewProvider(dialect, db.DB, files)
		if err != nil {
			t.Fatal(err)
		}
		sources = len(provider.ListSources())
		version := provider.ListSources()[i].Version
		if _, err := provider.UpTo(t.Context(), version); err != nil {
			t.Fatal(err)
		}
		_, err = db.ExecContext(t.Context(), "INSERT INTO players (client_name, service_type, enabled, created_at, updated_at)"+
			" VALUES ('Infuse', 'all', TRUE, '2026-11-22 20:00:00+00:00', '2026-11-22 20:00:00+00:00')")
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		s := openURL(t, databaseURL)
		player, err := s.Players.Get(t.Context(), 1)
		if err != nil || player.ClientName != "Infuse" || player.CreatedAt.Hour() != 20 {
			t.Errorf("from version %d: %+v, %v", version, player, err)
		}
	}
}

// rawDatabase opens a database without bringing its tables up to date.
func rawDatabase(t *testing.T, databaseURL string) *bun.DB {
	t.Helper()
	if path, ok := strings.CutPrefix(databaseURL, "sqlite://"); ok {
		db, err := openSQLite(path)
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	db, pool, err := openPostgres(t.Context(), databaseURL, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return db
}
