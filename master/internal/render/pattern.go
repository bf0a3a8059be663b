package render

import (
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"

	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// basePaths are what media servers serve everything under as well. As lua/uhd/paths.lua has it, so that
// location rules and URI rules mean the same paths.
const basePaths = `^(?:/(?:emby|mediabrowser))*`

var (
	escapedByte  = regexp.MustCompile(`%[0-9a-fA-F]{2}`)
	slashes      = regexp.MustCompile(`//+`)
	leadingBases = regexp.MustCompile(`(?i)^(?:/(?:emby|mediabrowser))+/`)
)

// locationPattern is the regular expression, for any case, of the paths that a location rule is about. nginx
// compares it with the path decoded and with its slashes joined.
func locationPattern(r *library.LocationRule) string {
	if r.MatchType == api.MatchRegex {
		return belowBases(r.Pattern)
	}
	path := escapedByte.ReplaceAllStringFunc(r.Pattern, func(hex string) string {
		b, _ := strconv.ParseUint(hex[1:], 16, 8) // two hex digits
		return string([]byte{byte(b)})
	})
	path = slashes.ReplaceAllString("/"+path, "/")
	path = leadingBases.ReplaceAllString(path, "/")
	text := regexp.QuoteMeta(strings.TrimSuffix(path, "/"))
	switch {
	case r.MatchType == api.MatchExact:
		return basePaths + text + "/?$"
	case strings.HasSuffix(path, "/"):
		return basePaths + text + "(?:/|$)"
	}
	return basePaths + text
}

// belowBases lets a pattern that begins at the path's start begin behind a base path as well.
func belowBases(pattern string) string {
	alternatives := topLevel(pattern)
	for i, a := range alternatives {
		if rest, ok := strings.CutPrefix(a, "^"); ok && !repeats(rest) {
			alternatives[i] = basePaths + rest
		}
	}
	return strings.Join(alternatives, "|")
}

// repeats reports whether text begins with something that repeats what stands before it.
func repeats(text string) bool { return text != "" && strings.ContainsRune("*+?{", rune(text[0])) }

// topLevel splits a pattern at the bars that stand in no group or class.
func topLevel(pattern string) []string {
	if _, err := syntax.Parse(pattern, syntax.Perl); err != nil {
		return []string{pattern}
	}
	var parts []string
	depth, start, class := 0, 0, -1
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\':
			i++
		case class >= 0: // in a class: its first character is no end, and neither are those of [:names:]
			if strings.HasPrefix(pattern[i:], "[:") && strings.Contains(pattern[i:], ":]") {
				i += strings.Index(pattern[i:], ":]") + 1
			} else if c == ']' && i > class {
				class = -1
			}
		case c == '[':
			class = i + 1
			if strings.HasPrefix(pattern[i+1:], "^") {
				i++
				class++
			}
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == '|' && depth == 0:
			parts = append(parts, pattern[start:i])
			start = i + 1
		}
	}
	return append(parts, pattern[start:])
}
