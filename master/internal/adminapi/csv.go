package adminapi

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// csvWriter writes rows of T, a struct, as RFC 4180 has it. Columns are T's JSON members in their order, those
// of a struct within under its name; their names are the first record.
//
// A text that a spreadsheet would take for a formula gets an apostrophe in front: user agents, device names
// and paths are whatever a stranger sends.
type csvWriter[T any] struct {
	out    *csv.Writer
	fields [][]int // of T, as reflect's FieldByIndex takes them
	record []string
}

// byteOrderMark tells Excel that the text is UTF-8.
const byteOrderMark = "\uFEFF"

// newCSV writes the names.
func newCSV[T any](w io.Writer, withMark bool) (*csvWriter[T], error) {
	c := &csvWriter[T]{out: csv.NewWriter(w)}
	c.out.UseCRLF = true
	c.addColumns(reflect.TypeFor[T](), nil, "")
	if withMark {
		if _, err := io.WriteString(w, byteOrderMark); err != nil {
			return nil, err
		}
	}
	return c, c.out.Write(c.record)
}

func (c *csvWriter[T]) addColumns(t reflect.Type, path []int, prefix string) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		within := field.Type
		if within.Kind() == reflect.Pointer {
			within = within.Elem()
		}
		at := append(slices.Clone(path), i)
		switch {
		case field.Anonymous && name == "":
			c.addColumns(within, at, prefix)
		case name == "" || name == "-":
		case within.Kind() == reflect.Struct && within != timeType:
			c.addColumns(within, at, prefix+name+"_")
		default:
			c.fields, c.record = append(c.fields, at), append(c.record, prefix+name)
		}
	}
}

// Write adds a row; it may wait in a buffer until Flush.
func (c *csvWriter[T]) Write(row *T) error {
	v := reflect.ValueOf(row).Elem()
	for i, path := range c.fields {
		c.record[i] = ""
		if field, err := v.FieldByIndexErr(path); err == nil { // an error is a struct that is not there
			cell, err := csvCell(field)
			if err != nil {
				return fmt.Errorf("CSV column %d: %w", i+1, err)
			}
			c.record[i] = cell
		}
	}
	return c.out.Write(c.record)
}

// Flush sends what is buffered.
func (c *csvWriter[T]) Flush() error {
	c.out.Flush()
	return c.out.Error()
}

var timeType = reflect.TypeFor[time.Time]()

func csvCell(v reflect.Value) (string, error) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "", nil
		}
		v = v.Elem()
	}
	if at, ok := reflect.TypeAssert[time.Time](v); ok {
		return at.Format(time.RFC3339Nano), nil
	}
	_, isCoded := reflect.TypeAssert[json.Marshaler](v)
	switch {
	case isCoded:
	case v.Kind() == reflect.String:
		return csvText(v.String()), nil
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10), nil
	case v.CanFloat():
		return strconv.FormatFloat(v.Float(), 'f', -1, 64), nil
	}
	// Truth values, times in other forms, lists: as in JSON.
	raw, err := json.Marshal(v.Interface())
	var text string
	if err == nil && json.Unmarshal(raw, &text) != nil {
		text = string(raw)
	}
	return csvText(text), err
}

// formula matches what spreadsheets evaluate, as OWASP lists it, with the wide forms that Excel takes for
// the plain ones.
var formula = regexp.MustCompile(`^[=+\-@\t\r\n＝＋－＠]`)

func csvText(s string) string {
	s = strings.ReplaceAll(s, "\x00", "")
	if formula.MatchString(s) {
		return "'" + s
	}
	return s
}
