package telemetry

import (
	"encoding/binary"

	"github.com/jackc/pgx/v5/pgtype"
)

// copyHeader and copyTrailer frame the rows of COPY … BINARY: signature, flags, length of extensions; and
// a row of -1 fields.
const (
	copyHeader  = "PGCOPY\n\377\r\n\000" + "\000\000\000\000" + "\000\000\000\000"
	copyTrailer = "\377\377"
)

// appendRow appends a row as COPY takes it: the number of fields, and each with its length before it.
func appendRow(b []byte, columns []Column, row []Value) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(row)))
	for i := range row {
		b = appendField(b, columns[i].Type, &row[i])
	}
	return b
}

// appendField appends a value with its length before it.
func appendField(b []byte, t ColumnType, v *Value) []byte {
	switch t {
	case Integer:
		return appendInteger(append(b, 0, 0, 0, 8), v.Integer)
	case Text:
		return appendText(b, v.Text)
	default:
		return append(b, 0, 0, 0, 1, byte(v.Integer))
	}
}

func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

func appendInteger(b []byte, n int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(n)) }

// appendArray appends the header of an array of n elements: the number of dimensions, whether there are
// NULLs, the elements' type, their number, and the index of the first; 32 bits each.
func appendArray(b []byte, element uint32, n int) []byte {
	for _, v := range []uint32{1, 0, element, uint32(n), 1} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

// appendElement appends an element of an array of a table's rows: its length, the number of fields, and
// each with its type and length before it.
func appendElement(b []byte, columns []Column, row []Value) []byte {
	at := len(b)
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(row)))
	for i := range row {
		b = appendField(binary.BigEndian.AppendUint32(b, oids[columns[i].Type]), columns[i].Type, &row[i])
	}
	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	return b
}

// oids are PostgreSQL's types of columns.
var oids = [...]uint32{Integer: pgtype.Int8OID, Text: pgtype.TextOID, Boolean: pgtype.BoolOID}

// textArray returns texts as an array.
func textArray(texts []string) []byte {
	b := appendArray(nil, pgtype.TextOID, len(texts))
	for _, t := range texts {
		b = appendText(b, t)
	}
	return b
}
