package store

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"
)

// Query selects a page of a list, in the order of ids, or against it where the newest come first, or with what was
// changed last at the head.
type Query struct {
	Limit  int               // 0: DefaultLimit; at most MaxLimit
	Cursor string            // a Page's Next; "": the first page
	Q      string            // part of a name or the like, in any case
	Where  map[string]string // column → value, of Filters only
	From   time.Time         // of the audit log: not before; zero: no bound
	To     time.Time         // of the audit log: before
}

// Bounds of Query.Limit.
const (
	DefaultLimit = 100
	MaxLimit     = 500
)

// Page is a part of a list.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next_cursor"` // "": this was the last page
}

// QueryError says which parameter of a Query is bad.
type QueryError struct{ Name, Takes string }

func (e *QueryError) Error() string { return e.Name + " takes " + e.Takes }

// Filters are the columns that Query.Where may name.
func (t Table[T]) Filters() []string { return t.filters }

// List returns a page of rows. A bad query is a *QueryError.
func (t Table[T]) List(ctx context.Context, q Query) (Page[T], error) {
	page := Page[T]{Items: []T{}}
	order, beyond := bun.OrderAsc, "id > ?"
	if t.newest || t.latest {
		order, beyond = bun.OrderDesc, "id < ?"
	}
	query := t.s.reader(ctx).NewSelect().Model(&page.Items)
	if t.latest {
		query.OrderBy("updated_at", order)
		beyond = "(updated_at, id) < (SELECT updated_at, id FROM ?TableName WHERE id = ?)"
	}
	query.OrderBy("id", order)
	if t.only != nil {
		t.only(query)
	}
	if q.Cursor != "" {
		after, err := strconv.ParseInt(q.Cursor, 10, 64)
		if err != nil {
			return page, &QueryError{"cursor", "the next_cursor of an earlier page"}
		}
		query.Where(beyond, after)
	}
	for _, column := range slices.Sorted(maps.Keys(q.Where)) {
		value, err := t.filterValue(column, q.Where[column])
		if err != nil {
			return page, err
		}
		query.Where("? = ?", bun.Ident(column), value)
	}
	if q.Q != "" {
		like := "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(q.Q) + "%"
		query.WhereGroup(" AND ", func(either *bun.SelectQuery) *bun.SelectQuery {
			for _, column := range t.search {
				either.WhereOr(`LOWER(?) LIKE LOWER(?) ESCAPE '\'`, bun.Ident(column), like)
			}
			return either
		})
	}
	limit := q.Limit
	if limit == 0 {
		limit = DefaultLimit
	}
	limit = min(limit, MaxLimit)
	if err := query.Limit(int64(limit) + 1).Scan(ctx); err != nil {
		return page, fmt.Errorf("list: %w", err)
	}
	if len(page.Items) > limit {
		page.Items = page.Items[:limit]
		page.Next = strconv.FormatInt(*t.stamp(&page.Items[limit-1]).ID, 10)
	}
	return page, nil
}

// filterValue returns value as the column's type needs it.
func (t Table[T]) filterValue(column, value string) (any, error) {
	if !slices.Contains(t.filters, column) {
		return nil, &QueryError{column, "no value: filters are " + strings.Join(t.filters, ", ")}
	}
	field := t.s.db.Table(reflect.TypeFor[T]()).FieldMap[column]
	switch kind := field.IndirectType.Kind(); kind {
	case reflect.Bool:
		b, err := strconv.ParseBool(value)
		if err != nil {
			return nil, &QueryError{column, "true or false"}
		}
		return b, nil
	case reflect.Int64:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return nil, &QueryError{column, "a whole number"}
		}
		return n, nil
	default:
		return value, nil
	}
}
