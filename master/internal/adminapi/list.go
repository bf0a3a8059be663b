package adminapi

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// ListInput selects a page. Parameters that it does not name are the resource's filters. It is exported for huma, as FormatInput is.
type ListInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"500" doc:"rows per page; 100 when absent"`
	Cursor string `query:"cursor" doc:"next_cursor of the page before"`
	Q      string `query:"q" maxLength:"200" doc:"part of a name or the like, in any case"`
	where  map[string]string
}

// Resolve keeps the filters.
func (in *ListInput) Resolve(ctx huma.Context) []error {
	u := ctx.URL()
	in.where = map[string]string{}
	for name, values := range u.Query() {
		if name != "limit" && name != "cursor" && name != "q" {
			in.where[name] = values[0]
		}
	}
	return nil
}

func (in *ListInput) query() store.Query {
	return store.Query{Limit: in.Limit, Cursor: in.Cursor, Q: in.Q, Where: in.where}
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
