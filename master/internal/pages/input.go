package pages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// input is a field of a form with what is in it.
type input struct {
	field
	Resource string
	Form     string // its name in the form: the field's, below what it stands in
	Value    string
	Checked  bool      // of a flag
	Own      bool      // of an optional field: it has a value
	Set      bool      // of an object that may be null: it is not
	Chosen   []string  // of many
	Choices  []option  // of one and many
	Inputs   []input   // of an object
	Rows     [][]input // of rows
	New      bool      // the first input of a row that was just added
	Error    string
}

type option struct{ Value, Text string }

// ID of the input's element; of what says more about it, with a suffix.
func (in input) ID() string { return "f-" + in.Form }

// Row is the name of one of the rows, as the button to remove it says it.
func (in input) Row(i int) string { return fmt.Sprintf("%s.%d", in.Form, i) }

// Number of one of the rows, as people count.
func (input) Number(i int) int { return i + 1 }

// maxRows is how many rows a form has at most; a longer list is edited as JSON, so that no page gets too large.
const maxRows = 80

// filling makes inputs of values.
type filling struct {
	resource string
	zone     *time.Location
	refs     map[string]map[string]string // names of rows that fields refer to, by field and id
	faults   *faults                      // what is wrong; nil for nothing
	grow     string                       // the rows that get one more; "" for none
}

// inputs returns the fields' inputs with the values in them, which are as the API has them or as readFields returned them.
// prefix is what stands before the fields' names in the form.
func (fill filling) inputs(fields []field, prefix string, values row) []input {
	list := make([]input, len(fields))
	for i, f := range fields {
		list[i] = fill.input(f, prefix, values)
	}
	return list
}

func (fill filling) input(f field, prefix string, values row) input {
	value, has := values[f.Name]
	in := input{field: f, Resource: fill.resource, Form: prefix + f.Name, Own: has, Set: value != nil}
	switch f.Kind {
	case flag:
		in.Checked, _ = value.(bool)
	case object:
		in.Inputs = fill.inputs(f.Parts, in.Form+".", rowOf(value))
	case messages:
		fill.addMessages(&in, value)
	case rows:
		fill.addRows(&in, value)
	case manyOf:
		ids, _ := value.([]any)
		for _, id := range ids {
			in.Chosen = append(in.Chosen, fmt.Sprint(id))
		}
	default:
		in.Value = f.shown(value, fill.zone)
	}
	for id, name := range fill.refs[f.Name] {
		in.Choices = append(in.Choices, option{id, name})
	}
	slices.SortFunc(in.Choices, func(a, b option) int { return strings.Compare(a.Text, b.Text) })
	in.Error = fill.faults.take(in.Form, f.Kind) // what is wrong with a part was taken by that
	return in
}

// addRows gives the input a row of inputs for each of the value's, and an empty one where there is none, or one more is
// asked for.
func (fill filling) addRows(in *input, value any) {
	list, ok := value.([]any)
	if text := plain(value); !ok && text != "" { // as in an upstream that is one address
		list = []any{row{in.Parts[0].Name: text}}
	}
	if len(list) > maxRows {
		in.Kind, in.Value = raw, field{Kind: raw}.shown(value, fill.zone)
		return
	}
	for _, one := range list {
		in.Rows = append(in.Rows, fill.inputs(in.Parts, in.Row(len(in.Rows))+".", rowOf(one)))
	}
	if len(in.Rows) > 0 && fill.grow != in.Form {
		return
	}
	empty := fill.inputs(in.Parts, in.Row(len(in.Rows))+".", newRow(in.Parts))
	empty[0].New = fill.grow == in.Form
	in.Rows = append(in.Rows, empty)
}

// newRow is what a form for a new row has in it.
func newRow(fields []field) row {
	values := row{}
	for _, f := range fields {
		switch {
		case f.Kind == choice:
			values[f.Name] = f.Options[0]
		case f.On:
			values[f.Name] = true
		}
	}
	return values
}

// shown writes a value of JSON as an input has it.
func (f field) shown(value any, zone *time.Location) string {
	switch f.Kind {
	case lines:
		list, ok := value.([]any)
		if !ok {
			return plain(value)
		}
		parts := make([]string, len(list))
		for i, v := range list {
			parts[i] = plain(v)
		}
		return strings.Join(parts, "\n")
	case moments:
		if at, ok := moment(value); ok {
			return at.In(zone).Format(timeLayout)
		}
	case raw:
		if text, ok := value.(string); ok || value == nil {
			return text
		}
		return encoded(value, "  ")
	case size:
		return shownSize(value)
	case secret:
		return ""
	}
	return plain(value)
}

// plain writes a value of JSON for people: a text as it is, a list with commas, else JSON.
func plain(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	case json.Number:
		return value.String()
	case bool:
		return fmt.Sprint(value)
	case []any:
		parts := make([]string, len(value))
		for i, v := range value {
			parts[i] = plain(v)
		}
		return strings.Join(parts, ", ")
	}
	return encoded(value, "")
}

func encoded(value any, indent string) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	_ = encoder.Encode(value) // it came from JSON
	return strings.TrimSpace(b.String())
}

// rowOf returns an object of JSON as a row; what is none has nothing in it.
func rowOf(value any) row {
	switch value := value.(type) {
	case row:
		return value
	case map[string]any:
		return value
	}
	return nil
}
