package nginxconf

import "bytes"

// maxDepth bounds nesting; nginx's own contexts nest far less.
const maxDepth = 64

// Parse reads a configuration, or a part of one such as server.conf. Every brace must be closed inside
// src and none may be closed that src did not open. Errors are *SyntaxError.
//
// It is stricter than nginx in one point: a NUL byte is refused, because nginx stores words as C strings
// and would use what stands before it.
func Parse(src []byte) ([]*Directive, error) {
	if before, _, found := bytes.Cut(src, []byte{0}); found {
		return nil, &SyntaxError{1 + bytes.Count(before, []byte("\n")), "NUL byte"}
	}
	p := &parser{lexer{src: src, line: 1}}
	return p.block(0)
}

type parser struct{ lexer }

// block reads directives up to the brace that closes it, at depth 0 up to the end.
func (p *parser) block(depth int) ([]*Directive, error) {
	var ds []*Directive
	for {
		t, err := p.next()
		if err != nil {
			return nil, err
		}
		switch t.kind {
		case end:
			if depth > 0 {
				return nil, p.errorf(`unexpected end of file, expecting "}"`)
			}
			return ds, nil
		case closing:
			if depth == 0 {
				return nil, p.errorf(`unexpected "}"`)
			}
			return ds, nil
		case semicolon:
			return nil, p.errorf(`unexpected ";"`)
		case open:
			return nil, p.errorf(`unexpected "{"`)
		}
		d, err := p.directive(t, depth)
		if err != nil {
			return nil, err
		}
		ds = append(ds, d)
	}
}

func (p *parser) directive(name token, depth int) (*Directive, error) {
	d := &Directive{Name: name.text, Line: name.line}
	for {
		t, err := p.next()
		if err != nil {
			return nil, err
		}
		switch t.kind {
		case word:
			d.Args = append(d.Args, t.text)
		case semicolon:
			return d, nil
		case open:
			d.HasBlock = true
			if isLuaBlock(d.Name) {
				d.Lua, err = p.luaBody()
				return d, err
			}
			if depth == maxDepth {
				return nil, p.errorf("blocks nest deeper than %d", maxDepth)
			}
			d.Block, err = p.block(depth + 1)
			return d, err
		case closing:
			return nil, p.errorf(`unexpected "}", expecting ";" after %q`, d.Name)
		case end:
			return nil, p.errorf(`unexpected end of file, expecting ";" or "}"`)
		}
	}
}
