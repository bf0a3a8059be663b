package api

import (
	"encoding/json"
	"fmt"
)

// Envelope is how the agents and masters in the field wrap every answer; requests with the scheme
// `Authorization: App …` get it.
type Envelope struct {
	Code    int             `json:"code"` // 200, or the HTTP status of an error
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data"`
}

// Unwrap returns the document inside an envelope, or body itself when it is bare. An envelope whose
// code is not 200 or 0 is an error.
func Unwrap(body []byte) (json.RawMessage, error) {
	var e struct {
		Code    *int            `json:"code"`
		Message string          `json:"message"`
		Data    json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, fmt.Errorf("parse answer: %w", err)
	}
	if e.Code == nil {
		return body, nil
	}
	if *e.Code != 0 && *e.Code != 200 {
		return nil, &Problem{Title: e.Message, Status: *e.Code}
	}
	return e.Data, nil
}
