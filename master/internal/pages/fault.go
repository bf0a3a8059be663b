package pages

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// faults are what the admin API says is wrong with what a form has sent. Each is told beside the input that it is
// about, and what no input has taken, above the form.
type faults struct {
	said string // when nothing is said of single fields
	list []fault
	line func(number int, said string) string // what is wrong with one line of several
}

type fault struct {
	at    string // the name of an input, or of what stands in it
	said  string
	taken bool
}

// element is an index in a location: entries[2].pattern is of the input entries.2.pattern.
var element = regexp.MustCompile(`\[(\d+)\]`)

// faults returns what is wrong; nil of no problem. within is what the locations begin with, as in "body.".
func (p *Problem) faults(v *visit, within string) *faults {
	if p == nil {
		return nil
	}
	f := &faults{line: func(number int, said string) string { return v.T("form.line", number, said) }}
	if len(p.Errors) == 0 {
		f.said = p.Detail
	}
	for _, e := range p.Errors {
		at := element.ReplaceAllString(strings.TrimPrefix(e.Location, within), ".$1")
		f.list = append(f.list, fault{at: at, said: e.Message})
	}
	return f
}

// take returns what is wrong with an input, or with a part of it that has no input of its own; "" for nothing.
func (f *faults) take(name string, kind kind) string {
	if f == nil {
		return ""
	}
	var said []string
	for i := range f.list {
		one := &f.list[i]
		rest, ok := strings.CutPrefix(one.at, name)
		if one.taken || !ok || rest != "" && rest[0] != '.' {
			continue
		}
		one.taken = true
		rest = strings.TrimPrefix(rest, ".")
		if n, err := strconv.Atoi(rest); err == nil && kind == lines {
			said = append(said, f.line(n+1, one.said))
			continue
		}
		said = append(said, strings.TrimSpace(rest+" "+one.said))
	}
	return strings.Join(said, "; ")
}

// rest is what is wrong beside the inputs that have taken theirs; "" for nothing.
func (f *faults) rest() string {
	if f == nil {
		return ""
	}
	said := []string{}
	if f.said != "" {
		said = append(said, f.said)
	}
	for _, one := range f.list {
		if !one.taken {
			said = append(said, strings.TrimSpace(one.at+" "+one.said))
		}
	}
	return strings.Join(said, "; ")
}

// has reports whether something is wrong with an input, or with what stands in it.
func (f *faults) has(name string) bool {
	return f != nil && slices.ContainsFunc(f.list, func(one fault) bool {
		rest, ok := strings.CutPrefix(one.at, name)
		return ok && (rest == "" || rest[0] == '.')
	})
}
