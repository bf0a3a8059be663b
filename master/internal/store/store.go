// Package store keeps everything the master must not lose, in one SQL database through bun: a SQLite
// file of one master, or a PostgreSQL database that any number of replicas share.
//
// Exported methods open the transaction; small lowercase helpers take a bun.IDB and compose. All that
// differs between the databases is in sqlite.go and postgres.go. Operators write one at a time over all
// replicas, slaves beside each other (write.go); what replicas keep in memory they hear of when it
// changes (changes.go). Times are stored in UTC, to the microsecond.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/postgres"
	"github.com/uhdadmin/media-gateway/shared/setting"
)

// Errors that callers tell apart. What a resource's own rules refuse is a fleet.FieldErrors.
var (
	ErrNotFound = errors.New("no such row")
	ErrStale    = errors.New("changed since it was read")
	ErrInUse    = errors.New("still in use")
)

// urlVar is the variable that names the database.
const urlVar = "DATABASE_URL"

// ConflictError says that a value which must be unique is taken.
type ConflictError struct {
	Field string // column, which is also the JSON name
}

func (e *ConflictError) Error() string { return e.Field + " is taken" }

//go:embed migrations
var migrations embed.FS

// Store is an open database.
type Store struct {
	Servers        Table[fleet.Server]
	Tokens         Table[fleet.Token]
	Players        Table[library.Player]
	URIRules       Table[library.URIRule]
	LocationRules  Table[library.LocationRule]
	NginxMaps      Table[library.NginxMap]
	ProxyHeaders   Table[library.ProxyHeader]
	Profiles       Table[library.Profile]
	Settings       Table[library.Setting]
	RateLimitRules Table[library.RateLimitRule]
	StreamRules    Table[library.StreamRule]
	Enforcements   Table[library.Enforcement]
	Drafts         Table[library.Draft]
	Users          Table[account.User]
	APIKeys        Table[account.APIKey]

	db      *bun.DB
	pool    *pgxpool.Pool // below db; nil on SQLite
	log     *slog.Logger
	writing chan struct{} // held by this process's one writer
	dirty   atomic.Bool   // a transaction that has not ended has called bump
	changes chan struct{} // wakes Watch
	metrics metrics
}

// CheckURL returns a *setting.Error that says what is wrong with a DATABASE_URL, or nil. It does not repeat
// the URL, which may hold a password.
func CheckURL(databaseURL string) error {
	if postgres.Is(databaseURL) {
		if _, err := postgres.Parse(databaseURL, postgresConns); err != nil {
			return &setting.Error{Name: urlVar, Problem: err.Error(), Takes: postgres.Form + ", with %XX for what is special in the password"}
		}
		return nil
	}
	if path, ok := strings.CutPrefix(databaseURL, "sqlite://"); !ok || path == "" {
		return &setting.Error{Name: urlVar, Problem: "names no database", Takes: "sqlite://PATH, as in sqlite://./data/master.db, or " + postgres.Form}
	}
	return nil
}

// Open connects to the database that databaseURL names and brings its tables up to date. A SQLite file
// is made when it is not there; a PostgreSQL server that is still starting is waited for. Errors about the
// database name DATABASE_URL.
func Open(ctx context.Context, databaseURL string, log *slog.Logger) (*Store, error) {
	if err := CheckURL(databaseURL); err != nil {
		return nil, err
	}
	s := &Store{log: log, writing: make(chan struct{}, 1), changes: make(chan struct{}, 1), metrics: newMetrics()}
	var err error
	if postgres.Is(databaseURL) {
		s.db, s.pool, err = openPostgres(ctx, databaseURL, log)
	} else {
		s.db, err = openSQLite(strings.TrimPrefix(databaseURL, "sqlite://"))
	}
	if err != nil {
		return nil, fmt.Errorf("open the database of %s: %w", urlVar, err)
	}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the database of %s: %w", urlVar, err), s.Close())
	}
	s.Servers = s.servers()
	s.Tokens = s.tokens()
	s.Players = s.players()
	s.URIRules = s.uriRules()
	s.LocationRules = s.locationRules()
	s.NginxMaps = s.nginxMaps()
	s.ProxyHeaders = s.proxyHeaders()
	s.Profiles = s.profiles()
	s.Settings = s.settings()
	s.RateLimitRules = s.rateLimitRules()
	s.StreamRules = s.streamRules()
	s.Enforcements = s.enforcements()
	s.Drafts = s.drafts()
	s.Users = s.users()
	s.APIKeys = s.apiKeys()
	return s, nil
}

// Close ends all connections.
func (s *Store) Close() error {
	err := s.db.Close()
	if s.pool != nil {
		s.pool.Close()
	}
	return err
}

// Postgres returns the connections to PostgreSQL, which is nil on SQLite.
func (s *Store) Postgres() *pgxpool.Pool { return s.pool }

// Ping returns why the database cannot be read, or nil.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.db.PingContext(ctx); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	return nil
}

// migrate brings the tables up to date; replicas that start together take turns.
func (s *Store) migrate(ctx context.Context) error {
	dir, dialect := "migrations/sqlite", goose.DialectSQLite3
	if s.pool != nil {
		dir, dialect = "migrations/postgres", goose.DialectPostgres
	}
	files, err := fs.Sub(migrations, dir)
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(dialect, s.db.DB, files)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	up := func(ctx context.Context) error {
		results, err := provider.Up(ctx)
		for _, r := range results {
			s.log.Info("Database migrated", "migration", r.Source.Path, "took", r.Duration)
		}
		if err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		return nil
	}
	if s.pool == nil {
		return up(ctx)
	}
	return postgres.InTurn(ctx, s.pool, migrationLock, up)
}

// explain turns the database's errors into the store's.
func explain(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return explainPostgres(explainSQLite(err))
}

// now is the time that rows are stamped with.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
