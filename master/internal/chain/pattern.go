package chain

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// pattern is a regular expression that reads bytes, as PCRE does there: "." is one byte of é, not both.
type pattern struct{ re *regexp.Regexp }

// compile reads an expression that library has accepted, with the flags of Go's regexp.
func compile(expression, flags string) (pattern, error) {
	re, err := regexp.Compile("(?" + flags + ":" + eachByte(expression) + ")")
	return pattern{re}, err
}

func (p pattern) matches(s string) bool { return p.re.MatchString(eachByte(s)) }

// find returns the first match and its first group; ok is false for none, and grouped where the group has no part in it.
func (p pattern) find(s string) (match, group string, grouped, ok bool) {
	s = eachByte(s)
	at := p.re.FindStringSubmatchIndex(s)
	if at == nil {
		return "", "", false, false
	}
	if len(at) > 2 && at[2] >= 0 {
		group, grouped = asBytes(s[at[2]:at[3]]), true
	}
	return asBytes(s[at[0]:at[1]]), group, grouped, true
}

// eachByte returns s with a character for each byte.
func eachByte(s string) string {
	if isASCII(s) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}

// asBytes undoes eachByte.
func asBytes(s string) string {
	if isASCII(s) {
		return s
	}
	b := make([]byte, 0, len(s))
	for _, r := range s {
		b = append(b, byte(r))
	}
	return string(b)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
