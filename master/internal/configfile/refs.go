package configfile

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/uhdadmin/media-gateway/master/internal/library"
)

// ref is a field that names rows of another section by what they are called, in place of a column of ids.
type ref struct {
	column string // JSON name of the ids in the row's type: one or null, or a list
	field  string // name in the file
	to     string // title of the section
	many   bool   // it is a list
}

// target is a row that others may refer to.
type target struct {
	id          int64
	called      string
	serviceType string
	inFile      bool
}

// targets are those of a section, in the order of the file, then of ids.
type targets struct {
	list   []target
	byName map[string][]int // places in list
	byID   map[int64]int
}

// add notes a row of a section.
func (w *world) add(title string, t target) {
	of := w.targets[title]
	if of == nil {
		of = &targets{byName: map[string][]int{}, byID: map[int64]int{}}
		w.targets[title] = of
	}
	of.byName[t.called] = append(of.byName[t.called], len(of.list))
	of.byID[t.id] = len(of.list)
	of.list = append(of.list, t)
}

// target returns the row of a section with the id.
func (w *world) target(title string, id int64) (t target, ok bool) {
	of := w.targets[title]
	if of == nil {
		return t, false
	}
	if at, ok := of.byID[id]; ok {
		return of.list[at], true
	}
	return t, false
}

func (s *section[T, P]) target(id int64, f form, inFile bool) target {
	t := target{id: id, inFile: inFile}
	t.called, _ = f[s.called].(string)
	t.serviceType, _ = f["service_type"].(string)
	return t
}

// name is how a file refers to a row: by what it is called alone, as far as that tells it from others.
type name struct {
	Name        string `yaml:"name"`
	ServiceType string `yaml:"service_type,omitempty"`
	Number      int    `yaml:"number,omitempty"` // of several with that name, in their order: 1, 2, …
}

// UnmarshalYAML reads both forms.
func (n *name) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		n.Name = node.Value
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if !slices.Contains([]string{"name", "service_type", "number"}, node.Content[i].Value) {
			return fmt.Errorf("takes name, service_type and number, not %s", node.Content[i].Value)
		}
	}
	type plain name
	return node.Decode((*plain)(n))
}

// find returns the rows of a section that n may mean in a row of the service type: those of the file before
// others, and those that fit the service type before others.
func (w *world) find(to, serviceType string, n name) []target {
	var found []target
	if of := w.targets[to]; of != nil {
		for _, at := range of.byName[n.Name] {
			if t := of.list[at]; n.ServiceType == "" || n.ServiceType == t.serviceType {
				found = append(found, t)
			}
		}
	}
	for _, better := range []func(target) bool{
		func(t target) bool { return t.inFile },
		func(t target) bool { return t.serviceType == serviceType || t.serviceType == string(library.All) },
	} {
		if slices.ContainsFunc(found, better) {
			found = slices.DeleteFunc(found, func(t target) bool { return !better(t) })
		}
	}
	if n.Number > 0 {
		if n.Number > len(found) {
			return nil
		}
		return found[n.Number-1 : n.Number]
	}
	return found
}

// refer returns how the file names the rows with the ids, which are one, null or a list.
func (w *world) refer(to, serviceType string, ids any) any {
	switch ids := ids.(type) {
	case []any:
		names := make([]any, len(ids))
		for i := range ids {
			names[i] = w.refer(to, serviceType, ids[i])
		}
		return names
	case int64:
		return w.nameOf(to, serviceType, ids)
	}
	return nil
}

func (w *world) nameOf(to, serviceType string, id int64) any {
	t, ok := w.target(to, id)
	if !ok {
		return fmt.Sprintf("(id %d, which is not there)", id)
	}
	unique := func(n name) bool {
		found := w.find(to, serviceType, n)
		return len(found) == 1 && found[0].id == id
	}
	if unique(name{Name: t.called}) {
		return t.called
	}
	full := map[string]any{"name": t.called, "service_type": t.serviceType}
	for n := (name{Name: t.called, ServiceType: t.serviceType}); !unique(n) && n.Number < len(w.targets[to].list); {
		n.Number++
		full["number"] = int64(n.Number)
	}
	return full
}

// link writes into row the ids of the rows that the file names. Names that mean no row, or several, go to
// w.errs.
func (s *section[T, P]) link(w *world, g *given[T], row *T) error {
	if len(g.links) == 0 {
		return nil
	}
	f, err := s.form(w, row)
	if err != nil {
		return err
	}
	serviceType, _ := f["service_type"].(string)
	columns := map[string]any{}
	for _, r := range s.refs {
		node := g.links[r.field]
		if node == nil {
			continue
		}
		ids := []int64{}
		for i, n := range r.names(node) {
			id, err := w.resolve(r.to, serviceType, n)
			if err != nil {
				at := Error{Line: n.Line, Section: s.title, Row: s.label(row), Index: g.index, Field: r.field, Message: err.Error()}
				if r.many {
					at.Field += "[" + strconv.Itoa(i) + "]"
				}
				w.errs = append(w.errs, at)
			}
			ids = append(ids, id)
		}
		switch {
		case r.many:
			columns[r.column] = ids
		case len(ids) > 0:
			columns[r.column] = ids[0]
		}
	}
	text, err := json.Marshal(columns)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, row)
}

// names are the nodes that each name a row.
func (r ref) names(node *yaml.Node) []*yaml.Node {
	switch {
	case node.Kind == yaml.SequenceNode:
		return node.Content
	case node.Tag == "!!null":
		return nil
	}
	return []*yaml.Node{node}
}

// resolve returns the id of the row that node names.
func (w *world) resolve(to, serviceType string, node *yaml.Node) (int64, error) {
	var n name
	if err := node.Decode(&n); err != nil {
		return 0, fmt.Errorf("takes names, as %s are called, or {name: …, service_type: …}: %w", to, err)
	}
	switch found := w.find(to, serviceType, n); len(found) {
	case 1:
		return found[0].id, nil
	case 0:
		return 0, fmt.Errorf("names %q, which is none of the %s: check its spelling, or add it to them", n.Name, to)
	default:
		return 0, fmt.Errorf("names %q, which %d of the %s are called: write {name: …, service_type: …, number: 1} for the first of them", n.Name, len(found), to)
	}
}
