package slaveapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/uhdadmin/media-gateway/master/internal/auth"
	"github.com/uhdadmin/media-gateway/master/internal/publish"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// retryAfter is what a slave is asked to wait when the master cannot answer now, in seconds.
const retryAfter = "5"

// statusClientClosed is nginx's number for a client that went away; nobody reads it but the metrics.
const statusClientClosed = 499

func problem(status int, detail string) *api.Problem {
	return &api.Problem{Title: http.StatusText(status), Status: status, Detail: detail}
}

// answer writes a document or an error as the scheme's slaves read it, and returns the status.
func (a *API) answer(w http.ResponseWriter, r *http.Request, scheme string, document any, err error) int {
	w.Header().Set("Cache-Control", "private, no-cache")
	if err != nil {
		return a.answerError(w, r, scheme, err)
	}
	if entry, ok := document.(publish.Entry); ok {
		return writeConfig(w, r, scheme, entry)
	}
	body, encoded := document.(json.RawMessage)
	if !encoded {
		if body, err = json.Marshal(document); err != nil {
			return a.answerError(w, r, scheme, err)
		}
	}
	if scheme == auth.SchemeApp {
		body = envelop(http.StatusOK, "success", body)
	}
	return write(w, http.StatusOK, "application/json", body)
}

func (a *API) answerError(w http.ResponseWriter, r *http.Request, scheme string, err error) int {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return statusClientClosed
	}
	p := a.problemOf(r, err)
	switch p.Status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="media-slave"`)
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", retryAfter)
	}
	if scheme == auth.SchemeApp {
		return write(w, p.Status, "application/json", envelop(p.Status, p.Error(), []byte("null")))
	}
	body, err := json.Marshal(p)
	if err != nil {
		a.cfg.Log.Error("Problem not encoded", "error", err)
	}
	return write(w, p.Status, api.ContentTypeProblem, body)
}

// problemOf is the one place that turns errors into HTTP. What a slave cannot mend is logged here and
// not told.
func (a *API) problemOf(r *http.Request, err error) *api.Problem {
	if p, ok := errors.AsType[*api.Problem](err); ok {
		return p
	}
	if errors.Is(err, publish.ErrClosed) {
		return problem(http.StatusServiceUnavailable, err.Error())
	}
	if errors.Is(err, store.ErrNotFound) {
		return problem(http.StatusNotFound, err.Error())
	}
	status := api.StatusOf(err)
	if status == http.StatusInternalServerError {
		a.cfg.Log.Error("Slave request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		return problem(status, "the master's log says why")
	}
	return problem(status, err.Error())
}

// envelop wraps a document as the Lua agents read it.
func envelop(code int, message string, data []byte) []byte {
	body, err := json.Marshal(api.Envelope{Code: code, Message: message, Data: data})
	if err != nil { // data is our own JSON
		panic(err)
	}
	return body
}

func write(w http.ResponseWriter, status int, contentType string, body []byte) int {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a slave that went away asks again
	return status
}
