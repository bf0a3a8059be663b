package telemetry

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// postgresTx is a transaction of ingest. It speaks PostgreSQL's binary formats itself (binary.go): the
// general way, by reflection, would cost more than all the rest.
type postgresTx struct {
	ctx  context.Context
	db   *postgresDB
	conn *pgconn.PgConn
	row  []Value
	rows map[*Table][]byte // for COPY, not yet sent
	days map[Millis]bool   // of access logs among them
	sums []merge           // not yet sent, in the order in which they came
}

// merge is rows to add, or to merge into those with the same keys.
type merge struct {
	table *Table
	rows  []byte // an array of the table's row type, several times cheaper than an array for each column
}

// copyAtOnce is how many bytes of rows one COPY takes, about: each COPY has its own cost, of some hundred
// rows.
const copyAtOnce = 4 << 20

// Numbers implements Tx.
func (tx *postgresTx) Numbers(n int) (int64, error) { return tx.db.draw(tx.ctx, int64(n)) }

// Claim implements Tx. All claim in the order of keys, so that two who were sent the same batches wait for
// each other instead of locking each other out; who waited finds them stored.
func (tx *postgresTx) Claim(batches []BatchKey, at Millis) ([]Claim, error) {
	claims := make([]Claim, len(batches))
	order := make([]int, 0, len(batches))
	for i, b := range batches {
		if claims[i] = (Claim{New: true, Accepted: b.Accepted}); b.Key != "" {
			order = append(order, i)
		}
	}
	if len(order) == 0 {
		return claims, nil
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(batches[a].Source, batches[b].Source), cmp.Compare(batches[a].Key, batches[b].Key))
	})
	var sources, keys []string
	accepted := appendArray(nil, pgtype.Int8OID, len(order))
	for _, i := range order {
		sources, keys = append(sources, batches[i].Source), append(keys, batches[i].Key)
		accepted = appendInteger(append(accepted, 0, 0, 0, 8), int64(batches[i].Accepted))
	}
	asked := []argument{{pgtype.TextArrayOID, textArray(sources)}, {pgtype.TextArrayOID, textArray(keys)}}
	made, err := tx.query("INSERT INTO telemetry_batches (source, key, accepted, received_at)"+
		" SELECT source, key, accepted, $4 FROM unnest($1, $2, $3) AS new (source, key, accepted)"+
		" ON CONFLICT DO NOTHING RETURNING source, key",
		append(asked, argument{pgtype.Int8ArrayOID, accepted}, argument{pgtype.Int8OID, appendInteger(nil, int64(at))})...)
	if err != nil {
		return nil, fmt.Errorf("claim batches: %w", err)
	}
	isNew := map[[2]string]bool{}
	for _, r := range made {
		isNew[[2]string{string(r[0]), string(r[1])}] = true
	}
	known := map[[2]string]int{}
	if len(made) < len(order) {
		rows, err := tx.query("SELECT source, key, accepted::text FROM telemetry_batches"+
			" JOIN unnest($1, $2) AS asked (source, key) USING (source, key)", asked...)
		if err != nil {
			return nil, fmt.Errorf("look up batches: %w", err)
		}
		for _, r := range rows {
			var n int
			if _, err := fmt.Sscan(string(r[2]), &n); err != nil {
				return nil, fmt.Errorf("look up batches: %w", err)
			}
			known[[2]string{string(r[0]), string(r[1])}] = n
		}
	}
	for _, i := range order {
		key := [2]string{batches[i].Source, batches[i].Key}
		if isNew[key] { // the first of its key in this transaction
			isNew[key] = false
			continue
		}
		claims[i] = Claim{Accepted: known[key]}
	}
	return claims, nil
}

// Put implements Tx.
func (tx *postgresTx) Put(b Block) error {
	if b.Len == 0 {
		return nil
	}
	var err error
	if len(b.Table.keys()) == 0 {
		err = tx.add(b)
	} else {
		err = tx.merge(b)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", b.Table.Name, err)
	}
	return nil
}

// Replace implements Tx.
func (tx *postgresTx) Replace(reporterID int64, b Block) error {
	_, err := tx.query("DELETE FROM realtime_sessions WHERE reporter_id = $1",
		argument{pgtype.Int8OID, appendInteger(nil, reporterID)})
	if err != nil {
		return fmt.Errorf("replace realtime_sessions: %w", err)
	}
	return tx.Put(b)
}

// add keeps rows for COPY.
func (tx *postgresTx) add(b Block) error {
	rows := tx.rows[b.Table]
	if len(rows) == 0 {
		rows = append(rows, copyHeader...)
	}
	for i := range b.Len {
		tx.row = b.Values(i, tx.row[:0])
		if b.Table == accessLogTable {
			tx.days[dayOfID(tx.row[0].Integer)] = true
		}
		rows = appendRow(rows, b.Table.Columns, tx.row)
	}
	tx.rows[b.Table] = rows
	if len(rows) > copyAtOnce {
		return tx.copy(b.Table)
	}
	return nil
}

// commit sends all that is kept. Other writers wait for the rows of sums from the first of them until the end of the
// transaction, so they come last, ready made, and at once with the COMMIT: nothing of that time is spent between two
// statements.
func (tx *postgresTx) commit() error {
	for table, rows := range tx.rows {
		if len(rows) == 0 {
			continue
		}
		if err := tx.copy(table); err != nil {
			return fmt.Errorf("write %s: %w", table.Name, err)
		}
	}
	pipeline := tx.conn.StartPipeline(tx.ctx)
	for _, m := range tx.sums {
		pipeline.SendQueryParams(mergeStatement(m.table), [][]byte{m.rows}, []uint32{0}, []int16{pgx.BinaryFormatCode}, nil)
	}
	pipeline.SendQueryParams("COMMIT", nil, nil, nil, nil)
	err := pipeline.Sync()
	for i := 0; err == nil && i < len(tx.sums); i++ {
		if err = nextResult(pipeline); err != nil {
			err = fmt.Errorf("write %s: %w", tx.sums[i].table.Name, err)
		}
	}
	if err == nil {
		err = nextResult(pipeline)
	}
	return errors.Join(err, pipeline.Close())
}

// nextResult reads one statement's.
func nextResult(pipeline *pgconn.Pipeline) error {
	results, err := pipeline.GetResults()
	if err != nil {
		return err
	}
	reader, ok := results.(*pgconn.ResultReader)
	if !ok {
		return fmt.Errorf("the server answers %T", results)
	}
	_, err = reader.Close()
	return err
}

// reset forgets what an earlier transaction may have left.
func (tx *postgresTx) reset(ctx context.Context, conn *pgconn.PgConn) {
	tx.ctx, tx.conn = ctx, conn
	clear(tx.days)
	tx.sums = tx.sums[:0]
	for table, rows := range tx.rows {
		tx.rows[table] = rows[:0]
	}
}

// copy sends the rows that are kept for a table.
func (tx *postgresTx) copy(t *Table) error {
	if t == accessLogTable {
		for day := range tx.days {
			if err := tx.db.ensurePartition(tx.ctx, day); err != nil {
				return err
			}
		}
	}
	rows := append(tx.rows[t], copyTrailer...)
	tx.rows[t] = rows[:0]
	_, err := tx.conn.CopyFrom(tx.ctx, bytes.NewReader(rows), "COPY "+t.Name+" ("+columnNames(t)+") FROM STDIN BINARY")
	return err
}

// merge keeps rows of sums.
func (tx *postgresTx) merge(b Block) error {
	rowType, err := tx.db.rowType(tx.ctx, b.Table)
	if err != nil {
		return err
	}
	n := len(tx.sums)
	tx.sums = slices.Grow(tx.sums, 1)[:n+1] // with the memory of an earlier transaction's
	m := &tx.sums[n]
	m.table, m.rows = b.Table, appendArray(m.rows[:0], rowType, b.Len)
	for i := range b.Len {
		tx.row = b.Values(i, tx.row[:0])
		m.rows = appendElement(m.rows, b.Table.Columns, tx.row)
	}
	return nil
}

// argument is a value in PostgreSQL's binary format.
type argument struct {
	oid   uint32 // of its type; 0: as the statement says
	value []byte
}

// query runs a statement and returns its rows, all as text.
func (tx *postgresTx) query(statement string, arguments ...argument) ([][][]byte, error) {
	values, oids := make([][]byte, len(arguments)), make([]uint32, len(arguments))
	for i, a := range arguments {
		values[i], oids[i] = a.value, a.oid
	}
	result := tx.conn.ExecParams(tx.ctx, statement, values, oids, []int16{pgx.BinaryFormatCode}, nil).Read()
	return result.Rows, result.Err
}

// mergeStatement returns the INSERT of an array of rows.
func mergeStatement(t *Table) string {
	var set []string
	for _, c := range t.Columns {
		if how := postgresMerge(t.Name+"."+c.Name, "excluded."+c.Name, t.Name, c.Merge); how != "" {
			set = append(set, c.Name+" = "+how)
		}
	}
	names := columnNames(t)
	action := "NOTHING"
	if len(set) > 0 {
		action = "UPDATE SET " + strings.Join(set, ", ") + unlessSame(t)
	}
	return "INSERT INTO " + t.Name + " (" + names + ") SELECT " + names + " FROM unnest($1::" + t.Name + "[])" +
		" ON CONFLICT (" + strings.Join(t.keys(), ", ") + ") DO " + action
}

// postgresMerge returns the expression of the merged value; "": the old one stays.
func postgresMerge(older, newer, table string, m Merge) string {
	switch m {
	case Min:
		return "LEAST(" + older + ", " + newer + ")"
	case Max:
		return "GREATEST(" + older + ", " + newer + ")"
	case Keep, Key, Sum, Or, Latest:
	}
	return sqliteMerge(older, newer, table, m)
}
