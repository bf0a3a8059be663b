package adminapi

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// csvWriter writes rows of T, a struct, as RFC 4180 has it. Columns are T's JSON members in their order;
// their names are the first record.
//
// A text that a spreadsheet would take for a formula gets an apostrophe in front: user agents, device names
// and paths are whatever a stranger sends.
type csvWriter[T any] struct {
	out    *csv.Writer
	fields []int // of T
	record []string
}

// byteOrderMark tells Excel that the text is UTF-8.
const byteOrderMark = "\uFEFF"

// newCSV writes the names.
func newCSV[T any](w io.Writer, withMark bool) (*csvWriter[T], error) {
	c := &csvWriter[T]{out: csv.NewWriter(w)}
	c.out.UseCRLF = true
	for i := range reflect.TypeFor[T]().NumField() {
		name, _, _ := strings.Cut(reflect.TypeFor[T]().Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			c.fields, c.record = append(c.fields, i), append(c.record, name)
		}
	}
	if withMark {
		if _, err := io.WriteString(w, byteOrderMark); err != nil {
			return nil, err
		}
	}
	return c, c.out.Write(c.record)
}

// Write adds a row; it may wait in a buffer until Flush.
func (c *csvWriter[T]) Write(row *T) error {
	v := reflect.ValueOf(row).Elem()
	for i, field := range c.fields {
		cell, err := csvCell(v.Field(field))
		if err != nil {
			return fmt.Errorf("CSV column %s: %w", v.Type().Field(field).Name, err)
		}
		c.record[i] = cell
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
	switch {
	case v.Type() == timeType:
		return v.Interface().(time.Time).Format(time.RFC3339Nano), nil
	case v.Kind() == reflect.String:
		return csvText(v.String()), nil
	case v.Kind() == reflect.Bool:
		return strconv.FormatBool(v.Bool()), nil
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10), nil
	case v.CanFloat():
		return strconv.FormatFloat(v.Float(), 'f', -1, 64), nil
	}
	text, err := json.Marshal(v.Interface())
	return csvText(string(text)), err
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
