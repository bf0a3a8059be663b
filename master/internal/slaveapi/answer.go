package slaveapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/auth"
	"github.com/uhdadmin/media-gateway/master/internal/publish"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// statusClientClosed is nginx's number for a client that went away; nobody reads it but the metrics.
const statusClientClosed = 499

func problem(status int, detail string) *api.Problem {
	return &api.Problem{Title: http.StatusText(status), Status: status, Detail: detail}
}

// origin is what is known of a request when it is answered, which may be long after it came.
type origin struct {
	route  string
	scheme string
	header http.Header // nil when the answer was not there at once
}

// answer writes a document or an error as the scheme's slaves read it, and returns the status.
func (a *API) answer(ctx context.Context, w http.ResponseWriter, from origin, document any, err error) int {
	w.Header().Set("Cache-Control", "private, no-cache")
	if err != nil {
		return a.answerError(ctx, w, from, err)
	}
	if entry, ok := document.(publish.Entry); ok {
		return a.writeConfig(w, from, entry)
	}
	body, encoded := document.(json.RawMessage)
	if !encoded {
		if body, err = json.Marshal(document); err != nil {
			return a.answerError(ctx, w, from, err)
		}
	}
	if from.scheme == auth.SchemeApp {
		body = envelop(http.StatusOK, "success", body)
	}
	return write(w, http.StatusOK, "application/json", body)
}

func (a *API) answerError(ctx context.Context, w http.ResponseWriter, from origin, err error) int {
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return statusClientClosed
	}
	p := a.problemOf(from.route, err)
	switch p.Status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="media-slave"`)
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter(err)/time.Second)))
	}
	if from.scheme == auth.SchemeApp {
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
func (a *API) problemOf(route string, err error) *api.Problem {
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
		a.cfg.Log.Error("Slave request failed", "route", route, "error", err)
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
