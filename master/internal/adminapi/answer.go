package adminapi

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/account"
)

// FormatInput chooses the form of an answer that is a table. It is exported for huma, which looks into no
// other embedded fields.
type FormatInput struct {
	Format string `query:"format" enum:"json,csv" doc:"json when absent; csv has all rows, whatever limit and cursor say of pages of a list"`
	BOM    bool   `query:"bom" doc:"with csv: begin with a byte order mark, from which Excel knows UTF-8"`
}

// table is an answer in either form.
type table struct {
	Type string `header:"Content-Type"`
	Name string `header:"Content-Disposition"`
	Body func(huma.Context)
}

func asJSON(body any) *table {
	return &table{Type: "application/json", Body: func(ctx huma.Context) {
		_ = jsonFormat.Marshal(ctx.BodyWriter(), body) // the client is gone
	}}
}

// asCSV streams the rows that each hands to its function. What goes wrong on the way cuts the answer off, so
// that nobody takes a part for the whole.
func asCSV[T any](s *server, name string, in FormatInput, each func(context.Context, func(*T) error) error) *table {
	return &table{Type: "text/csv; charset=utf-8", Name: `attachment; filename="` + name + `.csv"`, Body: func(ctx huma.Context) {
		out, err := newCSV[T](ctx.BodyWriter(), in.BOM)
		if err == nil {
			err = each(ctx.Context(), out.Write)
		}
		if err == nil {
			err = out.Flush()
		}
		if err != nil {
			if ctx.Context().Err() == nil {
				s.Log.ErrorContext(ctx.Context(), "CSV cut off", "name", name, "error", err)
			}
			panic(http.ErrAbortHandler)
		}
	}}
}

// tableOf describes an operation that answers J as JSON or its rows as CSV.
func tableOf[J any](s *server, op huma.Operation) huma.Operation {
	op.Method = http.MethodGet
	op.RejectUnknownQueryParameters = true
	op.Responses = map[string]*huma.Response{"200": {
		Description: "OK",
		Content: map[string]*huma.MediaType{
			"application/json": {Schema: s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[J](), true, "")},
			"text/csv":         {Schema: &huma.Schema{Type: huma.TypeString}},
		},
	}}
	return op
}

// registerTable adds an operation that viewers may ask.
func registerTable[J, I any](s *server, op huma.Operation, handler func(context.Context, *I) (*table, error)) {
	register(s, tableOf[J](s, op), account.Viewer, handler)
}
