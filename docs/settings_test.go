package docs_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/settings.md anew")

const settingsHead = `# Settings

Both programs are set up by environment variables alone. ` + "`NAME_FILE`" + ` reads the value of NAME from a file, for secrets; a plain number where a
time is taken is seconds. What is wrong ends the program with code 2 and one line that names the variable. What is set for the fleet as
a whole (trusted proxies, messages, TLS) is in the master's library: [api.md](api.md).

This page is made by ` + "`go test ./docs -run TestSettings -update`" + ` from the code, and a test compares them.
`

// TestSettings: docs/settings.md has every variable of both programs, as the code takes it.
func TestSettings(t *testing.T) {
	want := settingsHead
	for _, program := range []struct{ title, dir string }{
		{"Of a slave", "supervisor/internal"},
		{"Of a master", "master/internal"},
	} {
		want += fmt.Sprintf("\n## %s\n\n| variable | default | takes |\n| --- | --- | --- |\n", program.title)
		err := filepath.WalkDir(filepath.Join(root, program.dir), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			rows, err := settingsIn(path)
			want += rows
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if *update {
		if err := os.WriteFile(filepath.Join(root, "docs/settings.md"), []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, "docs/settings.md") != want {
		t.Error("docs/settings.md is not what the code takes: go test ./docs -run TestSettings -update")
	}
}

// settingsIn returns rows for the fields of a file that come from the environment.
func settingsIn(path string) (rows string, err error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		return "", err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		field, ok := n.(*ast.Field)
		if !ok || field.Tag == nil {
			return true
		}
		text, err := strconv.Unquote(field.Tag.Value)
		if err != nil {
			return true
		}
		tag := reflect.StructTag(text)
		name, _, _ := strings.Cut(tag.Get("env"), ",")
		if name == "" || name == "-" {
			return true
		}
		value := ""
		if preset := tag.Get("envDefault"); preset != "" {
			value = "`" + preset + "`"
		}
		rows += fmt.Sprintf("| %s | %s | %s |\n", name, value, strings.ReplaceAll(tag.Get("takes"), "|", `\|`))
		return true
	})
	return rows, nil
}
