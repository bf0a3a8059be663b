package nginxconf

import (
	"bytes"
	"strings"
)

const indent = "    "

// Format writes ds as configuration text that Parse, and nginx, read as ds again (but for Line). Comments
// are not part of ds. The Lua of a directive is written as it is: it must be balanced, as Parse returns it.
func Format(ds []*Directive) []byte {
	var b bytes.Buffer
	format(&b, ds, 0)
	return b.Bytes()
}

func format(b *bytes.Buffer, ds []*Directive, depth int) {
	margin := strings.Repeat(indent, depth)
	for _, d := range ds {
		b.WriteString(margin + Quote(d.Name))
		for _, arg := range d.Args {
			b.WriteString(" " + Quote(arg))
		}
		switch {
		case d.IsLua():
			b.WriteString(" {" + d.Lua + "}\n")
		case d.HasBlock:
			b.WriteString(" {\n")
			format(b, d.Block, depth+1)
			b.WriteString(margin + "}\n")
		default:
			b.WriteString(";\n")
		}
	}
}

// FormatInPlace is Format with each directive on the line that it names, so that nginx's complaints about the
// text fit the one that was parsed. A directive that another one, longer than it was, has pushed out of its
// place comes as early after it as it can.
func FormatInPlace(ds []*Directive) []byte {
	var b bytes.Buffer
	line := 1
	formatInPlace(&b, ds, &line)
	b.WriteByte('\n')
	return b.Bytes()
}

func formatInPlace(b *bytes.Buffer, ds []*Directive, line *int) {
	for _, d := range ds {
		for ; *line < d.Line; *line++ {
			b.WriteByte('\n')
		}
		b.WriteString(Quote(d.Name))
		for _, arg := range d.Args {
			b.WriteString(" " + Quote(arg))
		}
		switch {
		case d.IsLua():
			b.WriteString(" {" + d.Lua + "} ")
			*line += strings.Count(d.Lua, "\n")
		case d.HasBlock:
			b.WriteString(" { ")
			formatInPlace(b, d.Block, line)
			b.WriteString("} ")
		default:
			b.WriteString("; ")
		}
	}
}

// Quote writes arg so that nginx reads exactly arg back as one parameter: bare where that is safe, else
// in double quotes.
//
// It guards the syntax only. What a directive does with its parameter no quoting can undo: where
// variables are expanded, $ starts one and nginx knows no escape for it; a value for such a place must be
// refused by validation. The same goes for NUL bytes and for values of more than 4094 bytes once written,
// which nginx does not read.
func Quote(arg string) string {
	if arg != "" && strings.IndexFunc(arg, special) < 0 {
		return arg
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(arg) {
		switch c := arg[i]; c {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\t':
			b.WriteString(`\t`)
		case '\r':
			b.WriteString(`\r`)
		case '\n':
			b.WriteString(`\n`)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// special reports whether r makes a parameter need quotes somewhere in nginx's syntax.
func special(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"'\;{}#`, r)
}
