package field

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
)

const maxPattern = 512

// accepted is the cure in every error of Pattern.
const accepted = "accepted are RE2's expressions: classes, alternatives, groups without names and repetitions, no lookaround and no backreferences"

// plainGroup opens a group that captures nothing.
var plainGroup = regexp.MustCompile(`\(\?[a-zA-Z-]*:`)

// Pattern checks a regular expression of the rules. It runs in PCRE, for every request, joined with
// others into one expression; so what is accepted is what RE2 and PCRE read alike, what fits PCRE's
// limits, and what cannot take exponential time.
func Pattern(s string) error {
	if s == "" {
		return errors.New("must not be empty")
	}
	if err := Line(s, maxPattern); err != nil {
		return err
	}
	if err := dialect(s); err != nil {
		return err
	}
	if _, err := syntax.Parse(s, syntax.Perl); err != nil {
		message := err.Error()
		if e, ok := errors.AsType[*syntax.Error](err); ok {
			message = fmt.Sprintf("%s in %q", e.Code, e.Expr)
		}
		return fmt.Errorf("is not a regular expression: %s; %s", message, accepted)
	}
	tree, err := syntax.Parse(literal(s), syntax.Perl)
	if err != nil {
		return fmt.Errorf("is too unusual to be checked: %w; %s", err, accepted)
	}
	return checkCost(tree)
}

// literal rewrites a pattern so that the parser keeps its shape, which PCRE does not simplify: RE2 would
// join (?:a+)+ into a+, and (a|a)* into (a)*. Groups that capture, and empty ones, stay apart.
func literal(s string) string {
	s = plainGroup.ReplaceAllString(s, "(")
	var b strings.Builder
	for i := 0; i < len(s); {
		end := i + 1
		switch s[i] {
		case '\\':
			end = min(i+2, len(s))
		case '[':
			end = classEnd(s, i)
		}
		b.WriteString(s[i:end])
		if s[i] == '|' {
			b.WriteString("()")
		}
		i = end
	}
	return b.String()
}

// classEnd returns where the class that begins at s[at] ends, len(s) when it does not.
func classEnd(s string, at int) int {
	i := at + 1
	if strings.HasPrefix(s[i:], "^") {
		i++
	}
	for first := true; i < len(s); first = false {
		posix := strings.Index(s[i:], ":]")
		switch {
		case s[i] == '\\':
			i += 2
		case s[i] == ']' && !first:
			return i + 1
		case strings.HasPrefix(s[i:], "[:") && posix > 0:
			i += posix + 2
		default:
			i++
		}
	}
	return len(s)
}

// hyphen follows a class inside a class, where only PCRE refuses it.
var hyphen = regexp.MustCompile(`(\\[dDwWsS]|:\])-[^\]]`)

// posixLike is a class that looks like a named one of POSIX.
var posixLike = regexp.MustCompile(`^\[(:.*:|\..*\.|=.*=)\]$`)

// repeatedFlags is a repetition of an option, which RE2 applies to what stands before.
var repeatedFlags = regexp.MustCompile(`\(\?[a-zA-Z-]*\)(?:[*+?]|\{[0-9])`)

// dialect refuses what RE2 reads and PCRE does not, or reads otherwise.
func dialect(s string) error {
	outside := 0 // where the last class ends
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			// \Q would quote what the pattern is joined with; the others need PCRE's UTF mode.
			if strings.IndexByte("QEpPC", s[i]) >= 0 || strings.HasPrefix(s[i:], "x{") {
				return fmt.Errorf(`uses \%c, which is not supported; %s`, s[i], accepted)
			}
		case s[i] == '[' && i >= outside:
			outside = classEnd(s, i)
			class := s[i:outside]
			if posixLike.MatchString(class) {
				return fmt.Errorf("uses %s, which PCRE reads otherwise: write the class in another order", class)
			}
			if found := hyphen.FindString(class); found != "" {
				return fmt.Errorf("uses %q in a class, where - is no range: write it as the last character of the class", found)
			}
		}
	}
	if found := repeatedFlags.FindString(s); found != "" {
		return fmt.Errorf("repeats what matches no character, %q: leave the repetition away", found)
	}
	for _, p := range []struct{ text, name string }{{"(?P<", "a named group"}, {"(?<", "a named group or lookbehind"}, {"(?=", "lookahead"}, {"(?!", "lookahead"}, {"[[.", "a collating element"}, {"[[=", "an equivalence class"}} {
		if strings.Contains(s, p.text) {
			return fmt.Errorf("uses %s, %q, which is not supported; %s", p.name, p.text, accepted)
		}
	}
	return nil
}

// escaped is a byte in the spelling of URLs.
var escaped = regexp.MustCompile(`%[0-9a-fA-F]{2}`)

// onlyBases matches, in lower case and with slashes joined, what slaves take off the front of paths.
var onlyBases = regexp.MustCompile(`^(/emby|/mediabrowser)+/?$`)

// Path checks the pattern of a rule that compares whole paths or their beginnings.
func Path(s string) error {
	if !strings.HasPrefix(s, "/") {
		return errors.New("must start with /")
	}
	if strings.ContainsAny(s, "?#") {
		return errors.New("must be a path without ? and #: a rule sees no query")
	}
	// As lua/uhd/paths.lua reads it.
	read := escaped.ReplaceAllStringFunc(s, func(hex string) string {
		b, _ := strconv.ParseUint(hex[1:], 16, 8) // two hex digits
		return string([]byte{byte(b)})
	})
	if onlyBases.MatchString(slashes.ReplaceAllString(strings.ToLower(read), "/")) {
		return errors.New("must name something below the base path: every path may stand under /emby or /mediabrowser, so this one would mean all of them; for that, use the prefix /")
	}
	return Line(s, maxPattern)
}

var slashes = regexp.MustCompile(`//+`)
