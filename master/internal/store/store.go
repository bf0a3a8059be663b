// Package store keeps everything the master must not lose, in one SQL database through bun.
//
// Exported methods open the transaction; small lowercase helpers take a bun.IDB and compose. All that
// differs between databases is in sqlite.go. Times are stored in UTC, to the microsecond.
package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
)

// Errors that callers tell apart. What a resource's own rules refuse is a fleet.FieldErrors.
var (
	ErrNotFound = errors.New("no such row")
	ErrStale    = errors.New("changed since it was read")
	ErrInUse    = errors.New("still in use")
)

// ConflictError says that a value which must be unique is taken.
type ConflictError struct {
	Field string // column, which is also the JSON name
}

func (e *ConflictError) Error() string { return e.Field + " is taken" }

//go:embed migrations/*.sql
var migrations embed.FS

// Store is an open database.
type Store struct {
	Servers        Table[fleet.Server]
	Tokens         Table[fleet.Token]
	Players        Table[library.Player]
	URIRules       Table[library.URIRule]
	Profiles       Table[library.Profile]
	Settings       Table[library.Setting]
	RateLimitRules Table[library.RateLimitRule]
	StreamRules    Table[library.StreamRule]
	Enforcements   Table[library.Enforcement]
	Users          Table[account.User]
	APIKeys        Table[account.APIKey]

	db      *bun.DB
	log     *slog.Logger
	writing chan struct{} // held by the one writer
}

// Open connects to the database that databaseURL names, as in sqlite://./data/master.db, makes it when
// it is not there, and brings its tables up to date. Errors about the URL name DATABASE_URL.
func Open(ctx context.Context, databaseURL string, log *slog.Logger) (*Store, error) {
	path, ok := strings.CutPrefix(databaseURL, "sqlite://")
	switch {
	case strings.HasPrefix(databaseURL, "postgres://"), strings.HasPrefix(databaseURL, "postgresql://"):
		return nil, errors.New("DATABASE_URL names PostgreSQL, which is not yet in this version: it takes sqlite://PATH")
	case !ok || path == "":
		return nil, errors.New("DATABASE_URL takes sqlite://PATH, as in sqlite://./data/master.db")
	}
	db, err := openSQLite(path)
	if err != nil {
		return nil, fmt.Errorf("open DATABASE_URL %s: %w", databaseURL, err)
	}
	s := &Store{db: db, log: log, writing: make(chan struct{}, 1)}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open DATABASE_URL %s: %w", databaseURL, err), db.Close())
	}
	s.Servers = s.servers()
	s.Tokens = s.tokens()
	s.Players = s.players()
	s.URIRules = s.uriRules()
	s.Profiles = s.profiles()
	s.Settings = s.settings()
	s.RateLimitRules = s.rateLimitRules()
	s.StreamRules = s.streamRules()
	s.Enforcements = s.enforcements()
	s.Users = s.users()
	s.APIKeys = s.apiKeys()
	return s, nil
}

// Close ends all connections.
func (s *Store) Close() error { return s.db.Close() }

// Ping returns why the database cannot be read, or nil.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.db.PingContext(ctx); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	return nil
}

func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(gooseDialect, s.db.DB, files)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	results, err := provider.Up(ctx)
	for _, r := range results {
		s.log.Info("Database migrated", "migration", r.Source.Path, "took", r.Duration)
	}
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// write runs fn in the one writing transaction; fn's error rolls it back. fn must use its tx only: the
// lock is not reentrant.
func (s *Store) write(ctx context.Context, fn func(ctx context.Context, tx bun.IDB) error) error {
	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return explain(s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error { return fn(ctx, tx) }))
}

// now is the time that rows are stamped with.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
