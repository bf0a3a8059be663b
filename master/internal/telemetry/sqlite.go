package telemetry

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

//go:embed migrations/sqlite/*.sql
var sqliteMigrations embed.FS

// expireStep is how many rows one transaction of retention deletes: some ten milliseconds, for which
// ingest waits.
const expireStep = 2000

// sqlite is a Database in a file. SQLite has one writer at a time, so there is one writing connection, and
// who holds it writes.
type sqlite struct {
	reader   *bun.DB
	writer   *bun.DB
	prepared statements // of the writing connection; who holds that may use them
}

// OpenSQLite opens the file at path, making it and its directory when absent.
func OpenSQLite(ctx context.Context, path string, log *slog.Logger) (Database, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	// The pages of the hour at hand change in every transaction: a log of 64 MB writes them to the file
	// once for many. Its transactions are on disk when they end (synchronous is FULL by default).
	writer, err := sqliteConns(path, 1, "_txlock=immediate&_pragma=page_size(8192)&_pragma=journal_mode(WAL)&_pragma=cache_size(-131072)&_pragma=wal_autocheckpoint(8000)")
	if err != nil {
		return nil, err
	}
	reader, err := sqliteConns(path, 8, "_pragma=query_only(1)&_pragma=cache_size(-16384)")
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	s := &sqlite{writer: writer, reader: reader}
	if err := migrate(ctx, goose.DialectSQLite3, writer.DB, sqliteMigrations, "migrations/sqlite", log); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// sqliteConns returns at most n connections to the file.
func sqliteConns(path string, n int, options string) (*bun.DB, error) {
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_pragma=busy_timeout(10000)&" + options
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return bun.NewDB(db, sqlitedialect.New()), nil
}

func migrate(ctx context.Context, dialect goose.Dialect, db *sql.DB, files embed.FS, dir string, log *slog.Logger) error {
	sub, err := fs.Sub(files, dir)
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(dialect, db, sub, goose.WithTableName("telemetry_migrations"))
	if err != nil {
		return fmt.Errorf("read migrations of telemetry: %w", err)
	}
	results, err := provider.Up(ctx)
	for _, r := range results {
		log.Info("Telemetry migrated", "migration", r.Source.Path, "took", r.Duration)
	}
	if err != nil {
		return fmt.Errorf("migrate telemetry: %w", err)
	}
	return nil
}

// Writers implements Database: SQLite has one.
func (s *sqlite) Writers() int { return 1 }

func (s *sqlite) Reader() *bun.DB { return s.reader }

func (s *sqlite) Close() error { return errors.Join(s.reader.Close(), s.writer.Close()) }

func (s *sqlite) Write(ctx context.Context, fn func(ctx context.Context, tx bun.IDB) error) error {
	return s.writer.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error { return fn(ctx, tx) })
}

// Expire implements Database.
func (s *sqlite) Expire(ctx context.Context, t *Table, before Millis) (int64, error) {
	if t.Columns[0].Name != "dimension" {
		return s.expire(ctx, t, before, "")
	}
	for _, d := range Dimensions { // a rollup's key begins with it
		n, err := s.expire(ctx, t, before, "dimension = '"+string(d)+"' AND ")
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, nil
}

func (s *sqlite) expire(ctx context.Context, t *Table, before Millis, also string) (int64, error) {
	bound, row := int64(before), "rowid"
	if t.Age == "id" {
		bound = ID(before, 0)
	}
	if t.Columns[0].Name != "id" { // WITHOUT ROWID
		row = strings.Join(t.keys(), ", ")
	}
	result, err := s.writer.DB.ExecContext(ctx, "DELETE FROM "+t.Name+" WHERE ("+row+") IN (SELECT "+row+" FROM "+t.Name+
		" WHERE "+also+t.Age+" < ? ORDER BY "+t.Age+" LIMIT ?)", bound, expireStep)
	if err != nil {
		return 0, fmt.Errorf("expire %s: %w", t.Name, err)
	}
	return result.RowsAffected()
}
