// Package docs_test holds the documents to the project: links lead somewhere, log lines are those of the code, both
// READMEs say the same, and each command is run here or says why it cannot be.
package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = ".."

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// documents are all Markdown files that people read, from the root.
func documents(t *testing.T) []string {
	t.Helper()
	var paths []string
	for _, pattern := range []string{"*.md", "docs/*.md", ".github/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			rel, err := filepath.Rel(root, path)
			if err != nil {
				t.Fatal(err)
			}
			paths = append(paths, rel)
		}
	}
	return paths
}

var (
	fence   = regexp.MustCompile("(?ms)^```.*?^```[^\n]*\n?")
	heading = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
)

// TestLinks: files and sections that documents point to are there.
func TestLinks(t *testing.T) {
	for _, path := range documents(t) {
		text := fence.ReplaceAllString(read(t, path), "")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target := m[1]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			file, section, _ := strings.Cut(target, "#")
			if file == "" {
				file = path
			} else {
				file = filepath.Join(filepath.Dir(path), file)
			}
			if _, err := os.Stat(filepath.Join(root, file)); err != nil {
				t.Errorf("%s links to %s, which is not there", path, target)
				continue
			}
			if section != "" && !slices.Contains(anchors(read(t, file)), section) {
				t.Errorf("%s links to %s; %s has no such section", path, target, file)
			}
		}
	}
}

// anchors are the names that GitHub gives to the sections of a document.
func anchors(text string) []string {
	var names []string
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ', r == '-':
				return '-'
			case r == '_', 'a' <= r && r <= 'z', '0' <= r && r <= '9', r > 127:
				return r
			case 'A' <= r && r <= 'Z':
				return r + 'a' - 'A'
			}
			return -1
		}, m[1])
		names = append(names, name)
	}
	return names
}

// TestLogLines: each line that the programs log as a warning or error stands in docs/logs.md. One that nobody says is
// told of, and no failure: a page may be ahead of the code.
func TestLogLines(t *testing.T) {
	said := map[string]bool{}
	for _, dir := range []string{"supervisor", "master", "shared/httpserver", "shared/setting", "shared/api"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			return logged(path, said)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	_, tables, _ := strings.Cut(read(t, "docs/logs.md"), "## Of a slave")
	listed := map[string]bool{}
	for line := range strings.Lines(tables) {
		if cells := strings.Split(line, " | "); strings.HasPrefix(line, "| `") {
			for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[0], -1) {
				listed[m[1]] = true
			}
		}
	}
	for _, line := range slices.Sorted(maps.Keys(said)) {
		if !listed[line] {
			t.Errorf("docs/logs.md lacks %q", line)
		}
	}
	for _, line := range slices.Sorted(maps.Keys(listed)) {
		if !said[line] {
			t.Logf("docs/logs.md has %q, which nobody says (any more?)", line)
		}
	}
}

// logged adds the constant messages of calls of Warn and Error in a file, without the backticks in them.
func logged(path string, into map[string]bool) error {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		return err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !slices.Contains([]string{"Warn", "Error", "WarnContext", "ErrorContext"}, method.Sel.Name) {
			return true
		}
		if on, ok := method.X.(*ast.Ident); ok && on.Name == "http" {
			return true
		}
		for _, arg := range call.Args[:min(2, len(call.Args))] {
			if text, ok := arg.(*ast.BasicLit); ok && text.Kind == token.STRING {
				if value, err := strconv.Unquote(text.Value); err == nil {
					into[strings.ReplaceAll(value, "`", "")] = true
				}
				break
			}
		}
		return true
	})
	return nil
}
