// Package nginxconf reads, writes and quotes nginx configuration.
//
// It exists for three jobs: to refuse raw nginx that would break out of its block, to prove that a
// rendered file reads back as exactly the values that went in, and to let the supervisor look into the
// tree it is about to run (server names, listen addresses, certificates). It follows the tokenizer of
// nginx itself (ngx_conf_read_token in src/core/ngx_conf_file.c) and knows no directive: which names
// and arguments are valid is nginx's to say. It does not follow include.
package nginxconf

// Directive is one directive with its arguments, decoded: quotes are gone and escapes are resolved, so
// these are the strings that nginx works with.
type Directive struct {
	Name     string
	Args     []string
	Block    []*Directive // what stands between the braces; nil for a Lua block
	HasBlock bool         // ends in {…} instead of ;
	Lua      string       // verbatim body of a *_by_lua_block
	Line     int          // line of the name, from 1
}

// Walk calls visit for every directive of ds, each before those in its block.
func Walk(ds []*Directive, visit func(*Directive)) {
	for _, d := range ds {
		visit(d)
		Walk(d.Block, visit)
	}
}

// IsLua reports whether the braces of d hold Lua code and not directives.
func (d *Directive) IsLua() bool { return d.HasBlock && isLuaBlock(d.Name) }
