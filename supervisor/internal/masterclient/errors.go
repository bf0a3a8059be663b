package masterclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// ErrBadAnswer is an answer that was cut short, is too large, or is not what the contract says.
var ErrBadAnswer = errors.New("bad answer of the master")

// StatusError is an answer other than 200. It wraps the sentinel of api that its status stands for.
type StatusError struct {
	Problem    *api.Problem
	RetryAfter time.Duration // what a 429 or 503 asks for; 0: nothing
}

// Error says what to check, for those statuses that an operator can cure.
func (e *StatusError) Error() string {
	switch e.Problem.Status {
	case http.StatusUnauthorized:
		return e.Problem.Error() + ": check APP_TOKEN"
	case http.StatusForbidden:
		return e.Problem.Error() + ": check that the token has the scope media_slave and that its server is enabled"
	case http.StatusNotFound:
		return e.Problem.Error() + ": check API_BASE"
	}
	return e.Problem.Error()
}

func (e *StatusError) Unwrap() error { return e.Problem }

// Permanent reports whether the same request would be refused again: a 4xx that neither a token nor
// patience cures.
func (e *StatusError) Permanent() bool {
	s := e.Problem.Status
	return s >= 400 && s < 500 && api.ErrorOf(s) == nil && s != http.StatusRequestTimeout || s == http.StatusNotFound
}

// statusError reads a problem or an envelope out of an error's body; a page of a proxy has neither.
func statusError(resp *http.Response, body []byte) *StatusError {
	problem := &api.Problem{}
	if json.Unmarshal(body, problem) != nil || problem.Title == "" {
		problem = &api.Problem{Title: http.StatusText(resp.StatusCode)}
		var e api.Envelope
		if json.Unmarshal(body, &e) == nil && e.Message != "" {
			problem.Detail = e.Message
		}
	}
	problem.Status = resp.StatusCode
	return &StatusError{Problem: problem, RetryAfter: retryAfter(resp)}
}

// connectError says what to check when nobody answered.
func connectError(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // the rest repeats the URL
	}
	return fmt.Errorf("master not reached: %w: check API_BASE and the network", err)
}
