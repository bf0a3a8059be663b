package slaveapi

import (
	"bytes"
	"encoding/json"
)

// text is a string that the Lua agents in the field may send as a number, a boolean or null.
type text string

// UnmarshalJSON accepts "x", 42, true and null.
func (t *text) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(t))
	}
	*t = ""
	if b = bytes.TrimSpace(b); !bytes.Equal(b, []byte("null")) && b[0] != '{' && b[0] != '[' {
		*t = text(b)
	}
	return nil
}

// flag is a boolean in whatever form.
type flag bool

// UnmarshalJSON takes true, 1, "true" and "1" for true, and all else for false.
func (f *flag) UnmarshalJSON(b []byte) error {
	switch string(bytes.Trim(b, `"`)) {
	case "true", "1":
		*f = true
	default:
		*f = false
	}
	return nil
}

// list is a list, which comes as {} from Lua when it is empty.
type list[T any] []T

// UnmarshalJSON accepts a list, an empty object and null.
func (l *list[T]) UnmarshalJSON(b []byte) error {
	if b = bytes.TrimSpace(b); bytes.Equal(b, []byte("{}")) {
		*l = nil
		return nil
	}
	return json.Unmarshal(b, (*[]T)(l))
}
