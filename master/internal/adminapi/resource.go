package adminapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/auth"
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
	IfMatch string `header:"If-Match" doc:"ETag of the row as it was read: 412, with the row as it is now, when it has changed since"`
	Body    json.RawMessage
}

type deleteInput struct {
	ID      int64  `path:"id" minimum:"1"`
	IfMatch string `header:"If-Match" doc:"ETag of the row as it was read: 412, with the row as it is now, when it has changed since"`
	Detach  bool   `query:"detach" doc:"take it from those that use it, where it stands in one of their lists or is their profile; without it they keep it from being deleted (409)"`
}

type usesOutput struct {
	Body struct {
		UsedBy []store.Use `json:"used_by"`
	}
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
	register(s, listOf(r.path, r.table.Filters()), r.reader(), func(ctx context.Context, in *ListInput) (*pageOutput[T], error) {
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
	if r.table.HasUses() {
		register(s, tagged(huma.Operation{
			OperationID: "uses-of-" + r.one, Summary: "Who uses a " + r.one,
			Description: "Those that are neither implicit nor fixed let go of it when it is deleted with detach=true.",
			Method:      http.MethodGet, Path: r.path + "/{id}/uses",
		}, r.path), r.reader(), func(ctx context.Context, in *idInput) (*usesOutput, error) {
			out := new(usesOutput)
			var err error
			out.Body.UsedBy, err = r.table.Uses(ctx, in.ID)
			return out, err
		})
	}
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
		if err == nil {
			remove := r.table.Delete
			if in.Detach {
				remove = r.table.Detach
			}
			err = remove(ctx, in.ID, expect)
		}
		if err != nil {
			return nil, r.withCurrent(ctx, in.ID, err)
		}
		r.notify()
		return nil, nil
	})
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

func tagged(op huma.Operation, tag string) huma.Operation {
	op.Tags = []string{tag}
	return op
}
