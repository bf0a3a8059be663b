package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/uhdadmin/media-gateway/master/internal/postgres"
)

// postgresConns is how many connections a replica's store has at most.
const postgresConns = 10

// SQLSTATEs, from appendix A of PostgreSQL's manual.
const (
	uniqueViolation     = "23505"
	foreignKeyViolation = "23503"
	serializationFailed = "40001"
	deadlockDetected    = "40P01"
)

// openPostgres connects to a server that may still be starting.
func openPostgres(ctx context.Context, databaseURL string, log *slog.Logger) (*bun.DB, *pgxpool.Pool, error) {
	cfg, err := postgres.Parse(databaseURL, postgresConns)
	if err != nil {
		return nil, nil, err
	}
	pool, err := postgres.Open(ctx, cfg, log)
	if err != nil {
		return nil, nil, err
	}
	return postgres.Bun(pool), pool, nil
}

// keyColumns are in the detail of a unique violation in any language, as in
// "Key (host, server_name)=(a, b) already exists."
var keyColumns = regexp.MustCompile(`\(([^()]*)\)=\(`)

// explainPostgres turns PostgreSQL's errors into the store's.
func explainPostgres(err error) error {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err
	}
	switch e.Code {
	case uniqueViolation:
		if m := keyColumns.FindStringSubmatch(e.Detail); m != nil {
			columns := strings.Split(m[1], ", ")
			return &ConflictError{Field: columns[len(columns)-1]}
		}
		return &ConflictError{Field: e.ConstraintName}
	case foreignKeyViolation:
		return fmt.Errorf("%w: %w", ErrInUse, err)
	}
	return err
}

// mustRepeat reports whether the database gave a transaction up that another try can carry through.
func mustRepeat(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == serializationFailed || e.Code == deadlockDetected)
}

// onPostgres reports whether db is one of many that may write.
func onPostgres(db bun.IDB) bool { return db.Dialect().Name() == dialect.PG }

// Names of the locks that all replicas share.
const (
	migrationLock = "uhd migration"
	writerLock    = "uhd writer"
)

// lock makes tx the only one that holds the lock of that name until it ends. On SQLite it always is.
func lock(ctx context.Context, tx bun.IDB, name string) error {
	if !onPostgres(tx) {
		return nil
	}
	if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", name); err != nil {
		return fmt.Errorf("wait for %s: %w", name, err)
	}
	return nil
}

// forUpdate keeps the rows of q from others until its transaction ends.
func forUpdate(db bun.IDB, q *bun.SelectQuery) *bun.SelectQuery {
	if onPostgres(db) {
		q.For("UPDATE")
	}
	return q
}
