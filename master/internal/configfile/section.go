package configfile

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// stamps are the fields that each master keeps by itself.
var stamps = []string{"id", "created_at", "updated_at", "revision"}

// shown are the fields that an export has also where they are at their default: they say what a row is about.
var shown = []string{"service_type", "apply_to", "dimension", "action"}

// domain is what all resources' types have.
type domain[T any] interface {
	*T
	SetDefaults()
	Validate() error
}

// section is a kind whose rows are of type T. The fields after key may be left out.
type section[T any, P domain[T]] struct {
	title string // of the section, as in paths of the admin API
	table store.Table[T]
	fresh func() T          // a row of which the file says nothing: the defaults
	key   func(*T) []string // tells rows apart on all masters; rows that share one are paired in their order

	called  string        // field that others refer to a row by
	refs    []ref         // fields that refer to rows of other sections, which come before
	without []string      // fields that are not the operators'
	foreign func(*T) bool // rows that are not the operators'
	list    *attached     // what else the file says of a row

	fallback form     // defaults, once they were asked for
	known    []string // fields, likewise
	given    bool     // the file has the section
	rows     []given[T]
}

// given is a row of the file.
type given[T any] struct {
	row   T
	index int                   // in its section
	node  *yaml.Node            // where it stands
	links map[string]*yaml.Node // by the field of a ref
	names []string              // of what is attached
}

// attached is a list of names that go with a row and that a file cannot bring along.
type attached struct {
	field string
	of    func(ctx context.Context, id int64) ([]string, error)
}

func (s *section[T, P]) name() string { return s.title }

// stored is a row of the database.
type stored[T any] struct {
	id   int64
	row  T
	form form
}

// load reads all rows that are the operators', in the order of ids.
func (s *section[T, P]) load(ctx context.Context, w *world) ([]stored[T], error) {
	rows, err := all(ctx, s.table, nil)
	if err != nil {
		return nil, err
	}
	var list []stored[T]
	for i := range rows {
		if s.foreign != nil && s.foreign(&rows[i]) {
			continue
		}
		f, err := s.form(w, &rows[i])
		if err != nil {
			return nil, err
		}
		list = append(list, stored[T]{*s.table.Stamp(&rows[i]).ID, rows[i], f})
	}
	return list, nil
}

func (s *section[T, P]) export(ctx context.Context, w *world) (*yaml.Node, error) {
	rows, err := s.load(ctx, w)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(rows, func(a, b stored[T]) int { return slices.Compare(s.key(&a.row), s.key(&b.row)) })
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for i := range rows {
		w.add(s.title, s.target(rows[i].id, rows[i].form, true))
		if err := s.shorten(rows[i].form); err != nil {
			return nil, err
		}
		if s.list != nil {
			names, err := s.list.of(ctx, rows[i].id)
			if err != nil {
				return nil, err
			}
			if len(names) > 0 {
				rows[i].form[s.list.field] = names
			}
		}
		node, err := s.mapping(rows[i].form)
		if err != nil {
			return nil, err
		}
		list.Content = append(list.Content, node)
	}
	return list, nil
}

// defaults is the form of a row of which a file says nothing.
func (s *section[T, P]) defaults() (form, error) {
	if s.fallback != nil {
		return s.fallback, nil
	}
	fresh := s.fresh()
	var err error
	s.fallback, err = s.form(newWorld(), &fresh)
	return s.fallback, err
}

// shorten takes out of a form what is at its default.
func (s *section[T, P]) shorten(f form) error {
	defaults, err := s.defaults()
	maps.DeleteFunc(f, func(name string, value any) bool {
		return reflect.DeepEqual(value, defaults[name]) && !slices.Contains(shown, name)
	})
	return err
}

func (s *section[T, P]) apply(ctx context.Context, w *world) error {
	have, err := s.load(ctx, w)
	if err != nil {
		return err
	}
	rows := make([]T, len(s.rows))
	forms := make([]form, len(s.rows))
	for i := range s.rows {
		rows[i] = s.rows[i].row
		if err := s.link(w, &s.rows[i], &rows[i]); err != nil {
			return err
		}
		if forms[i], err = s.form(w, &rows[i]); err != nil {
			return err
		}
	}
	if len(w.errs) > 0 {
		return nil
	}
	pairs := s.pair(rows, forms, have)
	for i := range rows {
		id, err := s.put(ctx, w, &s.rows[i], &rows[i], forms[i], pairs[i])
		if err != nil {
			return err
		}
		w.add(s.title, s.target(id, forms[i], true))
		w.result.Rows[s.title] = append(w.result.Rows[s.title], id)
	}
	for i := range have {
		if !slices.Contains(pairs, &have[i]) {
			w.add(s.title, s.target(have[i].id, have[i].form, false))
		}
	}
	return nil
}

// pair finds the database's row for each of the file's, nil for new ones. Of rows that share a key those that
// are the same belong together, then the others in their order.
func (s *section[T, P]) pair(rows []T, forms []form, have []stored[T]) []*stored[T] {
	pairs := make([]*stored[T], len(rows))
	free := map[string][]*stored[T]{}
	for i := range have {
		key := strings.Join(s.key(&have[i].row), "\x00")
		free[key] = append(free[key], &have[i])
	}
	for _, same := range []bool{true, false} {
		for i := range rows {
			key := strings.Join(s.key(&rows[i]), "\x00")
			at := slices.IndexFunc(free[key], func(h *stored[T]) bool { return !same || reflect.DeepEqual(h.form, forms[i]) })
			if pairs[i] == nil && at >= 0 {
				pairs[i] = free[key][at]
				free[key] = slices.Delete(free[key], at, at+1)
			}
		}
	}
	return pairs
}

// put writes a row that is new or not as it was, and returns its id.
func (s *section[T, P]) put(ctx context.Context, w *world, g *given[T], row *T, to form, was *stored[T]) (int64, error) {
	label := s.label(row)
	var id int64
	var err error
	switch {
	case was == nil:
		if err = s.table.Create(ctx, row); err == nil {
			id = *s.table.Stamp(row).ID
			w.result.add(RowChange{Make, s.title, label, 0, s.compare(nil, to)})
		}
	case !reflect.DeepEqual(was.form, to):
		id = was.id
		_, err = s.table.Update(ctx, id, 0, func(old *T) error {
			s.keep(old, row)
			*old = *row
			return nil
		})
		w.result.add(RowChange{Alter, s.title, label, id, s.compare(was.form, to)})
	default:
		id = was.id
	}
	if err != nil {
		return 0, s.blame(err, g, label)
	}
	return id, s.missing(ctx, w, g, label, id)
}

// missing notes what is attached in the file and not here.
func (s *section[T, P]) missing(ctx context.Context, w *world, g *given[T], label string, id int64) error {
	if s.list == nil || len(g.names) == 0 {
		return nil
	}
	have, err := s.list.of(ctx, id)
	if err != nil {
		return err
	}
	for _, name := range g.names {
		if !slices.Contains(have, name) {
			w.result.Missing = append(w.result.Missing, Missing{s.title, label, s.list.field, name})
		}
	}
	return nil
}

func (s *section[T, P]) prune(ctx context.Context, w *world) error {
	if !s.given {
		return nil
	}
	rows, err := s.load(ctx, w)
	if err != nil {
		return err
	}
	for i := range rows {
		t, known := w.target(s.title, rows[i].id)
		if known && t.inFile || rows[i].form["is_default"] == true { // the default profiles cannot go
			continue
		}
		label := s.label(&rows[i].row)
		if err := s.table.Delete(ctx, rows[i].id, 0); err != nil {
			return s.blame(err, nil, label)
		}
		w.result.add(RowChange{Delete, s.title, label, rows[i].id, s.compare(rows[i].form, nil)})
	}
	return nil
}

// keep copies from old what is not in JSON, and so not in a file.
func (s *section[T, P]) keep(old, row *T) {
	from, to := reflect.ValueOf(old).Elem(), reflect.ValueOf(row).Elem()
	for i := range from.NumField() {
		if from.Type().Field(i).Tag.Get("json") == "-" {
			to.Field(i).Set(from.Field(i))
		}
	}
}

func (s *section[T, P]) label(row *T) string {
	return strings.Join(slices.DeleteFunc(s.key(row), func(part string) bool { return part == "" }), " ")
}

// blame says which row of the file an error is about.
func (s *section[T, P]) blame(err error, g *given[T], label string) error {
	at := Error{Section: s.title, Row: label}
	if g != nil {
		at.Line, at.Index = g.node.Line, g.index
	}
	if fields, ok := errors.AsType[fleet.FieldErrors](err); ok {
		var errs Errors
		for _, f := range fields {
			at.Field, at.Message = f.Field, f.Message
			if g != nil {
				at.Field, at.Line = s.locate(g.node, f.Field)
			}
			errs = append(errs, at)
		}
		return errs
	}
	if conflict, ok := errors.AsType[*store.ConflictError](err); ok {
		at.Field, at.Message = conflict.Field, "is taken by another row: choose another, or change that one"
		return Errors{at}
	}
	if errors.Is(err, store.ErrInUse) {
		at.Message = err.Error()
		return Errors{at}
	}
	return err
}
