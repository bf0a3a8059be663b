package configfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// File is a file that was read and checked, as far as that goes without the database.
type File struct{ kinds []kind }

// Parse reads a file for a database. What is wrong with it, all of it, is Errors.
func Parse(st *store.Store, text []byte) (*File, error) {
	doc, err := document(text)
	if err != nil {
		return nil, err
	}
	f := &File{kinds(st)}
	version, errs := f.parse(doc)
	if version != strconv.Itoa(format) {
		errs = append(Errors{{Line: doc.Line, Field: formatField, Message: fmt.Sprintf("must be %d, the form of file that this uhd-master reads", format)}}, errs...)
	}
	return f, errs.orNil()
}

// parse reads all sections, and returns what the file says its form is.
func (f *File) parse(doc *yaml.Node) (version string, errs Errors) {
	eachPair(doc, &errs, Error{}, func(key, value *yaml.Node) {
		i := slices.IndexFunc(f.kinds, func(k kind) bool { return k.name() == key.Value })
		switch {
		case key.Value == formatField:
			version = value.Value
		case i < 0:
			errs = append(errs, Error{Line: key.Line, Field: key.Value, Message: "unknown section: there are " + strings.Join(Resources(), ", ")})
		default:
			f.kinds[i].parse(value, &errs)
		}
	})
	return version, errs
}

// yamlLine is how the YAML reader says where it stopped.
var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

var errEmpty = Errors{{Line: 1, Message: "the file is empty: `uhd-master export` shows what one looks like"}}

// document returns the mapping that a file is.
func document(text []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, errEmpty
	} else if err != nil {
		return nil, notYAML(err)
	}
	if err := dec.Decode(&more); err == nil {
		return nil, Errors{{Line: more.Line, Message: "is a second document: a file holds one"}}
	} else if !errors.Is(err, io.EOF) {
		return nil, notYAML(err)
	}
	if len(doc.Content) == 0 {
		return nil, errEmpty
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, Errors{{Line: root.Line, Message: "must be sections: " + strings.Join(Resources(), ", ")}}
	}
	return root, nil
}

func notYAML(err error) error {
	at := Error{Line: 1, Message: "is not YAML: " + err.Error()}
	if found := yamlLine.FindStringSubmatch(err.Error()); found != nil {
		at.Line, _ = strconv.Atoi(found[1])
		at.Message = "is not YAML: " + err.Error()[len(found[0]):]
	}
	return Errors{at}
}

// eachPair goes through a mapping; a key that stands twice is an error.
func eachPair(node *yaml.Node, errs *Errors, at Error, do func(key, value *yaml.Node)) {
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if seen[key.Value] {
			at.Line, at.Field, at.Message = key.Line, key.Value, "stands there twice: keep one"
			*errs = append(*errs, at)
			continue
		}
		seen[key.Value] = true
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		do(key, value)
	}
}

func (s *section[T, P]) parse(list *yaml.Node, errs *Errors) {
	s.given = true
	if list.Tag == "!!null" {
		return
	}
	if list.Kind != yaml.SequenceNode {
		*errs = append(*errs, Error{Line: list.Line, Section: s.title, Message: "must be a list, of which each entry begins with a dash"})
		return
	}
	for i, node := range list.Content {
		if node.Kind == yaml.AliasNode {
			node = node.Alias
		}
		at := Error{Line: node.Line, Section: s.title, Row: strconv.Itoa(i + 1), Index: i}
		if node.Kind != yaml.MappingNode {
			at.Message = "must have fields: " + strings.Join(s.fields(), ", ")
			*errs = append(*errs, at)
			continue
		}
		s.parseRow(node, at, errs)
	}
}

// parseRow keeps one row with what it leaves out at its default.
func (s *section[T, P]) parseRow(node *yaml.Node, at Error, errs *Errors) {
	g := given[T]{row: s.fresh(), index: at.Index, node: node, links: map[string]*yaml.Node{}}
	before := len(*errs)
	eachPair(node, errs, at, func(key, value *yaml.Node) {
		at := at
		at.Line, at.Field = key.Line, key.Value
		if err := s.parseField(&g, key.Value, value); err != nil {
			at.Message = err.Error()
			if wrong, ok := errors.AsType[*unknownField](err); ok {
				at.Line, at.Field = wrong.in(key, value, at.Field)
			}
			*errs = append(*errs, at)
		}
	})
	row := P(&g.row)
	row.SetDefaults()
	if label := s.label(&g.row); label != "" {
		at.Row = label
		for i := range (*errs)[before:] {
			(*errs)[before+i].Row = label
		}
	}
	var fields fleet.FieldErrors
	if err := row.Validate(); len(*errs) == before && errors.As(err, &fields) {
		for _, f := range fields {
			at.Field, at.Line = s.locate(node, f.Field)
			at.Message = f.Message
			*errs = append(*errs, at)
		}
	}
	s.rows = append(s.rows, g)
}

func (s *section[T, P]) parseField(g *given[T], field string, value *yaml.Node) error {
	if s.list != nil && field == s.list.field {
		if err := value.Decode(&g.names); err != nil {
			return errors.New("takes a list of names")
		}
		return nil
	}
	for _, r := range s.refs {
		switch {
		case r.field == field && r.many && value.Kind != yaml.SequenceNode:
			return fmt.Errorf("takes a list of what %s are called", r.to)
		case r.field == field && !r.many && value.Kind == yaml.SequenceNode:
			return fmt.Errorf("takes one name of the %s", r.to)
		case r.field == field:
			g.links[field] = value
			return nil
		}
	}
	if known := s.fields(); !slices.Contains(known, field) {
		return &unknownField{field, known}
	}
	return decodeField(field, value, &g.row)
}

// decodeField sets the field of row that JSON calls so.
func decodeField(field string, value *yaml.Node, row any) error {
	var v any
	if err := value.Decode(&v); err != nil {
		return err
	}
	err := setField(field, v, row)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if wrong.Type.Kind().String() == "string" && value.Kind == yaml.ScalarNode && setField(field, value.Value, row) == nil {
			return nil // as in min_version: 7.10
		}
		return fmt.Errorf("does not take a %s, but a %s%s", wrong.Value, typeName(wrong.Type), quoteHint(wrong))
	}
	return err
}

func setField(field string, v, row any) error {
	text, err := json.Marshal(map[string]any{field: v})
	if err != nil {
		return errors.New("has keys or values that JSON has not: keys must be texts")
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	err = dec.Decode(row)
	if err == nil {
		return nil
	}
	if unknown, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok { // encoding/json has no type for it
		name, _ := strconv.Unquote(unknown)
		return &unknownField{name: name}
	}
	return err
}
