package nginxconf

import (
	"bytes"
	"fmt"
	"strings"
)

// nginx reads through a buffer of 4096 bytes, which must hold a whole word or comment from its first
// character up to and including the one that ends it; for a quoted word also the one after its quote.
const (
	maxBare   = 4095
	maxQuoted = 4094
)

type kind int

const (
	word kind = iota
	semicolon
	open
	closing
	end
)

type token struct {
	kind kind
	text string // of a word, decoded
	line int
}

type lexer struct {
	src  []byte
	pos  int
	line int
}

// SyntaxError says where a configuration cannot be read, in nginx's words where it has some.
type SyntaxError struct {
	Line    int // from 1
	Message string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Message) }

func (l *lexer) errorf(format string, args ...any) error {
	return &SyntaxError{Line: l.line, Message: fmt.Sprintf(format, args...)}
}

func (l *lexer) next() (token, error) {
	if err := l.skipBlanks(); err != nil {
		return token{}, err
	}
	if l.pos == len(l.src) {
		return token{kind: end, line: l.line}, nil
	}
	switch c := l.src[l.pos]; c {
	case ';':
		return l.punctuation(semicolon)
	case '{':
		return l.punctuation(open)
	case '}':
		return l.punctuation(closing)
	case '"', '\'':
		l.pos++
		return l.quoted(c)
	}
	return l.bare()
}

func (l *lexer) punctuation(k kind) (token, error) {
	l.pos++
	return token{kind: k, line: l.line}, nil
}

// skipBlanks skips white space and comments. A # starts a comment only between words.
func (l *lexer) skipBlanks() error {
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; {
		case c == '\n':
			l.line++
			l.pos++
		case isBlank(c):
			l.pos++
		case c == '#':
			n := bytes.IndexByte(l.src[l.pos:], '\n')
			if n < 0 {
				n = len(l.src) - l.pos
			}
			if n > maxBare {
				return l.errorf("too long comment: %d bytes, nginx takes at most %d", n, maxBare)
			}
			l.pos += n
		default:
			return nil
		}
	}
	return nil
}

// bare reads a word up to white space, ; or {. A quote or } inside is an ordinary character, and the
// brace of ${name} does not end it.
func (l *lexer) bare() (token, error) {
	start, line := l.pos, l.line
	variable := false // the last character was $, or { right after it
	for ; l.pos < len(l.src); l.pos++ {
		c := l.src[l.pos]
		switch {
		case c == '{' && variable:
			continue
		case isBlank(c), c == ';', c == '{':
			return l.word(start, line, maxBare)
		case c == '\\':
			l.skipEscaped()
		}
		variable = c == '$'
	}
	return token{}, l.errorf(`unexpected end of file, expecting ";" or "}"`)
}

// quoted reads a word up to its closing quote, which must be followed by white space, ; { or ).
func (l *lexer) quoted(quote byte) (token, error) {
	start, line := l.pos, l.line
	for ; l.pos < len(l.src); l.pos++ {
		switch l.src[l.pos] {
		case '\n':
			l.line++
		case '\\':
			l.skipEscaped()
		case quote:
			t, err := l.word(start, line, maxQuoted)
			l.pos++
			if err != nil || l.pos == len(l.src) {
				return t, err
			}
			if c := l.src[l.pos]; !isBlank(c) && c != ';' && c != '{' && c != ')' {
				return token{}, l.errorf("unexpected %q after a quoted parameter, expecting a space or \";\"", c)
			}
			return t, nil
		}
	}
	l.line = line
	return token{}, l.errorf("missing terminating %q character", quote)
}

// skipEscaped moves to the character after the backslash at pos.
func (l *lexer) skipEscaped() {
	l.pos++
	if l.pos < len(l.src) && l.src[l.pos] == '\n' {
		l.line++
	}
}

func (l *lexer) word(start, line, limit int) (token, error) {
	raw := l.src[start:l.pos]
	if len(raw) > limit {
		return token{}, &SyntaxError{line, fmt.Sprintf("too long parameter %q: %d bytes, nginx takes at most %d", raw[:10], len(raw), limit)}
	}
	return token{kind: word, text: unescape(raw), line: line}, nil
}

// unescape resolves the escapes that nginx knows: \" \' \\ \t \r \n. Before any other character a
// backslash stays, so that regexes need no doubling.
func unescape(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw)
	}
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' || i+1 == len(raw) {
			b.WriteByte(raw[i])
			continue
		}
		switch c := raw[i+1]; c {
		case '"', '\'', '\\':
			b.WriteByte(c)
		case 't':
			b.WriteByte('\t')
		case 'r':
			b.WriteByte('\r')
		case 'n':
			b.WriteByte('\n')
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
		}
		i++
	}
	return b.String()
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
