package api

import (
	"errors"
	"fmt"
	"net/http"
)

// Sentinel errors of the slave API. The master wraps them to choose a status; the supervisor gets them
// back from ErrorOf.
var (
	ErrUnauthorized = errors.New("token unknown, missing, revoked or expired")  // 401
	ErrForbidden    = errors.New("token without the scope, or server disabled") // 403
	ErrNotFound     = errors.New("not found")                                   // 404
	ErrBusy         = errors.New("master busy")                                 // 429, 503: see Retry-After
)

// Problem is an error body, RFC 9457 (application/problem+json).
type Problem struct {
	Type   string       `json:"type,omitempty"` // "about:blank" when absent
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Detail string       `json:"detail,omitempty"`
	Errors []FieldError `json:"errors,omitempty"`
}

// FieldError says what is wrong with one field of a request and how to mend it. Its JSON names are
// those that the admin API's framework uses.
type FieldError struct {
	Location string `json:"location"` // as in body.upstream
	Message  string `json:"message"`  // what it takes
	Value    any    `json:"value,omitempty"`
}

// ContentTypeProblem is the media type of a Problem.
const ContentTypeProblem = "application/problem+json"

func (p *Problem) Error() string {
	if p.Detail == "" {
		return fmt.Sprintf("%d %s", p.Status, p.Title)
	}
	return fmt.Sprintf("%d %s: %s", p.Status, p.Title, p.Detail)
}

// Unwrap returns the sentinel of the problem's status, or nil.
func (p *Problem) Unwrap() error { return ErrorOf(p.Status) }

// ErrorOf returns the sentinel error that an HTTP status stands for; nil for any other status.
func ErrorOf(status int) error {
	switch status {
	case http.StatusUnauthorized:
		return ErrUnauthorized
	case http.StatusForbidden:
		return ErrForbidden
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return ErrBusy
	}
	return nil
}

// StatusOf returns the HTTP status of the sentinel error that err wraps; 500 for any other error.
func StatusOf(err error) int {
	switch {
	case errors.Is(err, ErrUnauthorized):
		return http.StatusUnauthorized
	case errors.Is(err, ErrForbidden):
		return http.StatusForbidden
	case errors.Is(err, ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, ErrBusy):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
