package nginxconf_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/uhdadmin/media-gateway/shared/nginxconf"
)

func words(t *testing.T, src string) []string {
	t.Helper()
	ds, err := nginxconf.Parse([]byte(src))
	if err != nil {
		t.Fatalf("Parse(%q): %v", src, err)
	}
	if len(ds) != 1 {
		t.Fatalf("Parse(%q): %d directives, want 1", src, len(ds))
	}
	return append([]string{ds[0].Name}, ds[0].Args...)
}

func TestWords(t *testing.T) {
	for _, c := range []struct {
		src  string
		want []string
	}{
		{`a b;`, []string{"a", "b"}},
		{`a "b c" 'd "e';`, []string{"a", "b c", `d "e`}},
		{`a "b\"c" 'd\'e' f\\g;`, []string{"a", `b"c`, `d'e`, `f\g`}},
		{`a b\;c\ d;`, []string{"a", `b\;c\ d`}},           // skipped as structure, but the backslash stays
		{`a "\t\r\n\d\.";`, []string{"a", "\t\r\n\\d\\."}}, // regex escapes stay
		{`a b"c"d}e#f;`, []string{"a", `b"c"d}e#f`}},       // in the middle of a word none is special
		{`a ${b}c;`, []string{"a", "${b}c"}},
		{`a x${{b};`, []string{"a", "x${{b}"}},
		{`a "${b";`, []string{"a", "${b"}},
		{"a # comment ; { \"\n b;", []string{"a", "b"}},
		{`if ($x = "y z") {}`, []string{"if", "($x", "=", "y z", ")"}},
		{"a \"b\nc\";", []string{"a", "b\nc"}},
		{`a "";`, []string{"a", ""}},
		{`"a b" c;`, []string{"a b", "c"}},
	} {
		if got := words(t, c.src); !reflect.DeepEqual(got, c.want) {
			t.Errorf("Parse(%q) = %q, want %q", c.src, got, c.want)
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	for _, c := range []struct {
		src     string
		line    int
		message string
	}{
		{"a", 1, "unexpected end of file"},
		{"a b\n", 2, "unexpected end of file"},
		{"a;\n}", 2, `unexpected "}"`},
		{"a {\n b;\n", 3, `expecting "}"`},
		{"\n;", 2, `unexpected ";"`},
		{"{", 1, `unexpected "{"`},
		{"a { b }", 1, `expecting ";" after "b"`},
		{"a { b \n}", 2, `unexpected "}"`},
		{`a "b"c;`, 1, "after a quoted parameter"},
		{"\na \"b\n\n;", 2, "missing terminating"},
		{"a b\x00;", 1, "NUL"},
		{"a " + strings.Repeat("x", 4096) + ";", 1, "too long parameter"},
		{"#" + strings.Repeat("x", 4096) + "\na;", 1, "too long comment"},
		{strings.Repeat("a {", 100) + strings.Repeat("}", 100), 1, "nest deeper"},
		{"x_by_lua_block {\n local a = [[ }", 2, "long bracket"},
		{"x_by_lua_block {\n local a = '}\n'\n }", 2, "unfinished Lua string"},
		{"x_by_lua_block { {}", 1, "Lua block"},
	} {
		_, err := nginxconf.Parse([]byte(c.src))
		var syntax *nginxconf.SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("Parse(%.40q) = %v, want a SyntaxError", c.src, err)
			continue
		}
		if syntax.Line != c.line || !strings.Contains(syntax.Message, c.message) {
			t.Errorf("Parse(%.40q) = %v, want line %d and %q", c.src, err, c.line, c.message)
		}
	}
}

func TestLuaBlocks(t *testing.T) {
	for _, body := range []string{
		"",
		" local t = {a = {}} ",
		` local s = "}" .. '}\'}' `,
		" -- }\n return ",
		" --[[ } \n } ]] --[==[ } ]] ]==] local a = [[}]] local b = x[1][y[2]] ",
		" local a = [=[ ]] } ]=] - 1 --",
	} {
		src := "content_by_lua_block {" + body + "\n}\nnext;"
		ds, err := nginxconf.Parse([]byte(src))
		if err != nil {
			t.Errorf("Parse(%q): %v", src, err)
			continue
		}
		if len(ds) != 2 || ds[0].Lua != body+"\n" || !ds[0].IsLua() || ds[1].Name != "next" {
			t.Errorf("Parse(%q) = %+v", src, ds)
		}
		if want := 2 + strings.Count(body, "\n") + 1 - 1 + 1; len(ds) == 2 && ds[1].Line != want {
			t.Errorf("%q: line after the block is %d, want %d", src, ds[1].Line, want)
		}
	}
}

func withoutLines(ds []*nginxconf.Directive) []*nginxconf.Directive {
	nginxconf.Walk(ds, func(d *nginxconf.Directive) { d.Line = 0 })
	return ds
}

func FuzzParseFormat(f *testing.F) {
	for _, seed := range []string{
		"a b;", `a "b c" { d 'e"f' ${g}; }`, "# x\nif ($x ~ \"\\d{2}\") { return 301 https://$host$request_uri; }",
		"access_by_lua_block { local t = {'}'} --[[ } ]] }\nmap $a $b { default 0; \"~x\\\"\" 1; }", "a \"\\\\\" \\;;",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		ds, err := nginxconf.Parse(src)
		if err != nil {
			return
		}
		text := nginxconf.Format(ds)
		again, err := nginxconf.Parse(text)
		if err != nil {
			if strings.Contains(err.Error(), "too long") { // escapes made a word longer than nginx reads
				return
			}
			t.Fatalf("Parse(Format(Parse(%q))): %v\n%s", src, err, text)
		}
		if !reflect.DeepEqual(withoutLines(ds), withoutLines(again)) {
			t.Fatalf("%q changed to %q", src, text)
		}
		if !bytes.Equal(text, nginxconf.Format(again)) {
			t.Fatalf("Format is not stable for %q", src)
		}
	})
}

func FuzzQuote(f *testing.F) {
	for _, seed := range []string{"", "a", "a b", `\`, `"`, `'`, "${", "$", "a;b", "}", "\n\t\r", `\\n`, "ü", "#", "(", ")", `\"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		if len(arg) > 2000 || strings.Contains(arg, "\x00") {
			return
		}
		ds, err := nginxconf.Parse([]byte("x " + nginxconf.Quote(arg) + "; y;"))
		if err != nil {
			t.Fatalf("Quote(%q) = %s: %v", arg, nginxconf.Quote(arg), err)
		}
		if len(ds) != 2 || len(ds[0].Args) != 1 || ds[0].Args[0] != arg {
			t.Fatalf("Quote(%q) = %s, reads back as %q", arg, nginxconf.Quote(arg), ds[0].Args)
		}
	})
}

// TestFormatInPlace: directives stay on their lines, so that nginx's complaints fit the text that was parsed.
func TestFormatInPlace(t *testing.T) {
	src := "# comment\na 1;\n\nserver {\n    b \"two\nlines\";\n    content_by_lua_block {\n      x()\n    }\n\n    location / {\n        c;\n    }\n}\nd;\n"
	parsed, err := nginxconf.Parse([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	again, err := nginxconf.Parse(nginxconf.FormatInPlace(parsed))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(again, parsed) {
		t.Errorf("got %s", nginxconf.FormatInPlace(parsed))
	}
}
