package nginxconf

import (
	"bytes"
	"strings"
)

// isLuaBlock reports whether the directive's braces hold Lua code (ngx_lua's own reader takes over).
func isLuaBlock(name string) bool { return strings.HasSuffix(name, "_by_lua_block") }

// luaBody reads the Lua code after an opening brace and the brace that closes it. Braces inside Lua's
// strings, long brackets and comments do not count.
func (l *lexer) luaBody() (string, error) {
	start, line, depth := l.pos, l.line, 1
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; c {
		case '\n':
			l.line++
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				l.pos++
				return string(l.src[start : l.pos-1]), nil
			}
		case '"', '\'':
			if err := l.luaString(c); err != nil {
				return "", err
			}
			continue
		case '[':
			if skipped, err := l.luaLongBracket(); err != nil {
				return "", err
			} else if skipped {
				continue
			}
		case '-':
			if bytes.HasPrefix(l.src[l.pos:], []byte("--")) {
				if err := l.luaComment(); err != nil {
					return "", err
				}
				continue
			}
		}
		l.pos++
	}
	l.line = line
	return "", l.errorf(`unexpected end of file in a Lua block, expecting "}"`)
}

func (l *lexer) luaString(quote byte) error {
	line := l.line
	for l.pos++; l.pos < len(l.src); l.pos++ {
		switch l.src[l.pos] {
		case quote:
			l.pos++
			return nil
		case '\\':
			l.skipEscaped()
		case '\n':
			return l.errorf("unfinished Lua string")
		}
	}
	l.line = line
	return l.errorf("unfinished Lua string")
}

// luaLongBracket skips [[…]] or [=[…]=] at pos; false when none starts there.
func (l *lexer) luaLongBracket() (bool, error) {
	level := 0
	rest := l.src[l.pos+1:]
	for level < len(rest) && rest[level] == '=' {
		level++
	}
	if level == len(rest) || rest[level] != '[' {
		return false, nil
	}
	closer := []byte("]" + strings.Repeat("=", level) + "]")
	n := bytes.Index(rest[level+1:], closer)
	if n < 0 {
		return false, l.errorf("unfinished Lua long bracket, expecting %q", closer)
	}
	n += 1 + level + 1 + len(closer)
	l.line += bytes.Count(l.src[l.pos:l.pos+n], []byte("\n"))
	l.pos += n
	return true, nil
}

func (l *lexer) luaComment() error {
	l.pos += len("--")
	if l.pos < len(l.src) && l.src[l.pos] == '[' {
		if skipped, err := l.luaLongBracket(); err != nil || skipped {
			return err
		}
	}
	n := bytes.IndexByte(l.src[l.pos:], '\n')
	if n < 0 {
		n = len(l.src) - l.pos
	}
	l.pos += n
	return nil
}
