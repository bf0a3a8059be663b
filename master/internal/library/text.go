package library

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Variables that texts may name besides value maps: what nginx knows of a request and players may see. None
// is decoded, as $uri is, or a line feed in a path would end the header that it stands in.
var Variables = []string{
	"host", "http_accept_language", "http_referer", "http_user_agent", "remote_addr", "request_id",
	"request_method", "request_uri", "scheme", "server_name", "server_port",
}

// MapPrefix begins the names of variables that value maps make, DenyPrefix those of deny maps.
const (
	MapPrefix  = "map_"
	DenyPrefix = "deny_"
)

// variable is one as nginx reads it.
var variable = regexp.MustCompile(`\$(?:\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))`)

// Part of a text: either a literal or a variable.
type Part struct {
	Literal  string
	Variable string // name without the dollar sign
}

// ParseText splits a text at its variables.
func ParseText(text string) []Part {
	var parts []Part
	at := 0
	for _, m := range variable.FindAllStringSubmatchIndex(text, -1) {
		if m[0] > at {
			parts = append(parts, Part{Literal: text[at:m[0]]})
		}
		from, to := m[2], m[3]
		if from < 0 {
			from, to = m[4], m[5]
		}
		parts = append(parts, Part{Variable: text[from:to]})
		at = m[1]
	}
	if at < len(text) {
		parts = append(parts, Part{Literal: text[at:]})
	}
	return parts
}

// CheckText checks a text with variables: those of the list and value maps, $name or ${name}; literals by
// check. A dollar sign that begins no variable is refused, for nginx has no way to write one.
func CheckText(text string, check func(string) error) error {
	for _, p := range ParseText(text) {
		if p.Variable == "" {
			if strings.Contains(p.Literal, "$") {
				return errors.New("has a $ that begins no variable, which nginx cannot write: leave it away")
			}
			if err := check(p.Literal); err != nil {
				return err
			}
			continue
		}
		if !slices.Contains(Variables, p.Variable) && !strings.HasPrefix(p.Variable, MapPrefix) {
			return fmt.Errorf("uses $%s; variables are %s, and $%sNAME of the map NAME", p.Variable, strings.Join(Variables, ", "), MapPrefix)
		}
	}
	return nil
}

// MapsIn returns the names of the value maps that a text uses.
func MapsIn(text string) []string {
	var names []string
	for _, p := range ParseText(text) {
		if name, ok := strings.CutPrefix(p.Variable, MapPrefix); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
