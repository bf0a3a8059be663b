package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"github.com/uhdadmin/media-gateway/master/internal/analytics"
	"github.com/uhdadmin/media-gateway/master/internal/auth"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/render"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// problem turns an error into what the client sees. Errors that it does not know are logged, and the
// client learns only that there was one.
func (s *server) problem(ctx context.Context, err error) huma.StatusError {
	if known := knownProblem(err); known != nil {
		return known
	}
	if ctx.Err() == nil {
		s.Log.ErrorContext(ctx, "Request failed", "error", err)
	}
	return huma.Error500InternalServerError("internal error: the master's log has its cause")
}

func knownProblem(err error) huma.StatusError {
	if fields, ok := errors.AsType[fleet.FieldErrors](err); ok {
		return invalid("body.", fields...)
	}
	if conflict, ok := errors.AsType[*store.ConflictError](err); ok {
		return huma.Error409Conflict("another one has this "+conflict.Field,
			&huma.ErrorDetail{Location: "body." + conflict.Field, Message: "is taken: choose another or change that one"})
	}
	if used, ok := errors.AsType[*store.InUseError](err); ok {
		return inUse(used)
	}
	if problem := publishProblem(err); problem != nil {
		return problem
	}
	if query, ok := errors.AsType[*store.QueryError](err); ok {
		return invalid("query.", fleet.FieldError{Field: query.Name, Message: "takes " + query.Takes})
	}
	if param, ok := errors.AsType[*analytics.ParamError](err); ok {
		return invalid("query.", fleet.FieldError{Field: param.Name, Message: "takes " + param.Takes})
	}
	if throttled, ok := errors.AsType[*auth.ThrottledError](err); ok {
		seconds := strconv.Itoa(int(throttled.RetryAfter.Seconds()) + 1)
		return &withHeader{huma.Error429TooManyRequests(err.Error()), http.Header{"Retry-After": {seconds}}}
	}
	if errors.Is(err, api.ErrBusy) {
		return &withHeader{huma.Error503ServiceUnavailable(err.Error()), http.Header{"Retry-After": {"5"}}}
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return huma.Error404NotFound("there is none with this id")
	case errors.Is(err, store.ErrStale):
		return huma.Error412PreconditionFailed(changedSince)
	case errors.Is(err, store.ErrInUse), errors.Is(err, store.ErrEnded):
		return huma.Error409Conflict(err.Error())
	case errors.Is(err, render.ErrInvalid):
		return huma.Error422UnprocessableEntity(err.Error())
	case errors.Is(err, auth.ErrLogin), errors.Is(err, api.ErrUnauthorized):
		return huma.Error401Unauthorized(err.Error())
	case errors.Is(err, api.ErrForbidden):
		return huma.Error403Forbidden(err.Error())
	}
	if status, ok := errors.AsType[huma.StatusError](err); ok {
		return status
	}
	return nil
}

// invalid is the problem of a request whose fields, under prefix, are refused.
func invalid(prefix string, fields ...fleet.FieldError) huma.StatusError {
	details := make([]error, len(fields))
	for i, f := range fields {
		details[i] = &huma.ErrorDetail{Location: prefix + f.Field, Message: f.Message}
	}
	return huma.Error422UnprocessableEntity(validationFailed, details...)
}

// validationFailed is the detail that huma gives to such problems.
const validationFailed = "validation failed"

// withHeader is a problem that comes with headers.
type withHeader struct {
	huma.StatusError
	header http.Header
}

// GetHeaders is what huma asks for.
func (e *withHeader) GetHeaders() http.Header { return e.header }

func (e *withHeader) Unwrap() error { return e.StatusError }

// ContentType and MarshalJSON make the body that of the problem within.
func (*withHeader) ContentType(string) string { return api.ContentTypeProblem }

// MarshalJSON writes the problem within.
func (e *withHeader) MarshalJSON() ([]byte, error) { return json.Marshal(e.StatusError) }

// tidyProblem is a huma.Transformer. It gives huma's own complaints a cure, and takes out of them values
// that are long, structured or secret: a complaint about a login must not repeat its password.
func tidyProblem(_ huma.Context, _ string, body any) (any, error) {
	problem, ok := body.(*huma.ErrorModel)
	if !ok {
		return body, nil
	}
	for _, detail := range problem.Errors {
		switch detail.Value.(type) {
		case bool, int, int64, float64:
		default:
			detail.Value = nil
		}
		switch detail.Message {
		case validation.MsgUnexpectedProperty:
			detail.Message = "unknown field: check its spelling against /api/v1/openapi.json, or leave it out"
		case "unknown query parameter": // huma has no name for it
			detail.Message = "unknown parameter: check its spelling against /api/v1/openapi.json, or leave it out"
		case validation.MsgExpectedMatchAtLeastOneSchema:
			if detail.Location == "body.upstream" {
				detail.Message = upstreamTakes
			}
		}
	}
	if problem.Detail == validationFailed && len(problem.Errors) > 0 {
		problem.Detail = summary(problem.Errors)
	}
	return problem, nil
}

// summary is one line for those who print only a problem's detail.
func summary(details []*huma.ErrorDetail) string {
	lines := make([]string, len(details))
	for i, d := range details {
		lines[i] = strings.TrimPrefix(d.Location, "body.") + " " + d.Message
	}
	return strings.Join(lines, "; ")
}

// jsonFormat reads and writes bodies; its errors say where the JSON goes wrong.
var jsonFormat = huma.Format{
	Marshal: func(w io.Writer, v any) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return enc.Encode(v)
	},
	Unmarshal: func(data []byte, v any) error {
		err := json.Unmarshal(data, v)
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			before := string(data[:min(int(syntax.Offset), len(data))])
			line := strings.Count(before, "\n") + 1
			column := len(before) - (strings.LastIndex(before, "\n") + 1)
			return fmt.Errorf("is not JSON at line %d, column %d: %w", line, column, err)
		}
		return err
	},
}

// WriteProblem answers with an RFC 9457 problem.
func WriteProblem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", api.ContentTypeProblem)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(api.Problem{Title: http.StatusText(status), Status: status, Detail: detail}) // the client is gone
}
