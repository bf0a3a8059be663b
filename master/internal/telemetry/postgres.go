package telemetry

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/postgres"
)

//go:embed migrations/postgres/*.sql
var postgresMigrations embed.FS

const (
	// postgresWriterConns are for the two of ingest, with one more for what happens beside its transactions, and for
	// what else writes; postgresReaderConns are for queries, which cannot take ingest's.
	postgresWriterConns = 4
	postgresReaderConns = 6
	// postgresExpireStep is how many rows one statement of retention deletes.
	postgresExpireStep = 20_000
	// numbersAhead is how many numbers for ids are drawn at once.
	numbersAhead = 1 << 17
	// maxTries bounds how often a transaction is tried that others got in the way of.
	maxTries = 5
)

// SQLSTATEs after which the same transaction may go through.
const (
	serializationFailed = "40001"
	deadlockDetected    = "40P01"
	noPartition         = "23514" // check_violation: retention dropped the day's partition
)

// postgresDB is a Database in tables beside the master's own.
type postgresDB struct {
	pool   *pgxpool.Pool // of writers
	writer *bun.DB       // the same
	reads  *pgxpool.Pool
	reader *bun.DB
	free   sync.Pool // of *postgresTx, for their buffers

	mu         sync.Mutex
	partitions map[Millis]bool // days that have one
	rowTypes   map[string]uint32
	next, end  int64 // numbers that were drawn and not given out
}

// OpenPostgres opens the database of the URL. It waits for a server that is starting.
func OpenPostgres(ctx context.Context, databaseURL string, log *slog.Logger) (Database, error) {
	writers, err := postgres.Parse(databaseURL, postgresWriterConns)
	if err != nil {
		return nil, err
	}
	writers.MaxConns = max(writers.MaxConns, postgresWriterConns) // or transactions wait for what happens beside them
	// Compiling takes longer than the queries of analytics do; their groups fit into memory.
	readers, err := postgres.Parse(databaseURL, postgresReaderConns, "jit = off", "work_mem = '64MB'")
	if err != nil {
		return nil, err
	}
	pool, err := postgres.Open(ctx, writers, log)
	if err != nil {
		return nil, err
	}
	reads, err := postgres.Open(ctx, readers, log)
	if err != nil {
		pool.Close()
		return nil, err
	}
	p := &postgresDB{
		pool: pool, writer: postgres.Bun(pool), reads: reads, reader: postgres.Bun(reads),
		partitions: map[Millis]bool{}, rowTypes: map[string]uint32{},
	}
	p.free.New = func() any { return &postgresTx{db: p, rows: map[*Table][]byte{}, days: map[Millis]bool{}} }
	err = postgres.InTurn(ctx, pool, "uhd telemetry migration", func(ctx context.Context) error {
		return migrate(ctx, goose.DialectPostgres, p.writer.DB, postgresMigrations, "migrations/postgres", log)
	})
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Writers implements Database: one transaction claims its batches and copies its rows while the sums of the other are
// merged and committed. A third only waits: sums are of the same rows.
func (p *postgresDB) Writers() int { return 2 }

func (p *postgresDB) Reader() *bun.DB { return p.reader }

func (p *postgresDB) Close() error {
	err := errors.Join(p.reader.Close(), p.writer.Close())
	p.reads.Close()
	p.pool.Close()
	return err
}

func (p *postgresDB) Write(ctx context.Context, fn func(ctx context.Context, tx bun.IDB) error) error {
	return p.repeat(func() error {
		return p.writer.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error { return fn(ctx, tx) })
	})
}

// repeat runs a transaction until others do not get in its way.
func (p *postgresDB) repeat(transaction func() error) error {
	for try := 1; ; try++ {
		err := transaction()
		e, ok := errors.AsType[*pgconn.PgError](err)
		if !ok || try == maxTries {
			return err
		}
		switch e.Code {
		case serializationFailed, deadlockDetected:
		case noPartition:
			p.forgetPartitions()
		default:
			return err
		}
	}
}

// Expire implements Database.
func (p *postgresDB) Expire(ctx context.Context, t *Table, before Millis) (rows int64, err error) {
	if t == accessLogTable {
		return p.dropPartition(ctx, before)
	}
	bound := int64(before)
	if t.Age == "id" {
		bound = ID(before, 0)
	}
	err = p.repeat(func() error {
		tag, err := p.pool.Exec(ctx, "DELETE FROM "+t.Name+" WHERE ctid = ANY (ARRAY(SELECT ctid FROM "+t.Name+
			" WHERE "+t.Age+" < $1 LIMIT $2))", bound, postgresExpireStep)
		rows = tag.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("expire %s: %w", t.Name, err)
	}
	return rows, nil
}

// draw returns the first of n numbers in a row that nobody else gets. A number that is not used is no loss.
func (p *postgresDB) draw(ctx context.Context, n int64) (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end-p.next < n {
		ahead := max(n, numbersAhead)
		err := p.pool.QueryRow(ctx, "UPDATE telemetry_numbers SET next = next + $1 RETURNING next", ahead).Scan(&p.end)
		if err != nil {
			return 0, fmt.Errorf("draw numbers: %w", err)
		}
		p.next = p.end - ahead
	}
	first := p.next
	p.next += n
	return first, nil
}

// rowType returns the type of a table's rows. Their fields are in the order of its columns, which
// migrations keep.
func (p *postgresDB) rowType(ctx context.Context, t *Table) (uint32, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	oid := p.rowTypes[t.Name]
	if oid == 0 {
		if err := p.pool.QueryRow(ctx, "SELECT $1::regtype::oid", t.Name).Scan(&oid); err != nil {
			return 0, fmt.Errorf("row type: %w", err)
		}
		p.rowTypes[t.Name] = oid
	}
	return oid, nil
}

// Ingest implements Database.
func (p *postgresDB) Ingest(ctx context.Context, fn func(Tx) error) error {
	return p.repeat(func() error {
		return p.pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
			t := p.free.Get().(*postgresTx)
			defer p.free.Put(t)
			t.reset(ctx, c.Conn().PgConn())
			if _, err := t.query("BEGIN"); err != nil {
				return err
			}
			err := fn(t)
			if err == nil {
				err = t.commit()
			}
			if err != nil {
				_, _ = t.query("ROLLBACK") // a connection that is still in a transaction is closed by the pool
			}
			return err
		})
	})
}

func columnNames(t *Table) string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	return strings.Join(names, ", ")
}
