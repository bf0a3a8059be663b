package pages

import (
	"go/ast"
	"go/parser"
	source "go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2/validation"
)

// checkers are the packages that say what is wrong with what operators enter.
var checkers = []string{"field", "fleet", "library", "account", "draft", "rollout"}

// notShown are errors of theirs that no operator sees: they go to the log.
var notShown = map[string]bool{"setting %d (%s): %w": true, "remove the draft: %w": true, "give %s its profile: %w": true}

// TestCatalogueHasEveryCheck: whatever a check of a field says has a Chinese text. This fails for a new message; its
// translation belongs into catalogue/zh.json.
func TestCatalogueHasEveryCheck(t *testing.T) {
	zh, err := readCatalogue("zh")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, dir := range checkers {
		for at, format := range messagesIn(t, "../"+dir) {
			count++
			if !notShown[format] && !translates(zh, format) {
				t.Errorf("%s: %q has no Chinese text", at, format)
			}
		}
	}
	if count < 100 {
		t.Errorf("only %d messages found: where are the others?", count)
	}
	for _, format := range []string{
		validation.MsgExpectedString, validation.MsgExpectedNumber, validation.MsgExpectedInteger, validation.MsgExpectedBoolean,
		validation.MsgExpectedArray, validation.MsgExpectedObject, validation.MsgExpectedOneOf, validation.MsgExpectedRequiredProperty,
		validation.MsgExpectedMinimumNumber, validation.MsgExpectedMaximumNumber, validation.MsgExpectedMinLength,
		validation.MsgExpectedMaxLength, validation.MsgExpectedMaxItems, validation.MsgExpectedRFC3339DateTime,
		validation.MsgExpectedMatchAtLeastOneSchema, validation.MsgExpectedArrayItemsUnique,
	} {
		if !translates(zh, format) {
			t.Errorf("%q has no Chinese text", format)
		}
	}
}

// translates reports whether a message that is made of the format is translated.
func translates(c catalogue, format string) bool {
	said := verb.ReplaceAllString(format, "7")
	return c.translate(strings.ReplaceAll(said, "%%", "%")) != said
}

// messagesIn returns the formats of all errors that a package makes, by where.
func messagesIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	set := source.NewFileSet()
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(set, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if format, ok := formatOf(call); ok {
					found[set.Position(call.Pos()).String()] = format
				}
			}
			return true
		})
	}
	return found
}

// formatOf returns the format of the message that a call makes, or says what a value takes.
func formatOf(call *ast.CallExpr) (string, bool) {
	name, last := "", ast.Expr(nil)
	switch f := call.Fun.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		name = f.Sel.Name
		if x, ok := f.X.(*ast.Ident); ok && (x.Name == "errors" || x.Name == "fmt") {
			name = x.Name + "." + name
		}
	}
	switch {
	case name == "errors.New", name == "fmt.Errorf":
		last = call.Args[0]
	case name == "Add" && len(call.Args) == 2:
		last = call.Args[1]
	case name == "decode" && len(call.Args) == 3:
		last = call.Args[2]
	default:
		return "", false
	}
	return formatOfExpr(last)
}

// formatOfExpr returns a text of the source with a verb for each part of it that is none.
func formatOfExpr(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == source.STRING
	case *ast.BinaryExpr:
		left, a := formatOfExpr(e.X)
		right, b := formatOfExpr(e.Y)
		if !a {
			left = "%s"
		}
		if !b {
			right = "%s"
		}
		return left + right, a || b
	case *ast.CallExpr:
		if f, ok := e.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Sprintf" {
			return formatOfExpr(e.Args[0])
		}
	}
	return "", false
}

// TestCatalogueTranslates: what stands in place of verbs is kept, and translated where it is a message itself.
func TestCatalogueTranslates(t *testing.T) {
	zh, err := readCatalogue("zh")
	if err != nil {
		t.Fatal(err)
	}
	for english, want := range map[string]string{
		"must be a number from 0 to 1000":                                                              "须为 0 到 1000 的数字",
		"must be one of: emby, jellyfin":                                                               "须为其中之一：emby, jellyfin",
		"host must be an IP address or a host name, as in 203.0.113.10 or media-1":                     "主机部分须为 IP 地址或主机名，例如 203.0.113.10 或 media-1",
		"must not contain spaces, quotes or other characters that URLs do not have: write them as %XX": "不能有空格、引号等网址里没有的字符：请写成 %XX",
		"contains '%'; a path may have letters, digits and /._-+@,:=~%":                                "含有 '%'；路径里可用字母、数字和 /._-+@,:=~%",
		`has the language "<b>"; languages are en, zh, zh-TW and the like, and * for all others`:       `语言 "<b>" 不对；应为 en、zh、zh-TW 之类，* 表示其余所有语言`,
		`group a (emby) cannot be rendered: there is no default profile for emby`:                      "主机 a（emby）无法渲染：没有相应的默认方案",
		"admin is viewer; this takes operator":                                                         "admin 的角色（viewer）不能这样做：需要运维",
		"something new":                                                                                "something new",
		"":                                                                                             "",
	} {
		if got := zh.translate(english); got != want {
			t.Errorf("%q is %q, want %q", english, got, want)
		}
	}
}
