package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/uhdadmin/media-gateway/shared/setting"
)

// postgresForm is what parsePostgres takes, for people.
const postgresForm = "postgres://USER:PASSWORD@HOST:5432/DATABASE"

const (
	// postgresWait is how long a database that is still starting is waited for.
	postgresWait = time.Minute
	// postgresConns is how many connections a replica has at most, unless the URL says pool_max_conns.
	postgresConns = 16
)

// SQLSTATEs, from appendix A of PostgreSQL's manual.
const (
	uniqueViolation     = "23505"
	foreignKeyViolation = "23503"
	serializationFailed = "40001"
	deadlockDetected    = "40P01"
	tooManyConnections  = "53300"
	adminShutdown       = "57P01"
	crashShutdown       = "57P02"
	cannotConnectNow    = "57P03" // starting up or shutting down
)

func isPostgres(databaseURL string) bool {
	return strings.HasPrefix(databaseURL, "postgres://") || strings.HasPrefix(databaseURL, "postgresql://")
}

// parsePostgres reads a URL in libpq's form. Errors do not repeat it: it holds a password.
func parsePostgres(databaseURL string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		return nil, &setting.Error{Name: urlVar, Problem: "is no URL of a PostgreSQL database", Takes: postgresForm + ", with %XX for what is special in the password"}
	}
	if !strings.Contains(databaseURL, "pool_max_conns=") {
		cfg.MaxConns = postgresConns
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = 10 * time.Second
	}
	params := cfg.ConnConfig.RuntimeParams
	params["timezone"] = "UTC"
	if params["application_name"] == "" {
		params["application_name"] = "uhd-master"
	}
	// bun writes values into its statements, so no two are alike and preparing them would be for nothing.
	cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	cfg.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		conn.TypeMap().RegisterType(&pgtype.Type{
			Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
		})
		return nil
	}
	return cfg, nil
}

// openPostgres connects to a server that may still be starting.
func openPostgres(ctx context.Context, databaseURL string, log *slog.Logger) (*bun.DB, *pgxpool.Pool, error) {
	cfg, err := parsePostgres(databaseURL)
	if err != nil {
		return nil, nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	if err := awaitPostgres(ctx, pool, log); err != nil {
		pool.Close()
		return nil, nil, err
	}
	return bun.NewDB(stdlib.OpenDBFromPool(pool), postgresDialect{pgdialect.New()}), pool, nil
}

// awaitPostgres returns once the server answers, or why it will not.
func awaitPostgres(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, postgresWait)
	defer cancel()
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 3*time.Second) {
		err := pool.Ping(ctx)
		if err == nil || !mayStart(err) {
			return oneLine(err)
		}
		log.Warn("Database does not answer yet", "error", oneLine(err), "retry_in", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("waited %s in vain: %w", postgresWait, oneLine(err))
		}
	}
}

// withConn gives fn a connection beside the pool's, which takes what it holds with it when fn returns.
func (s *Store) withConn(ctx context.Context, fn func(*pgx.Conn) error) error {
	conn, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		return oneLine(err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(ctx) // it is of no more use, or broken already
	}()
	return fn(conn)
}

// mayStart reports whether err is what a server gives, or nobody, while it starts.
func mayStart(err error) bool {
	e, answered := errors.AsType[*pgconn.PgError](err)
	if !answered {
		return true
	}
	switch e.Code {
	case cannotConnectNow, adminShutdown, crashShutdown, tooManyConnections:
		return true
	}
	return false
}

// oneLine folds pgx's errors, which take a line for each address that was tried.
func oneLine(err error) error {
	if err == nil || !strings.Contains(err.Error(), "\n") {
		return err
	}
	return errors.New(strings.Join(strings.Fields(err.Error()), " "))
}

// postgresDialect is bun's, but for NUL bytes, which a slave may report and PostgreSQL cannot store.
type postgresDialect struct{ *pgdialect.Dialect }

func (d postgresDialect) AppendString(b []byte, s string) []byte {
	return d.Dialect.AppendString(b, replaceNUL(s))
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
