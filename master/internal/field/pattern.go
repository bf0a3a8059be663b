package field

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

const (
	maxPattern   = 512
	maxUnbounded = 8  // repetitions without an end in one pattern
	bounded      = 32 // a repetition of more counts as one without an end
)

// accepted is the cure in every error of Pattern.
const accepted = "accepted are RE2's expressions: classes, alternatives, groups without names and repetitions, no lookaround and no backreferences"

// plainGroup opens a group that captures nothing.
var plainGroup = regexp.MustCompile(`\(\?[a-zA-Z-]*:`)

// Pattern checks a regular expression of the rules. It runs in PCRE, for every request, joined with
// others into one expression; so what is accepted is what RE2 and PCRE read alike, and what cannot take
// exponential time: no repetition without an end inside another, as in (a+)+.
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
	tree, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		message := err.Error()
		if e, ok := errors.AsType[*syntax.Error](err); ok {
			message = fmt.Sprintf("%s in %q", e.Code, e.Expr)
		}
		return fmt.Errorf("is not a regular expression: %s; %s", message, accepted)
	}
	// The parser joins (?:a+)+ into a+, which PCRE does not: capturing groups stay apart.
	if strings.Contains(s, "(?") {
		if tree, err = syntax.Parse(plainGroup.ReplaceAllString(s, "("), syntax.Perl); err != nil {
			return fmt.Errorf("is too unusual to be checked: %w; %s", err, accepted)
		}
	}
	n, err := unbounded(tree, false)
	if err != nil {
		return err
	}
	if n > maxUnbounded {
		return fmt.Errorf("has %d repetitions without an end, at most %d are allowed: it would be slow on long paths", n, maxUnbounded)
	}
	return nil
}

// dialect refuses what RE2 reads and PCRE does not, or reads otherwise.
func dialect(s string) error {
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
			// \Q would quote what the pattern is joined with; the others need PCRE's UTF mode.
			if strings.IndexByte("QEpPC", s[i]) >= 0 || strings.HasPrefix(s[i:], "x{") {
				return fmt.Errorf(`uses \%c, which is not supported; %s`, s[i], accepted)
			}
		}
	}
	for _, p := range []struct{ text, name string }{{"(?P<", "a named group"}, {"(?<", "a named group or lookbehind"}, {"(?=", "lookahead"}, {"(?!", "lookahead"}, {"[[.", "a collating element"}, {"[[=", "an equivalence class"}} {
		if strings.Contains(s, p.text) {
			return fmt.Errorf("uses %s, %q, which is not supported; %s", p.name, p.text, accepted)
		}
	}
	return nil
}

// unbounded counts the repetitions without an end and refuses one inside another.
func unbounded(re *syntax.Regexp, inside bool) (int, error) {
	n := 0
	if re.Op == syntax.OpStar || re.Op == syntax.OpPlus || re.Op == syntax.OpRepeat && (re.Max < 0 || re.Max > bounded) {
		if inside {
			return 0, fmt.Errorf("has a repetition inside another, %s: it could take exponential time; write it without nesting", re)
		}
		n, inside = 1, true
	}
	for _, sub := range re.Sub {
		m, err := unbounded(sub, inside)
		if err != nil {
			return 0, err
		}
		n += m
	}
	return n, nil
}

// Path checks the pattern of a rule that compares whole paths or their beginnings.
func Path(s string) error {
	if !strings.HasPrefix(s, "/") {
		return errors.New("must start with /")
	}
	if strings.ContainsAny(s, "?#") {
		return errors.New("must be a path without ? and #: a rule sees no query")
	}
	return Line(s, maxPattern)
}
