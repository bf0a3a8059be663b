package configfile

import (
	"bytes"
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// form is a row as the file has it, with all of its fields: values as encoding/json makes them, but whole
// numbers are int64.
type form map[string]any

func (s *section[T, P]) form(w *world, row *T) (form, error) {
	text, err := json.Marshal(inUTC(*row))
	if err != nil {
		return nil, err
	}
	f := form{}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&f); err != nil {
		return nil, err
	}
	for _, name := range slices.Concat(stamps, s.without) {
		delete(f, name)
	}
	for name, value := range f {
		f[name] = plain(value)
	}
	kindOf, _ := f["service_type"].(string)
	for _, r := range s.refs {
		f[r.field] = w.refer(r.to, kindOf, f[r.column])
		delete(f, r.column)
	}
	return f, nil
}

// inUTC returns row with its times in the form in which databases of both kinds return them, so that they can be
// compared.
func inUTC[T any](row T) T {
	v := reflect.ValueOf(&row).Elem()
	for _, f := range reflect.VisibleFields(v.Type()) {
		if f.Type == reflect.TypeFor[*time.Time]() {
			if at := v.FieldByIndex(f.Index).Interface().(*time.Time); at != nil {
				v.FieldByIndex(f.Index).Set(reflect.ValueOf(new(at.UTC().Truncate(time.Microsecond))))
			}
		}
	}
	return row
}

// plain makes numbers of json.Numbers.
func plain(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = plain(v[name])
		}
	}
	return value
}

// fields are the names that a row of the file may have, in the order of T.
func (s *section[T, P]) fields() []string {
	if s.known == nil {
		s.known = s.fieldNames()
	}
	return s.known
}

func (s *section[T, P]) fieldNames() []string {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || name == "-" || slices.Contains(stamps, name) || slices.Contains(s.without, name) || slices.Contains(names, name) {
			continue
		}
		for _, r := range s.refs {
			if r.column == name {
				name = r.field
			}
		}
		names = append(names, cmp.Or(name, f.Name))
	}
	if s.list != nil {
		names = append(names, s.list.field)
	}
	return names
}

// mapping writes a form in the order of fields.
func (s *section[T, P]) mapping(f form) (*yaml.Node, error) {
	node := &yaml.Node{Kind: yaml.MappingNode}
	for _, name := range s.fields() {
		value, ok := f[name]
		if !ok {
			continue
		}
		v := new(yaml.Node)
		if err := v.Encode(value); err != nil {
			return nil, err
		}
		node.Content = append(node.Content, scalar(name), v)
	}
	return node, nil
}
