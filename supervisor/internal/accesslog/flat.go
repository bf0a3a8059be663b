package accesslog

import (
	"bytes"
	"strconv"
)

// form is the members of a flat line in their order: a log's lines have the same ones, so that a line is read by
// that of the line before, name by name. A flat line is an object of texts without escapes and of plain
// numbers, with no space in between, as nginx writes nearly all.
type form []member

type member struct {
	head  string // as it stands in the line: the quoted name, the colon, and of a text the quote that begins it
	field field
	text  bool
}

// longestForm bounds what is remembered of a line; ours have some thirty members.
const longestForm = 64

// parseFlat reads a flat line, without control characters and escapes, in a fraction of the time that a parser takes
// which has to know all of JSON. false: it is none, or has a member that is not what it should be; the parser
// says what.
func (p *Parser) parseFlat(line []byte, e *Entry) bool {
	*e = Entry{}
	if len(line) == 0 || line[0] != '{' {
		return false
	}
	rest := line[1:]
	for i := 0; ; i++ {
		if i == len(p.form) || len(rest) < len(p.form[i].head) || string(rest[:len(p.form[i].head)]) != p.form[i].head {
			if !p.form.learn(i, rest) {
				return false
			}
		}
		m := &p.form[i]
		rest = rest[len(m.head):]
		var end int
		if m.text {
			if end = bytes.IndexByte(rest, '"'); end < 0 {
				return false
			}
			if m.field != unknown {
				*e.text(m.field) = rest[:end:end]
			}
			end++
		} else {
			if end = numberEnd(rest); end == 0 || m.field != unknown && !e.setNumber(m.field, rest[:end]) {
				return false
			}
		}
		if end == len(rest) {
			return false
		}
		if rest[end] == '}' {
			return end == len(rest)-1
		}
		if rest[end] != ',' {
			return false
		}
		rest = rest[end+1:]
	}
}

// learn makes member i of the form the one that b begins with; false: it is none of a flat line, or a text
// where a number belongs or the other way round.
func (f *form) learn(i int, b []byte) bool {
	if i == longestForm || len(b) == 0 || b[0] != '"' {
		return false
	}
	end := bytes.IndexByte(b[1:], '"') + 2
	if end < 2 || end+1 >= len(b) || b[end] != ':' {
		return false
	}
	m := member{field: fields[string(b[1:end-1])], text: b[end+1] == '"'}
	if m.field != unknown && (m.text != m.field.isText() || m.text == m.field.isNumber()) {
		return false
	}
	if end++; m.text {
		end++
	}
	m.head = string(b[:end])
	*f = append((*f)[:i], m)
	return true
}

// numberEnd returns where the number ends that b begins with, digits and perhaps a fraction; 0 for anything else.
func numberEnd(b []byte) int {
	end := digits(b)
	if end == 0 || end > 1 && b[0] == '0' {
		return 0
	}
	if end < len(b) && b[end] == '.' {
		fraction := digits(b[end+1:])
		if fraction == 0 {
			return 0
		}
		end += 1 + fraction
	}
	return end
}

func digits(b []byte) int {
	for i, c := range b {
		if c < '0' || c > '9' {
			return i
		}
	}
	return len(b)
}

// whole reads digits that an int64 holds.
func whole(b []byte) (n int64, ok bool) {
	if len(b) > 18 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, true
}

// seconds reads a number of up to 15 digits, as times have, exactly as strconv does: both halves of the
// division are whole numbers that a float64 holds, so it is rounded once.
func seconds(b []byte) (float64, bool) {
	if len(b) > 16 {
		f, err := strconv.ParseFloat(string(b), 64)
		return f, err == nil
	}
	var n, scale int64 = 0, 1
	fraction := false
	for _, c := range b {
		if c == '.' {
			fraction = true
			continue
		}
		n = 10*n + int64(c-'0')
		if fraction {
			scale *= 10
		}
	}
	return float64(n) / float64(scale), true
}
