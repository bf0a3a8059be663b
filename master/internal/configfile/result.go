package configfile

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Op is what becomes of a row, as the audit log calls it.
type Op string

// The three.
const (
	Make   Op = "create"
	Alter  Op = "update"
	Delete Op = "delete"
)

// sign is what Write puts in front of rows.
func (o Op) sign() string {
	switch o {
	case Make:
		return "+"
	case Alter:
		return "~"
	default:
		return "-"
	}
}

// RowChange is a row that is not as it was.
type RowChange struct {
	Op     Op            `json:"op" enum:"create,update,delete"`
	Kind   string        `json:"resource" doc:"as in paths of the admin API"`
	Row    string        `json:"row" doc:"what names it"`
	ID     int64         `json:"id,omitempty" doc:"absent of a row that is new"` // so that a change has one form, however often it is tried
	Fields []FieldChange `json:"fields"`
}

// FieldChange is a field that is not as it was; nil: it is not there, or at its default.
type FieldChange struct {
	Name   string `json:"name"`
	Before any    `json:"before" doc:"null: it is not there"`
	After  any    `json:"after" doc:"null: it is not there"`
}

// Missing is something that a file names and that cannot come from a file: a token.
type Missing struct{ Kind, Row, Field, Name string }

// Result is what a file changes.
type Result struct {
	Changes []RowChange // in the order in which they are made
	Missing []Missing
	Rows    map[string][]int64 // ids of the file's rows, by section, in their order
}

func (r *Result) add(c RowChange) { r.Changes = append(r.Changes, c) }

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
	defaults, err := s.defaults()
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
	changes := []FieldChange{}
	for _, name := range s.fields() {
		if reflect.DeepEqual(before[name], after[name]) {
			continue
		}
		c := FieldChange{Name: name, Before: before[name], After: after[name]}
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
		fmt.Fprintf(&text, "%s %s\n", c.Op.sign(), c.Row)
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
