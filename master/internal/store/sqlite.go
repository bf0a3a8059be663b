package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// openSQLite opens the file at path, making it and its directory when absent. Both are for our user
// only: the file holds hashes of secrets.
func openSQLite(path string) (*bun.DB, error) {
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
	// WAL lets readers work beside the writer. Transactions begin IMMEDIATE, so that one which reads
	// before it writes waits for its turn instead of failing on its first write.
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: url.Values{
		"_txlock": {"immediate"},
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "foreign_keys(1)"},
	}.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	return bun.NewDB(db, sqliteDialect{sqlitedialect.New()}), nil
}

// sqliteDialect is bun's, but for NUL bytes, which a slave may report and bun refuses.
type sqliteDialect struct{ *sqlitedialect.Dialect }

func (d sqliteDialect) AppendString(b []byte, s string) []byte {
	return d.Dialect.AppendString(b, strings.ReplaceAll(s, "\x00", "\uFFFD"))
}

// explainSQLite turns SQLite's errors into the store's.
func explainSQLite(err error) error {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		// As in "constraint failed: UNIQUE constraint failed: servers.host, servers.server_name (2067)".
		columns := strings.TrimSpace(e.Error()[strings.LastIndex(e.Error(), ":")+1:])
		columns, _, _ = strings.Cut(columns, " (")
		return &ConflictError{Field: columns[strings.LastIndex(columns, ".")+1:]}
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return fmt.Errorf("%w: %w", ErrInUse, err)
	}
	return err
}
