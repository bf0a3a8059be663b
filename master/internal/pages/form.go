package pages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// timeLayout is how browsers write what is entered as a time.
const timeLayout = "2006-01-02T15:04"

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
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value) // it came from JSON
	return strings.TrimSpace(b.String())
}

// entered writes a value of JSON as a form has it.
func (f field) entered(value any, zone *time.Location) string {
	switch f.Kind {
	case lines:
		parts := []string{}
		list, _ := value.([]any)
		for _, v := range list {
			parts = append(parts, plain(v))
		}
		return strings.Join(parts, "\n")
	case moments:
		if at, ok := moment(value); ok {
			return at.In(zone).Format(timeLayout)
		}
		return ""
	case raw:
		if text, ok := value.(string); ok {
			return text
		}
		if value == nil {
			return ""
		}
		var b bytes.Buffer
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		_ = encoder.Encode(value) // it came from JSON
		return strings.TrimSpace(b.String())
	case secret:
		return ""
	}
	return plain(value)
}

// read returns the JSON value of what was entered. ok is false for what is to stay as it is. A value that cannot be read
// is returned as the text it is, for the admin API to say what it takes.
func (f field) read(form url.Values, zone *time.Location) (value any, ok bool) {
	entered := strings.ReplaceAll(form.Get(f.Name), "\r\n", "\n")
	switch f.Kind {
	case flag:
		return form.Has(f.Name), true
	case integer, size:
		entered = strings.TrimSpace(entered)
		if entered == "" {
			return 0, true
		}
		var n json.Number
		if json.Unmarshal([]byte(entered), &n) != nil {
			return entered, true
		}
		return n, true
	case lines:
		list := []string{}
		for line := range strings.Lines(entered) {
			if line = strings.TrimSpace(line); line != "" {
				list = append(list, line)
			}
		}
		return list, true
	case moments:
		if entered == "" {
			return nil, true
		}
		at, err := time.ParseInLocation(timeLayout, entered, zone)
		if err != nil {
			return entered, true
		}
		return at, true
	case secret:
		return entered, entered != ""
	case oneOf:
		if entered == "" {
			return nil, true
		}
		return json.Number(entered), true
	case manyOf:
		ids := []json.Number{}
		for _, id := range form[f.Name] {
			ids = append(ids, json.Number(id))
		}
		return ids, true
	case raw:
		var any any
		decoder := json.NewDecoder(strings.NewReader(entered))
		decoder.UseNumber()
		if err := decoder.Decode(&any); err != nil || decoder.More() {
			return strings.TrimSpace(entered), true
		}
		return any, true
	case text, "":
		return strings.TrimSpace(entered), true
	}
	return entered, true
}

// input is a field of a form with what is in it.
type input struct {
	field
	Resource string
	Value    string
	Checked  bool
	Chosen   []string // of many
	Choices  []option // of one and many
	Error    string
}

type option struct{ Value, Text string }

// inputs returns the form's fields with the values of a row, or with what was entered.
func (r *resource) inputs(v *visit, values row, entered url.Values, problem *Problem) ([]input, error) {
	refs, err := r.references(v, names(r.fields))
	if err != nil {
		return nil, err
	}
	list := make([]input, len(r.fields))
	for i, f := range r.fields {
		in := input{field: f, Resource: r.path}
		if entered != nil {
			in.Value, in.Checked, in.Chosen = entered.Get(f.Name), entered.Has(f.Name), entered[f.Name]
		} else {
			in.Value = f.entered(values[f.Name], v.Zone)
			in.Checked, _ = values[f.Name].(bool)
			ids, _ := values[f.Name].([]any)
			for _, id := range ids {
				in.Chosen = append(in.Chosen, fmt.Sprint(id))
			}
		}
		for id, name := range refs[f.Name] {
			in.Choices = append(in.Choices, option{id, name})
		}
		slices.SortFunc(in.Choices, func(a, b option) int { return strings.Compare(a.Text, b.Text) })
		in.Error = problem.of(f.Name)
		list[i] = in
	}
	return list, nil
}

// of returns what is wrong with a field or a part of it, "" for nothing.
func (p *Problem) of(name string) string {
	if p == nil {
		return ""
	}
	var said []string
	for _, e := range p.Errors {
		rest, ok := strings.CutPrefix(e.Location, "body."+name)
		if ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			said = append(said, strings.TrimSpace(strings.TrimPrefix(rest, ".")+" "+e.Message))
		}
	}
	return strings.Join(said, "; ")
}

// others returns what is wrong beside the fields of the form.
func (p *Problem) others(fields []field) string {
	if p == nil {
		return ""
	}
	if len(p.Errors) == 0 {
		return p.Detail
	}
	var said []string
	for _, e := range p.Errors {
		if !slices.ContainsFunc(fields, func(f field) bool {
			return (&Problem{Errors: []FieldError{e}}).of(f.Name) != ""
		}) {
			said = append(said, strings.TrimPrefix(e.Location, "body.")+" "+e.Message)
		}
	}
	return strings.Join(said, "; ")
}
