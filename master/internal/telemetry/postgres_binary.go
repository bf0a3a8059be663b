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
func appendRow(b []byte, row []any) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(row)))
	for _, v := range row {
		b = appendField(b, v)
	}
	return b
}

// appendField appends a value with its length before it.
func appendField(b []byte, v any) []byte {
	switch v := v.(type) {
	case int64:
		return appendInteger(append(b, 0, 0, 0, 8), v)
	case string:
		return append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
	case bool:
		if v {
			return append(b, 0, 0, 0, 1, 1)
		}
		return append(b, 0, 0, 0, 1, 0)
	}
	panic("a Block's values are int64, string or bool")
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
func appendElement(b []byte, row []any) []byte {
	at := len(b)
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(row)))
	for _, v := range row {
		b = appendField(binary.BigEndian.AppendUint32(b, typeOf(v)), v)
	}
	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	return b
}

func typeOf(v any) uint32 {
	switch v.(type) {
	case int64:
		return pgtype.Int8OID
	case string:
		return pgtype.TextOID
	default:
		return pgtype.BoolOID
	}
}

// textArray returns texts as an array.
func textArray(texts []string) []byte {
	b := appendArray(nil, pgtype.TextOID, len(texts))
	for _, t := range texts {
		b = appendField(b, t)
	}
	return b
}
