package adminapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/auth"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// resource is what makes one table a resource of the API; the zero values of the fields after fresh
// stand for nothing special.
type resource[T any] struct {
	path  string // "uri-rules"
	one   string // "uri-rule"
	table store.Table[T]
	fresh func() T // a new row before its request is decoded onto it: the defaults

	role     account.Role                                             // that it takes to write, and to read when it is Admin; "": Operator
	readOnly []string                                                 // fields that requests may hold but not change
	guard    func(who auth.Principal, old, row *T) error              // refuses a change; old of a new row is fresh
	extra    func(context.Context, json.RawMessage) (func(*T), error) // takes from a body what T's JSON does not have
	changed  func()                                                   // called after each write
	schema   func(*huma.Schema)                                       // refines T's schema
}

type itemOutput[T any] struct {
	ETag string `header:"ETag" doc:"for If-Match"`
	Body *T
}

type createdOutput[T any] struct {
	ETag     string `header:"ETag" doc:"for If-Match"`
	Location string `header:"Location"`
	Body     *T
}

type pageOutput[T any] struct{ Body store.Page[T] }

type idInput struct {
	ID int64 `path:"id" minimum:"1"`
}

type createInput struct{ Body json.RawMessage }

type changeInput struct {
	ID      int64  `path:"id" minimum:"1"`
	IfMatch string `header:"If-Match" doc:"ETag of the row as it was read: 412 when it has changed since"`
	Body    json.RawMessage
}

type deleteInput struct {
	ID      int64  `path:"id" minimum:"1"`
	IfMatch string `header:"If-Match" doc:"ETag of the row as it was read: 412 when it has changed since"`
}

// listInput selects a page. Parameters that it does not name are the resource's filters.
type listInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"500" doc:"rows per page; 100 when absent"`
	Cursor string `query:"cursor" doc:"next_cursor of the page before"`
	Q      string `query:"q" maxLength:"200" doc:"part of a name or the like, in any case"`
	where  map[string]string
}

// Resolve keeps the filters.
func (in *listInput) Resolve(ctx huma.Context) []error {
	u := ctx.URL()
	in.where = map[string]string{}
	for name, values := range u.Query() {
		if name != "limit" && name != "cursor" && name != "q" {
			in.where[name] = values[0]
		}
	}
	return nil
}

func (in *listInput) query() store.Query {
	return store.Query{Limit: in.Limit, Cursor: in.Cursor, Q: in.Q, Where: in.where}
}

// register adds all operations of the resource.
func (r resource[T]) register(s *server) {
	r.registerReads(s)
	register(s, r.withBody(s, huma.Operation{
		OperationID: "create-" + r.one, Summary: "Make a new " + r.one,
		Method: http.MethodPost, Path: r.path, DefaultStatus: http.StatusCreated,
	}), r.writer(), func(ctx context.Context, in *createInput) (*createdOutput[T], error) {
		row, err := r.create(ctx, in.Body)
		if err != nil {
			return nil, err
		}
		return r.created(row), nil
	})
	r.registerChanges(s)
}

func (r resource[T]) registerReads(s *server) {
	register(s, listOf(r.path, r.table.Filters()), r.reader(), func(ctx context.Context, in *listInput) (*pageOutput[T], error) {
		page, err := r.table.List(ctx, in.query())
		return &pageOutput[T]{page}, err
	})
	register(s, tagged(huma.Operation{
		OperationID: "get-" + r.one, Summary: "Get one " + r.one, Method: http.MethodGet, Path: r.path + "/{id}",
	}, r.path), r.reader(), func(ctx context.Context, in *idInput) (*itemOutput[T], error) {
		row, err := r.table.Get(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return r.item(row), nil
	})
}

func (r resource[T]) registerChanges(s *server) {
	register(s, r.withBody(s, huma.Operation{
		OperationID: "put-" + r.one, Summary: "Replace a " + r.one,
		Description: "What the body leaves out gets its default.",
		Method:      http.MethodPut, Path: r.path + "/{id}",
	}), r.writer(), func(ctx context.Context, in *changeInput) (*itemOutput[T], error) {
		return r.change(ctx, in, r.fresh)
	})
	register(s, r.withBody(s, huma.Operation{
		OperationID: "patch-" + r.one, Summary: "Change fields of a " + r.one,
		Description: "What the body leaves out stays (RFC 7396).",
		Method:      http.MethodPatch, Path: r.path + "/{id}",
	}), r.writer(), func(ctx context.Context, in *changeInput) (*itemOutput[T], error) {
		return r.change(ctx, in, nil)
	})
	register(s, tagged(huma.Operation{
		OperationID: "delete-" + r.one, Summary: "Delete a " + r.one, Method: http.MethodDelete, Path: r.path + "/{id}",
	}, r.path), r.writer(), func(ctx context.Context, in *deleteInput) (*struct{}, error) {
		expect, err := revision(in.IfMatch)
		if err != nil {
			return nil, err
		}
		if err := r.table.Delete(ctx, in.ID, expect); err != nil {
			return nil, err
		}
		r.notify()
		return nil, nil
	})
}

// create stores a row made of the defaults and the body.
func (r resource[T]) create(ctx context.Context, body json.RawMessage) (*T, error) {
	old, row := r.fresh(), r.fresh()
	apply, err := r.decoder(ctx, body)
	if err != nil {
		return nil, err
	}
	if err := apply(&old, &row); err != nil {
		return nil, err
	}
	if r.guard != nil {
		if err := r.guard(principalOf(ctx), &old, &row); err != nil {
			return nil, err
		}
	}
	if err := r.table.Create(ctx, &row); err != nil {
		return nil, err
	}
	r.notify()
	return &row, nil
}

// change decodes the body onto the row, or onto a fresh one in its place when base is given.
func (r resource[T]) change(ctx context.Context, in *changeInput, base func() T) (*itemOutput[T], error) {
	expect, err := revision(in.IfMatch)
	if err != nil {
		return nil, err
	}
	apply, err := r.decoder(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	row, err := r.table.Update(ctx, in.ID, expect, func(row *T) error {
		old := *row
		if base != nil {
			*row = base()
		}
		if err := apply(&old, row); err != nil {
			return err
		}
		if r.guard != nil {
			return r.guard(principalOf(ctx), &old, row)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	r.notify()
	return r.item(row), nil
}

// decoder returns what writes the body's fields into a row, which was old. All slow work is done before
// it returns, since the row is changed inside the writing transaction.
func (r resource[T]) decoder(ctx context.Context, body json.RawMessage) (func(old, row *T) error, error) {
	extra := func(*T) {}
	if r.extra != nil {
		var err error
		if extra, err = r.extra(ctx, body); err != nil {
			return nil, err
		}
	}
	return func(old, row *T) error {
		if err := json.Unmarshal(body, row); err != nil {
			return invalid("", bodyError(err))
		}
		r.restore(old, row)
		extra(row)
		return nil
	}, nil
}

// restore copies from old the fields that requests do not change: read-only ones, and those that JSON
// does not show, such as hashes.
func (r resource[T]) restore(old, row *T) {
	from, to := reflect.ValueOf(old).Elem(), reflect.ValueOf(row).Elem()
	for i := range from.NumField() {
		name, _, _ := strings.Cut(from.Type().Field(i).Tag.Get("json"), ",")
		if name == "-" || slices.Contains(r.readOnly, name) {
			to.Field(i).Set(from.Field(i))
		}
	}
}

// bodyError names the field that passed the schema but does not fit its Go type.
func bodyError(err error) fleet.FieldError {
	at := fleet.FieldError{Field: "body", Message: err.Error()}
	if mismatch, ok := err.(*json.UnmarshalTypeError); ok {
		at.Field += "." + mismatch.Field
		at.Message = "does not take a " + mismatch.Value
	}
	return at
}

func (r resource[T]) notify() {
	if r.changed != nil {
		r.changed()
	}
}

func (r resource[T]) item(row *T) *itemOutput[T] {
	return &itemOutput[T]{ETag: etag(*r.table.Stamp(row).Revision), Body: row}
}

func (r resource[T]) created(row *T) *createdOutput[T] {
	at := r.table.Stamp(row)
	return &createdOutput[T]{
		ETag: etag(*at.Revision), Location: fmt.Sprintf("%s/%s/%d", Prefix, r.path, *at.ID), Body: row,
	}
}

func (r resource[T]) writer() account.Role {
	if r.role == "" {
		return account.Operator
	}
	return r.role
}

func (r resource[T]) reader() account.Role {
	if r.role == account.Admin {
		return account.Admin
	}
	return account.Viewer
}

// withBody gives op a body of T's schema. In it id, revision and times may stand, so that what was read
// can be sent back, but are not taken.
func (r resource[T]) withBody(s *server, op huma.Operation) huma.Operation {
	registry := s.api.OpenAPI().Components.Schemas
	ref := registry.Schema(reflect.TypeFor[T](), true, "")
	schema := registry.SchemaFromRef(ref.Ref)
	for _, name := range append([]string{"id", "created_at", "updated_at", "revision"}, r.readOnly...) {
		if property := schema.Properties[name]; property != nil {
			property.ReadOnly = true
		}
	}
	if r.schema != nil {
		r.schema(schema)
	}
	schema.PrecomputeMessages()
	op.RequestBody = &huma.RequestBody{
		Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: ref}},
	}
	return tagged(op, r.path)
}

// listOf is the operation that lists a resource, whose rows may be selected by the filters.
func listOf(path string, filters []string) huma.Operation {
	op := huma.Operation{OperationID: "list-" + path, Summary: "List " + path, Method: http.MethodGet, Path: path}
	for _, name := range filters {
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: name, In: "query", Description: "only rows with this " + name, Schema: &huma.Schema{Type: huma.TypeString},
		})
	}
	return tagged(op, path)
}

func tagged(op huma.Operation, tag string) huma.Operation {
	op.Tags = []string{tag}
	return op
}

func etag(revision int64) string { return strconv.Quote(strconv.FormatInt(revision, 10)) }

// revision reads an If-Match header; 0: any. One that is none of ours cannot match.
func revision(ifMatch string) (int64, error) {
	if ifMatch == "" || ifMatch == "*" {
		return 0, nil
	}
	n, err := strconv.ParseInt(strings.Trim(strings.TrimPrefix(ifMatch, "W/"), `"`), 10, 64)
	if err != nil || n < 1 {
		return 0, store.ErrStale
	}
	return n, nil
}
