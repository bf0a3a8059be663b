package adminapi

import (
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

const changedSince = "changed since it was read: current is what it is now, etag what to send as If-Match once that has been looked at"

// stale is the problem of a change that another one came before: with the row as it is now.
type stale struct {
	huma.ErrorModel
	ETag    string `json:"etag"`
	Current any    `json:"current"`
}

func newStale(row any, tag string) *stale {
	return &stale{huma.ErrorModel{
		Title: http.StatusText(http.StatusPreconditionFailed), Status: http.StatusPreconditionFailed, Detail: changedSince,
	}, tag, row}
}

// GetHeaders is what huma asks for.
func (e *stale) GetHeaders() http.Header { return http.Header{"Etag": {e.ETag}} }

// ContentType is that of problems.
func (*stale) ContentType(string) string { return api.ContentTypeProblem }

// inUse is the problem of a row that cannot be deleted, with its users.
func inUse(err *store.InUseError) huma.StatusError {
	var details []error
	detachable := true
	for _, u := range err.Uses {
		message := "uses it"
		if u.Field != "" {
			message = "has it in " + u.Field
		}
		detachable = detachable && !u.Fixed
		details = append(details, &huma.ErrorDetail{Location: fmt.Sprintf("%s/%s/%d", Prefix, u.Resource, u.ID), Message: message + ": " + u.Name})
	}
	cure := "; delete it with detach=true to take it from them"
	if !detachable {
		cure = "; change those that name it in a text first"
	}
	return huma.Error409Conflict(err.Error()+cure, details...)
}
