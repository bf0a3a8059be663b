// Package postgres connects to a PostgreSQL server, as store and telemetry both do: what a URL may say,
// waiting for a server that is still starting, and errors that fit on a line.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

// Form is what a URL looks like, for people.
const Form = "postgres://USER:PASSWORD@HOST:5432/DATABASE"

const (
	// startWait is how long a server that is still starting is waited for.
	startWait = time.Minute
	// connectTimeout is of one attempt, unless the URL says connect_timeout.
	connectTimeout = 10 * time.Second
)

// SQLSTATEs of a server that takes no connections now, from appendix A of PostgreSQL's manual.
const (
	tooManyConnections = "53300"
	adminShutdown      = "57P01"
	crashShutdown      = "57P02"
	cannotConnectNow   = "57P03" // starting up or shutting down
)

// Is reports whether a DATABASE_URL names a PostgreSQL database.
func Is(databaseURL string) bool {
	return strings.HasPrefix(databaseURL, "postgres://") || strings.HasPrefix(databaseURL, "postgresql://")
}

// errURL does not repeat the URL, which holds a password.
var errURL = errors.New("is no URL of a PostgreSQL database")

// sessionSettings are set on every connection. A master whose host vanishes must not keep its locks: the
// server finds out within a minute.
var sessionSettings = []string{
	"timezone = 'UTC'", "idle_in_transaction_session_timeout = '30s'",
	"tcp_keepalives_idle = 30", "tcp_keepalives_interval = 10", "tcp_keepalives_count = 3",
}

// Parse reads a URL in libpq's form; the environment's PGPASSWORD and the like complete it, as everywhere.
// maxConns is how many connections the pool has at most, unless the URL says pool_max_conns; PostgreSQL takes
// 100 by default, of all replicas together. settings, as in "jit = off", are set on every connection.
func Parse(databaseURL string, maxConns int32, settings ...string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		return nil, errURL
	}
	if !strings.Contains(databaseURL, "pool_max_conns=") {
		cfg.MaxConns = maxConns
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = connectTimeout
	}
	params := cfg.ConnConfig.RuntimeParams
	if params["application_name"] == "" {
		params["application_name"] = "uhd-master"
	}
	// bun writes values into its statements, so no two are alike and preparing them would be for nothing.
	cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	// Not as startup parameters, which poolers refuse.
	set := "SET " + strings.Join(slices.Concat(sessionSettings, settings), "; SET ")
	cfg.ConnConfig.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		return conn.Exec(ctx, set).Close()
	}
	cfg.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		conn.TypeMap().RegisterType(&pgtype.Type{
			Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
		})
		return nil
	}
	return cfg, nil
}

// Open connects to a server that may still be starting.
func Open(ctx context.Context, cfg *pgxpool.Config, log *slog.Logger) (*pgxpool.Pool, error) {
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := await(ctx, pool, log); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

// Bun returns bun's view of the pool. Closing it leaves the pool open.
func Bun(pool *pgxpool.Pool) *bun.DB {
	return bun.NewDB(stdlib.OpenDBFromPool(pool), dialect{pgdialect.New()})
}

// dialect is bun's, but for NUL bytes, which a slave may report and PostgreSQL cannot store.
type dialect struct{ *pgdialect.Dialect }

func (d dialect) AppendString(b []byte, s string) []byte {
	return d.Dialect.AppendString(b, strings.ReplaceAll(s, "\x00", "\uFFFD"))
}

// await returns once the server answers, or why it will not.
func await(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 3*time.Second) {
		err := pool.Ping(ctx)
		if err == nil || !mayStart(err) {
			return OneLine(err)
		}
		log.Warn("Database does not answer yet", "error", OneLine(err), "retry_in", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("waited %s in vain: %w", startWait, OneLine(err))
		}
	}
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

// OneLine folds pgx's errors, which take a line for each address that was tried.
func OneLine(err error) error {
	if err == nil || !strings.Contains(err.Error(), "\n") {
		return err
	}
	return errors.New(strings.Join(strings.Fields(err.Error()), " "))
}

// WithConn gives fn a connection beside the pool's; what that holds, locks or channels, goes with it when
// fn returns.
func WithConn(ctx context.Context, pool *pgxpool.Pool, fn func(*pgx.Conn) error) error {
	conn, err := pgx.ConnectConfig(ctx, pool.Config().ConnConfig)
	if err != nil {
		return OneLine(err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(ctx) // it is of no more use, or broken already
	}()
	return fn(conn)
}

// InTurn runs fn when nobody else who shares the server's database runs one of that name.
func InTurn(ctx context.Context, pool *pgxpool.Pool, name string, fn func(context.Context) error) error {
	return WithConn(ctx, pool, func(conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock(hashtextextended($1, 0))", name); err != nil {
			return err
		}
		return fn(ctx)
	})
}
