package telemetry

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
)

// rowsPerStatement is how many rows one INSERT takes: enough that its own cost does not show.
const rowsPerStatement = 32

// statements are the prepared statements of one connection. They are called below database/sql, which
// would convert each of some thirty values of each row anew: that is half the cost of a row.
type statements struct {
	conn    driver.Conn
	ctx     context.Context // of the transaction at hand
	made    map[string]driver.Stmt
	inserts map[insert]driver.Stmt
	args    []driver.NamedValue
	row     []Value
}

// insert is a statement that puts so many rows into a table.
type insert struct {
	table *Table
	rows  int
}

// Ingest implements Database.
func (s *sqlite) Ingest(ctx context.Context, fn func(Tx) error) error {
	conn, err := s.writer.DB.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // back to the pool
	return conn.Raw(func(raw any) (err error) {
		if s.prepared.conn != raw {
			s.prepared = statements{conn: raw.(driver.Conn), made: map[string]driver.Stmt{}, inserts: map[insert]driver.Stmt{}}
		}
		st := &s.prepared
		// Half a transaction cannot be left behind: what was begun is ended, whatever becomes of ctx.
		st.ctx = context.WithoutCancel(ctx)
		if err := st.exec("BEGIN IMMEDIATE"); err != nil {
			return err
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, st.exec("ROLLBACK"))
			}
		}()
		if err := fn(st); err != nil {
			return err
		}
		return st.exec("COMMIT")
	})
}

func (st *statements) prepare(query string) (driver.Stmt, error) {
	if stmt := st.made[query]; stmt != nil {
		return stmt, nil
	}
	stmt, err := st.conn.(driver.ConnPrepareContext).PrepareContext(st.ctx, query)
	if err != nil {
		return nil, fmt.Errorf("prepare %.60q: %w", query, err)
	}
	st.made[query] = stmt
	return stmt, nil
}

// bind returns values as arguments, which stay good until the next call.
func (st *statements) bind(values []any) []driver.NamedValue {
	st.args = st.args[:0]
	for i, v := range values {
		st.args = append(st.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return st.args
}

func (st *statements) exec(query string, values ...any) error {
	stmt, err := st.prepare(query)
	if err != nil {
		return err
	}
	_, err = stmt.(driver.StmtExecContext).ExecContext(st.ctx, st.bind(values))
	return err
}

// bindRows is bind for the rows at hand, which are of the table.
func (st *statements) bindRows(t *Table) []driver.NamedValue {
	st.args = st.args[:0]
	for i, v := range st.row {
		var value any
		switch t.Columns[i%len(t.Columns)].Type {
		case Integer:
			value = v.Integer
		case Text:
			value = v.Text
		case Boolean:
			value = v.Integer == 1
		}
		st.args = append(st.args, driver.NamedValue{Ordinal: i + 1, Value: value})
	}
	return st.args
}

// number runs a query for one integer; false: it found no row.
func (st *statements) number(query string, values ...any) (n int64, found bool, err error) {
	stmt, err := st.prepare(query)
	if err != nil {
		return 0, false, err
	}
	rows, err := stmt.(driver.StmtQueryContext).QueryContext(st.ctx, st.bind(values))
	if err != nil {
		return 0, false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var row [1]driver.Value
	if err := rows.Next(row[:]); errors.Is(err, io.EOF) {
		return 0, false, nil
	} else if err != nil {
		return 0, false, err
	}
	return row[0].(int64), true, nil
}

// Claim implements Tx.
func (st *statements) Claim(batches []BatchKey, at Millis) ([]Claim, error) {
	claims := make([]Claim, len(batches))
	for i, b := range batches {
		claims[i] = Claim{New: true, Accepted: b.Accepted}
		if b.Key == "" {
			continue
		}
		n, found, err := st.number("SELECT accepted FROM telemetry_batches WHERE source = ? AND key = ?", b.Source, b.Key)
		if err == nil && !found {
			err = st.exec("INSERT INTO telemetry_batches (source, key, received_at, accepted) VALUES (?, ?, ?, ?)",
				b.Source, b.Key, int64(at), int64(b.Accepted))
		}
		if err != nil {
			return nil, fmt.Errorf("claim batch: %w", err)
		}
		if found {
			claims[i] = Claim{Accepted: int(n)}
		}
	}
	return claims, nil
}

// Numbers implements Tx.
func (st *statements) Numbers(n int) (int64, error) {
	next, _, err := st.number("UPDATE telemetry_numbers SET next = next + ? RETURNING next", int64(n))
	if err != nil {
		return 0, fmt.Errorf("draw numbers: %w", err)
	}
	return next - int64(n), nil
}

// Replace implements Tx.
func (st *statements) Replace(reporterID int64, b Block) error {
	if err := st.exec("DELETE FROM realtime_sessions WHERE reporter_id = ?", reporterID); err != nil {
		return fmt.Errorf("replace realtime_sessions: %w", err)
	}
	return st.Put(b)
}

// Put implements Tx.
func (st *statements) Put(b Block) error {
	for i := 0; i < b.Len; {
		n := rowsPerStatement
		if b.Len-i < n {
			n = 1
		}
		st.row = st.row[:0]
		for range n {
			st.row = b.Values(i, st.row)
			i++
		}
		stmt, err := st.insert(b.Table, n)
		if err == nil {
			_, err = stmt.(driver.StmtExecContext).ExecContext(st.ctx, st.bindRows(b.Table))
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", b.Table.Name, err)
		}
	}
	return nil
}

// insert returns the statement that puts n rows.
func (st *statements) insert(t *Table, n int) (driver.Stmt, error) {
	key := insert{t, n}
	if stmt := st.inserts[key]; stmt != nil {
		return stmt, nil
	}
	stmt, err := st.prepare(sqliteInsert(t, n))
	if err == nil {
		st.inserts[key] = stmt
	}
	return stmt, err
}

// sqliteInsert returns the INSERT of n rows.
func sqliteInsert(t *Table, n int) string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	row := "(?" + strings.Repeat(", ?", len(names)-1) + ")"
	query := "INSERT INTO " + t.Name + " (" + strings.Join(names, ", ") + ") VALUES " + row + strings.Repeat(", "+row, n-1)
	keys := t.keys()
	if len(keys) == 0 {
		return query
	}
	var set []string
	for _, c := range t.Columns {
		if how := sqliteMerge(t.Name+"."+c.Name, "excluded."+c.Name, t.Name, c.Merge); how != "" {
			set = append(set, c.Name+" = "+how)
		}
	}
	query += " ON CONFLICT (" + strings.Join(keys, ", ") + ") DO "
	if len(set) == 0 {
		return query + "NOTHING"
	}
	return query + "UPDATE SET " + strings.Join(set, ", ") + unlessSame(t)
}

// unlessSame returns the condition that keeps a row from being written again that would be the same: nearly
// always, where bits are all that is merged.
func unlessSame(t *Table) string {
	last := t.Columns[len(t.Columns)-1]
	if len(t.keys()) != len(t.Columns)-1 || last.Merge != Or {
		return ""
	}
	older, newer := t.Name+"."+last.Name, "excluded."+last.Name
	return " WHERE " + sqliteMerge(older, newer, t.Name, Or) + " <> " + older
}

// sqliteMerge returns the expression of the merged value; "": the old one stays.
func sqliteMerge(older, newer, table string, m Merge) string {
	switch m {
	case Sum:
		return older + " + " + newer
	case Or:
		return older + " | " + newer
	case Min:
		return "min(" + older + ", " + newer + ")"
	case Max:
		return "max(" + older + ", " + newer + ")"
	case Latest:
		return "CASE WHEN " + newer + " <> '' AND (excluded.last_seen_at >= " + table + ".last_seen_at OR " + older + " = '') THEN " + newer + " ELSE " + older + " END"
	}
	return ""
}
