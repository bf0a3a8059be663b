package analytics

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/privacy"
	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

// Selection is which rows of a kind a list is of, the newest first.
type Selection struct {
	From, To time.Time         // zero: since ever, until ever
	Where    map[string]string // column → value, of the kind's filters
	Limit    int
	Cursor   string        // Page.Next; "": the first page
	Patience time.Duration // after which a page of what was found so far is answered; 0: endless
}

// Page is a part of a list.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next_cursor" doc:"empty: this was the last page; a page may hold fewer rows than its limit, and even none, though there are more: a search goes on from here"`
	// SearchedTo is set when patience ended the search.
	SearchedTo *time.Time `json:"searched_to,omitempty" doc:"of a search that was cut short: it has seen all rows from here on, and next_cursor goes on to earlier ones"`
}

// Kind is a kind of telemetry, whose rows are T, as it is listed.
type Kind[T any] struct {
	Name    telemetry.Kind
	Filters []string // columns that Selection.Where may name
	Indexed string   // the one of them that finds rows without a search; "": none

	time string        // column that From and To are about
	unit time.Duration // that it is a multiple of; 0: any time
	keys []string      // order of lists, all descending; unique together
	key  func(*T) []any
}

// Page reads a page. Errors about the selection are *ParamError.
func (k *Kind[T]) Page(ctx context.Context, a *Analytics, s Selection) (Page[T], error) {
	page := Page[T]{Items: []T{}}
	query := a.db.NewSelect()
	for _, column := range slices.Sorted(maps.Keys(s.Where)) {
		if err := k.where(a.db, query, column, s.Where[column]); err != nil {
			return page, err
		}
	}
	var err error
	if k.keys[0] == "id" && k.time == "time" {
		page, err = k.search(ctx, a, query, s)
	} else {
		page, err = k.read(ctx, query, s)
	}
	if _, bad := errors.AsType[*ParamError](err); err != nil && !bad {
		err = fmt.Errorf("list %s: %w", k.Name, err)
	}
	return page, err
}

// Row returns the row with the id, nil when there is none.
func (k *Kind[T]) Row(ctx context.Context, a *Analytics, id int64) (*T, error) {
	page, err := k.read(ctx, a.db.NewSelect().Where("id = ?", id), Selection{Limit: 1})
	if err != nil {
		return nil, fmt.Errorf("read one of %s: %w", k.Name, err)
	}
	if len(page.Items) == 0 {
		return nil, nil
	}
	return &page.Items[0], nil
}

// Each hands over every row from the selection's first page on.
func (k *Kind[T]) Each(ctx context.Context, a *Analytics, s Selection, row func(*T) error) error {
	for {
		page, err := k.Page(ctx, a, s)
		if err != nil {
			return err
		}
		for i := range page.Items {
			if err := row(&page.Items[i]); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		s.Cursor = page.Next
	}
}

// read reads a page of a kind whose rows lie in the order of its keys.
func (k *Kind[T]) read(ctx context.Context, query *bun.SelectQuery, s Selection) (Page[T], error) {
	page := Page[T]{Items: []T{}}
	query.Model(&page.Items).ModelTableExpr("? AS ?TableAlias", bun.Ident(k.Name))
	if !s.From.IsZero() {
		query.Where("? >= ?", bun.Ident(k.time), s.From.Truncate(max(k.unit, time.Millisecond)).UnixMilli())
	}
	if !s.To.IsZero() {
		query.Where("? < ?", bun.Ident(k.time), s.To.UnixMilli())
	}
	if s.Cursor != "" {
		after, err := k.cursor(s.Cursor)
		if err != nil {
			return page, err
		}
		query.Where("("+strings.Join(k.keys, ", ")+") < (?)", bun.List(after))
	}
	for _, key := range k.keys {
		query.OrderBy(key, bun.OrderDesc)
	}
	if err := query.Limit(int64(s.Limit) + 1).Scan(ctx); err != nil {
		return page, err
	}
	if len(page.Items) > s.Limit {
		page.Items = page.Items[:s.Limit]
		page.Next = nextCursor(k.key(&page.Items[s.Limit-1]))
	}
	return page, nil
}

// where adds a filter.
func (k *Kind[T]) where(db *bun.DB, query *bun.SelectQuery, column, text string) error {
	if !slices.Contains(k.Filters, column) {
		return &ParamError{column, "no value: filters are " + strings.Join(k.Filters, ", ")}
	}
	if values := Spellings(column, text); len(values) > 1 {
		query.Where("? IN (?)", bun.Ident(column), bun.List(values))
		return nil
	}
	var value any = text
	var err error
	switch db.Table(reflect.TypeFor[T]()).FieldMap[column].IndirectType.Kind() {
	case reflect.Bool:
		if value, err = strconv.ParseBool(text); err != nil {
			return &ParamError{column, "true or false"}
		}
	case reflect.Int64:
		if value, err = strconv.ParseInt(text, 10, 64); err != nil {
			return &ParamError{column, "a number"}
		}
	}
	query.Where("? = ?", bun.Ident(column), value)
	return nil
}

// Spellings are the texts under which a value that is asked for may be stored: an id of a user is stored
// without dashes in lower case, and of an address perhaps only its network.
func Spellings(column, value string) []string {
	list := []string{value}
	switch column {
	case "user_id":
		list = append(list, strings.ToLower(strings.ReplaceAll(value, "-", "")))
	case "ip":
		if network, ok := privacy.Network(value); ok {
			list = append(list, network.String())
		}
	}
	return slices.Compact(list)
}

// A cursor is the key of the row before the next one, so that rows that come meanwhile move nothing.
func nextCursor(key []any) string {
	text, err := json.Marshal(key)
	if err != nil {
		panic(err) // numbers and texts
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

func (k *Kind[T]) cursor(text string) ([]any, error) {
	bad := &ParamError{"cursor", "the next_cursor of an earlier page of this list"}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, bad
	}
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.UseNumber()
	var parts []any
	if err := decoder.Decode(&parts); err != nil || len(parts) != len(k.keys) {
		return nil, bad
	}
	var zero T
	for i, like := range k.key(&zero) {
		n, isNumber := parts[i].(json.Number)
		_, isText := parts[i].(string)
		switch like.(type) {
		case string:
			if !isText {
				return nil, bad
			}
		default:
			if !isNumber {
				return nil, bad
			}
			if parts[i], err = n.Int64(); err != nil {
				return nil, bad
			}
		}
	}
	return parts, nil
}
