package configfile

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Op is what becomes of a row.
type Op string

// The three.
const (
	Make   Op = "+"
	Alter  Op = "~"
	Delete Op = "-"
)

// Change is a row that is not as it was.
type Change struct {
	Op     Op
	Kind   string // as in paths of the admin API
	Row    string // what names it
	Fields []FieldChange
}

// FieldChange is a field that is not as it was; nil: it is not there, or at its default.
type FieldChange struct {
	Name          string
	Before, After any
}

// Missing is something that a file names and that cannot come from a file: a token.
type Missing struct{ Kind, Row, Field, Name string }

// Result is what a file changes.
type Result struct {
	Changes []Change // in the order in which they are made
	Missing []Missing
}

func (r *Result) add(c Change) { r.Changes = append(r.Changes, c) }

// Count returns how many rows become op.
func (r *Result) Count(op Op) int {
	n := 0
	for _, c := range r.Changes {
		if c.Op == op {
			n++
		}
	}
	return n
}

// compare lists the fields in which two forms of a row differ; nil is a row that is not there, in whose
// place the defaults stand.
func (s *section[T, P]) compare(before, after form) []FieldChange {
	fresh := s.fresh()
	defaults, err := s.form(newWorld(), &fresh)
	if err != nil {
		defaults = form{}
	}
	isNew, gone := before == nil, after == nil
	if isNew {
		before = defaults
	}
	if gone {
		after = defaults
	}
	var changes []FieldChange
	for _, name := range s.fields() {
		if reflect.DeepEqual(before[name], after[name]) {
			continue
		}
		c := FieldChange{name, before[name], after[name]}
		if isNew {
			c.Before = nil
		}
		if gone {
			c.After = nil
		}
		changes = append(changes, c)
	}
	return changes
}

// Write prints the changes for people, as diff does.
func (r *Result) Write(out io.Writer) error {
	var text strings.Builder
	kind := ""
	for _, c := range r.Changes {
		if c.Kind != kind {
			kind = c.Kind
			fmt.Fprintf(&text, "%s:\n", kind)
		}
		fmt.Fprintf(&text, "%s %s\n", c.Op, c.Row)
		for _, f := range c.Fields {
			before, after := lines(f.Name, f.Before), lines(f.Name, f.After)
			same := 0 // of a long text only the lines that differ are shown, and the first
			for same < min(len(before), len(after)) && before[same] == after[same] {
				same++
			}
			end := 0
			for end < min(len(before), len(after))-same && before[len(before)-1-end] == after[len(after)-1-end] {
				end++
			}
			if same > 0 {
				fmt.Fprintf(&text, "      %s\n", before[0])
			}
			for _, line := range before[same : len(before)-end] {
				fmt.Fprintf(&text, "    - %s\n", line)
			}
			for _, line := range after[same : len(after)-end] {
				fmt.Fprintf(&text, "    + %s\n", line)
			}
		}
	}
	for _, m := range r.Missing {
		fmt.Fprintf(&text, "! %s %s: %q of its %s is not here, and cannot come from a file: make it anew\n", m.Kind, m.Row, m.Name, m.Field)
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// lines are those of a field in the file; none for nil.
func lines(name string, value any) []string {
	if value == nil {
		return nil
	}
	text, err := encode(map[string]any{name: value})
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", name, value)}
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := yaml.NewEncoder(&buf)
	enc.SetIndent(2)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return buf.Bytes(), enc.Close()
}

func scalar(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}

func number(n int) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: fmt.Sprint(n)}
}
