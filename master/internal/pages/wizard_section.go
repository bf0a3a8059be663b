package pages

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	tableRows  = 100 // of the library on one page
	openRows   = 8   // of the draft that have their form open, beside those that are wrong
	wrongRows  = 16  // of those
	closedRows = 50  // of the draft on one page, of those without a form
)

// sectionView is what a step shows of one resource.
type sectionView struct {
	*choices
	Forms  []rowForm
	Closed []rowForm // a page of those without their inputs: opened one by one
	Held   browsing  // which page that is
	Table  []tableRow
	Browse browsing
	Error  string
}

// rowForm is a row of the draft with its inputs.
type rowForm struct {
	*entry
	Number int
	Title  string
	Inputs []input
	Add    bool // an empty one, for a new row
}

// tableRow is a row of the library in the table.
type tableRow struct {
	*entry
	Title   string
	Inline  []input
	Changed bool
}

// browsing is which rows of the library the table shows.
type browsing struct {
	Q              string
	Only           bool // what is chosen
	Page           int  // from 1
	Pages          int
	Found          int
	Chosen, Listed int // of all
}

// Path, Selects, ByDefault and Columns are for templates.
func (s sectionView) Path() string      { return s.path }
func (s sectionView) Selects() bool     { return s.selects != "" }
func (s sectionView) ByDefault() bool   { return s.draft.byDefault() }
func (s sectionView) Columns() []string { return s.columns }

// Before and After are the pages beside the one that is shown.
func (b browsing) Before() int { return b.Page - 1 }
func (b browsing) After() int  { return b.Page + 1 }

// InlineColumns are those of the table that have inputs.
func (s sectionView) InlineColumns() []string { return s.inline }

// Cell of the table.
func (s sectionView) Cell(v sheet, values row, column string) any {
	return listing{resource: s.resource()}.Cell(v, values, column)
}

// asked is what of a step's page the query asks for.
func asked(query url.Values, what, section string) string { return query.Get(what + "." + section) }

// view returns what the page shows of the section.
func (c *choices) view(query url.Values, fill filling) sectionView {
	fill.resource = c.path
	s := sectionView{choices: c}
	s.addForms(query, fill)
	if fill.grow == c.path {
		fresh := &entry{Row: newRow(c.resource().fields), Index: c.next(), Chosen: true}
		s.Forms = append(s.Forms, s.form(fresh, fill))
		last := &s.Forms[len(s.Forms)-1]
		last.Add, last.Inputs[0].New = true, true // which has the focus
	}
	s.addTable(query, fill)
	if c.selects != "" {
		s.Error = fill.faults.take("profiles.0."+c.selects, text)
	}
	return s
}

// next is the number of a row that is added.
func (c *choices) next() int {
	n := 0
	for _, e := range c.list {
		n = max(n, e.Index+1)
	}
	return n
}

// addForms shows the draft's rows: those open that are wrong or asked for, and the last ones.
func (s *sectionView) addForms(query url.Values, fill filling) {
	open, wrong := 0, 0
	var closed []rowForm
	for _, e := range slices.Backward(s.list) {
		if !e.Held || s.inTable(e) {
			continue
		}
		name := s.path + "." + strconv.Itoa(e.Index)
		switch {
		case query.Get("open") == name || strings.HasPrefix(fill.grow, name+"."):
		case wrong < wrongRows && fill.faults.has(name):
			wrong++
		case open < openRows:
			open++
		default:
			closed = append(closed, rowForm{entry: e, Number: e.Index, Title: s.title(e.Row)})
			continue
		}
		s.Forms = append(s.Forms, s.form(e, fill))
	}
	slices.Reverse(s.Forms)
	slices.Reverse(closed)
	s.Closed = turn(&s.Held, closed, asked(query, "held", s.path), closedRows)
}

// turn returns a page of a list, and notes which.
func turn[T any](b *browsing, list []T, page string, size int) []T {
	b.Found, b.Pages = len(list), max(1, (len(list)+size-1)/size)
	b.Page, _ = strconv.Atoi(page)
	b.Page = min(max(b.Page, 1), b.Pages)
	return list[(b.Page-1)*size : min(b.Page*size, len(list))]
}

func (s *sectionView) form(e *entry, fill filling) rowForm {
	return rowForm{
		entry: e, Number: e.Index, Title: s.title(e.Row),
		Inputs: fill.inputs(s.formFields(e.Was != nil), fmt.Sprintf("%s.%d.", s.path, e.Index), e.Row),
	}
}

// addTable shows a page of the library's rows that are for the draft's service, by name.
func (s *sectionView) addTable(query url.Values, fill filling) {
	b := browsing{Q: strings.TrimSpace(asked(query, "q", s.path)), Only: asked(query, "only", s.path) != ""}
	var found []*entry
	for _, e := range s.list {
		if e.Chosen {
			b.Chosen++
		}
		if !s.inTable(e) || !e.Chosen && !fits(e.Row, s.draft.ServiceType) {
			continue
		}
		b.Listed++
		if b.Only && !e.Chosen || !s.matches(e, b.Q) {
			continue
		}
		found = append(found, e)
	}
	slices.SortStableFunc(found, func(a, b *entry) int {
		return cmp.Compare(strings.ToLower(s.title(a.Row)), strings.ToLower(s.title(b.Row)))
	})
	for _, e := range turn(&b, found, asked(query, "page", s.path), tableRows) {
		s.Table = append(s.Table, s.tableRow(e, fill))
	}
	s.Browse = b
}

func (s *sectionView) tableRow(e *entry, fill filling) tableRow {
	t := tableRow{entry: e, Title: s.title(e.Row), Changed: e.Held && len(s.differing(e.Was, e.Row)) > 0}
	for _, name := range s.inline {
		f := s.resource().field(name)
		in := fill.input(f, "inline."+s.path+"."+e.ID+".", e.Row)
		if e.Held {
			in.Error = fill.faults.take(fmt.Sprintf("%s.%d.%s", s.path, e.Index, name), f.Kind)
		}
		t.Inline = append(t.Inline, in)
	}
	return t
}

// matches reports whether a row has a text in its name or in a column.
func (c *choices) matches(e *entry, q string) bool {
	has := func(name string) bool {
		return strings.Contains(strings.ToLower(plain(e.Row[name])), strings.ToLower(q))
	}
	return q == "" || slices.ContainsFunc(c.keys, has) || slices.ContainsFunc(c.columns, has)
}
