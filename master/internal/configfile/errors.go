package configfile

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Error is one thing that is wrong with a file.
type Error struct {
	Line    int    // 0: of the database, not of the file
	Section string // "": of the file itself
	Row     string // what names it, else its number in the section; "": the section itself
	Index   int    // of the row in its section, from 0
	Field   string
	Message string // the problem and the cure
}

func (e Error) Error() string {
	var parts []string
	for _, part := range []string{e.Section, e.Row, e.Field} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	text := strings.Join(parts, ", ")
	if text != "" {
		text += ": "
	}
	if e.Line > 0 {
		return fmt.Sprintf("line %d: %s%s", e.Line, text, e.Message)
	}
	return text + e.Message
}

// Path is where in the file it is, as in players[0].min_version; "": the file itself.
func (e Error) Path() string {
	path := e.Section
	if e.Row != "" {
		path += "[" + strconv.Itoa(e.Index) + "]"
	}
	if path != "" && e.Field != "" {
		path += "."
	}
	return path + e.Field
}

// Errors are all that is wrong with a file, in the order of lines.
type Errors []Error

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i := range e {
		lines[i] = e[i].Error()
	}
	return strings.Join(lines, "\n")
}

func (e Errors) orNil() error {
	if len(e) == 0 {
		return nil
	}
	slices.SortStableFunc(e, func(a, b Error) int { return cmp.Compare(a.Line, b.Line) })
	return e
}

// unknownField is a field that there is not; known may be empty.
type unknownField struct {
	name  string
	known []string
}

func (e *unknownField) Error() string {
	if near := nearest(e.name, e.known); near != "" {
		return "unknown field: is it " + near + "?"
	}
	if len(e.known) > 0 {
		return "unknown field: there are " + strings.Join(e.known, ", ")
	}
	return "unknown field: leave it out, or check its spelling"
}

// in returns where below a field the unknown one stands, as far as it can be found.
func (e *unknownField) in(key, value *yaml.Node, path string) (line int, field string) {
	if key.Value == e.name {
		return key.Line, path
	}
	for i, child := range value.Content {
		switch {
		case value.Kind == yaml.SequenceNode:
			if line, field := e.in(child, child, path+"["+strconv.Itoa(i)+"]"); field != "" {
				return line, field
			}
		case i%2 == 0 && i+1 < len(value.Content):
			if line, field := e.in(child, value.Content[i+1], path+"."+child.Value); field != "" {
				return line, field
			}
		}
	}
	return 0, ""
}

// nearest returns the name that differs from text by the fewest letters, "" when none is near.
func nearest(text string, names []string) string {
	best, at := "", len(text)/2+1
	for _, name := range names {
		if d := distance(text, name); d < at {
			best, at = name, d
		}
	}
	return best
}

// distance counts the letters to add, remove or replace (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := left
			if a[i] != b[j] {
				replaced++
			}
			left = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

var pathParts = regexp.MustCompile(`[^.\[\]]+`)

// locate returns the name in the file of a field that Validate complains of, as in upstream[1].address, and the
// line of as much of it as is there.
func (s *section[T, P]) locate(row *yaml.Node, field string) (string, int) {
	for _, r := range s.refs {
		if rest, ok := strings.CutPrefix(field, r.column); ok {
			field = r.field + rest
		}
	}
	at := row.Line
	for node, parts := row, pathParts.FindAllString(field, -1); len(parts) > 0; parts = parts[1:] {
		var next *yaml.Node
		if i, err := strconv.Atoi(parts[0]); err == nil && node.Kind == yaml.SequenceNode && i < len(node.Content) {
			next = node.Content[i]
			at = next.Line
		}
		for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == parts[0] {
				next = node.Content[i+1]
				at = node.Content[i].Line
			}
		}
		if next == nil {
			break
		}
		node = next
	}
	return field, at
}

// typeName says what a field takes.
func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	case reflect.Int, reflect.Int64:
		return "whole number"
	case reflect.Slice:
		return "list"
	case reflect.Struct, reflect.Map:
		return "mapping of fields"
	}
	return t.String()
}

func quoteHint(e *json.UnmarshalTypeError) string {
	if e.Type.Kind() == reflect.String {
		return ": put it in quotes"
	}
	return ""
}
