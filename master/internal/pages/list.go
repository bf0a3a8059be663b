package pages

import (
	"fmt"
	"net/url"
	"slices"
)

// row is one of a resource, as the admin API has it.
type row map[string]any

// ID of the row, as in paths.
func (r row) ID() string { return fmt.Sprint(r["id"]) }

// listing is what the list page shows.
type listing struct {
	*resource
	Rows    []row
	Chosen  map[string]string // by filter
	Next    string            // the page after this one; "" for none
	First   bool
	Refs    map[string]map[string]string // names of rows that these rows refer to, by field and id
	Headers []string
}

// list shows the rows of a resource, a page at a time.
func (r *resource) list(v *visit) error {
	if r.page != nil {
		return r.page(v)
	}
	asked := v.r.URL.Query()
	query := url.Values{"limit": {"50"}}
	l := listing{resource: r, Chosen: map[string]string{}, First: asked.Get("cursor") == "", Headers: r.columns}
	for _, name := range append([]string{"q", "cursor"}, names(r.filters)...) {
		if value := asked.Get(name); value != "" {
			query.Set(name, value)
			l.Chosen[name] = value
		}
	}
	page, err := pageOf[row](v, r.path, query)
	if err != nil {
		return err
	}
	l.Rows = page.Items
	l.Next = nextPage(v, page.NextCursor)
	if l.Refs, err = r.references(v, r.columns); err != nil {
		return err
	}
	return v.show("list", l)
}

// Cell is the value of a row in a column, ready to be shown.
func (l listing) Cell(v sheet, row row, column string) any {
	value := row[column]
	f := l.field(column)
	if l.path == "enforcements" {
		switch made := rowOf(row["automatic"]); {
		case column == "state":
			return v.T("enforcement." + l.State(row))
		case column == "reason" && made != nil:
			return v.madeOf(made)
		}
	}
	if f.Kind == oneOf {
		return l.Refs[column][plain(value)]
	}
	if _, ok := moment(value); ok {
		return v.Time(value)
	}
	text := v.say(l.path, f, value)
	if text == "" && column == l.title && row["id"] != nil { // what links to the row
		text = "#" + row.ID()
	}
	return text
}

// Option is the text for one of a field's choices; a resource's is its title.
func (v *visit) Option(value string) string {
	for _, key := range []string{"option." + value, value + ".title"} {
		if v.Has(key) {
			return v.T(key)
		}
	}
	return value
}

// Label of a field.
func (v *visit) Label(resource, field string) string {
	if key := resource + "." + field; v.Has(key) {
		return v.T(key)
	}
	return v.T("field." + field)
}

// Help says more about a field, "" for nothing.
func (v *visit) Help(resource, field string) string {
	for _, key := range []string{resource + "." + field + ".help", "help." + field} {
		if v.Has(key) {
			return v.T(key)
		}
	}
	return ""
}

func names(fields []field) []string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = f.Name
	}
	return list
}

// field returns that field of the resource; one that its form does not have is text.
func (r *resource) field(name string) field {
	for _, f := range slices.Concat(r.fields, r.filters) {
		if f.Name == name {
			return f
		}
	}
	return field{Name: name}
}

// Path, Title, Filters and Live are for templates.
func (r *resource) Path() string     { return r.path }
func (r *resource) Title() string    { return r.title }
func (r *resource) Filters() []field { return r.filters }
func (r *resource) Live() bool       { return r.live }
func (r *resource) Cloned() bool     { return r.cloned }

// MayWrite reports whether the visitor may change rows.
func (r *resource) MayWrite(v sheet) bool { return v.Me.May(r.role) }

// references returns the names of the rows that fields refer to, by field and id.
func (r *resource) references(v *visit, fields []string) (map[string]map[string]string, error) {
	refs := map[string]map[string]string{}
	for _, f := range r.fields {
		if f.Of == "" || !slices.Contains(fields, f.Name) {
			continue
		}
		rows, err := allOf[row](v, f.Of, url.Values{})
		if err != nil {
			return nil, err
		}
		refs[f.Name] = map[string]string{}
		for _, row := range rows {
			refs[f.Name][row.ID()] = plain(row[resourceAt(f.Of).title])
		}
	}
	return refs, nil
}

// page is a page of a list, as the admin API answers it.
type page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor"`
}

// pageOf returns one page of a list.
func pageOf[T any](v *visit, path string, query url.Values) (page[T], error) {
	var p page[T]
	return p, v.get(path+"?"+query.Encode(), &p)
}

// allOf returns a list whole, of the rows that the query selects.
func allOf[T any](v *visit, path string, query url.Values) ([]T, error) {
	query.Set("limit", "500")
	var rows []T
	for {
		p, err := pageOf[T](v, path, query)
		if err != nil {
			return nil, err
		}
		rows = append(rows, p.Items...)
		if p.NextCursor == "" {
			return rows, nil
		}
		query.Set("cursor", p.NextCursor)
	}
}

// nextPage is the link to the page after this one, with the same query; "" where there is none.
func nextPage(v *visit, cursor string) string {
	if cursor == "" {
		return ""
	}
	query := v.r.URL.Query()
	query.Set("cursor", cursor)
	return "?" + query.Encode()
}
