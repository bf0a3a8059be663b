package chain

import (
	"regexp"
	"strings"
)

// Path is a request's path as rules see it: lower case, without base path and doubled slashes, ending in a slash.
type Path struct {
	plain string // as nginx reads it
	other string // as a server reads it that takes "\" for a slash and cuts parameters off at ";"; "" where it is the same

	// dotted is other with its "..", "" where it has none: a path that hides them is on no list that lets pass.
	dotted string
}

// ReadPath reads a path that nginx has decoded, as in access logs. See lua/uhd/paths.lua.
func ReadPath(uri string) Path {
	p := Path{plain: normalise(uri)}
	if strings.ContainsAny(uri, `;\`) {
		lenient := parameters.ReplaceAllString(strings.ReplaceAll(uri, `\`, "/"), "")
		if other := normalise(resolve(lenient)); other != p.plain {
			p.other = other
		}
		if strings.Contains(lenient+"/", "/../") {
			p.dotted = normalise(lenient)
		}
	}
	return p
}

var (
	slashes    = regexp.MustCompile(`//+`)
	parameters = regexp.MustCompile(`;[^/]*`)
)

func normalise(path string) string {
	return stripBase(joinSlashes(lower(path) + "/"))
}

func joinSlashes(path string) string {
	if !strings.Contains(path, "//") {
		return path
	}
	return slashes.ReplaceAllString(path, "/")
}

// stripBase takes off what Emby and Jellyfin serve everything under as well.
func stripBase(path string) string {
	for {
		rest, ok := strings.CutPrefix(path, "/emby/")
		if !ok {
			rest, ok = strings.CutPrefix(path, "/mediabrowser/")
		}
		if !ok {
			return path
		}
		path = "/" + rest
	}
}

// resolve takes "." and ".." out of a path.
func resolve(path string) string {
	var segments []string
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			segments = segments[:max(0, len(segments)-1)]
		default:
			segments = append(segments, segment)
		}
	}
	return "/" + strings.Join(segments, "/")
}

// lower makes the letters of ASCII small, and no others: as Lua does.
func lower(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
