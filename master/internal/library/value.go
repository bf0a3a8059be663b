package library

import (
	"net/netip"
	"strings"
)

// Canonical returns a value of a dimension in the one form in which slaves and the master compare it: media
// servers take user ids with dashes and without, in any case.
func Canonical(dimension, value string) string {
	switch dimension {
	case DimensionUser:
		return strings.ReplaceAll(strings.ToLower(value), "-", "")
	case DimensionIP:
		if a, err := netip.ParseAddr(value); err == nil {
			return a.String()
		}
		return strings.ToLower(value)
	case DimensionGlobal:
		return ""
	}
	return value
}
