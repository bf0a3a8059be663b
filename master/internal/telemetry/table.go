package telemetry

// Table is how rows of a kind are written. The statements of both databases are made from it.
type Table struct {
	Name    string
	Columns []Column
	Age     string // the column by which retention counts a row's age, in Millis; "id": see ID
}

// Column is one of a table, and what a row that is already there does with the value of a new one.
type Column struct {
	Name  string
	Type  ColumnType
	Merge Merge
}

// ColumnType is the Go type of a column's values and how databases call it.
type ColumnType int

// The column types.
const (
	Integer ColumnType = iota // int64 or Millis, BIGINT
	Text                      // string
	Boolean                   // bool
)

// Merge says what becomes of a column when a row with the same Key columns is there. A table without Key
// columns is only added to.
type Merge int

// The ways to merge.
const (
	Keep   Merge = iota // the old value stays
	Key                 // part of what makes a row unique
	Sum                 // old + new
	Min                 // the lower one
	Max                 // the higher one
	Or                  // the bits of both
	Latest              // of two texts, that of the row with the higher last_seen_at, unless it is ""
)

// keys returns the names of the Key columns.
func (t *Table) keys() []string {
	var names []string
	for _, c := range t.Columns {
		if c.Merge == Key {
			names = append(names, c.Name)
		}
	}
	return names
}

// Block is rows for one table, no two with the same Key columns, in the order of those.
type Block struct {
	Table *Table
	Len   int
	// Values appends the values of row i, in the order of the table's columns.
	Values func(i int, dst []Value) []Value
}

// Value is the value of a column, of that column's type. As an any it would be an allocation, of which there
// are thirty in a row.
type Value struct {
	Text    string
	Integer int64 // of a Boolean: 1 for true
}

func num[N ~int64](n N) Value { return Value{Integer: int64(n)} }
func str(s string) Value      { return Value{Text: s} }

func flag(b bool) Value {
	if b {
		return Value{Integer: 1}
	}
	return Value{}
}

func blockOf[T any](t *Table, rows []T, values func(*T, []Value) []Value) Block {
	return Block{Table: t, Len: len(rows), Values: func(i int, dst []Value) []Value { return values(&rows[i], dst) }}
}
