package fleet

import "strings"

// FieldError says what is wrong with one field of a resource, and how to mend it.
type FieldError struct {
	Field   string // JSON name; of a list's element as in upstream[1]
	Message string // the problem and what the field takes
}

// FieldErrors is what Validate methods return: everything that is wrong at once.
type FieldErrors []FieldError

func (e FieldErrors) Error() string {
	lines := make([]string, len(e))
	for i, f := range e {
		lines[i] = f.Field + " " + f.Message
	}
	return strings.Join(lines, "; ")
}

// Add notes one more.
func (e *FieldErrors) Add(field, message string) {
	*e = append(*e, FieldError{field, message})
}

// ErrorOrNil returns e as an error, or nil when nothing is wrong.
func (e FieldErrors) ErrorOrNil() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// Check notes what err says about a field, when there is one.
func (e *FieldErrors) Check(field string, err error) {
	if err != nil {
		e.Add(field, err.Error())
	}
}
