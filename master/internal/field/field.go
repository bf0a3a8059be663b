// Package field says which values the fields of the domain take, once for all of its types. The lists of
// allowed characters are what keeps text that an operator types from becoming configuration: fields that
// end up in nginx's files allow nothing that has a meaning there.
//
// Its errors continue a sentence that starts with the field's name, and end with the cure.
package field

import (
	"errors"
	"slices"
	"strings"
)

// OneOf checks that value is one of allowed.
func OneOf[T ~string](value T, allowed ...T) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	names := make([]string, len(allowed))
	for i, a := range allowed {
		names[i] = string(a)
	}
	return errors.New("must be one of: " + strings.Join(names, ", "))
}
