package docs_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// block is a piece of shell in a document, with the comment above it that says how it is tested.
type block struct {
	path, marker, text string
	line               int
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.path, b.line) }

// Markers.
const (
	runHere       = "run"               // from the root, with our binaries on PATH
	runWithMaster = "run with a master" // in an empty folder, with a fresh master at what the text calls http://localhost:8000
	testedBy      = "tested by: "       // names of tests, separated by commas; text after the names explains
	notRun        = "not run: "         // the reason
)

// ownTest has a test of its own that runs all of it.
const ownTest = "docs/api.md"

var (
	opening = regexp.MustCompile("^( *)```(\\w*)$")
	comment = regexp.MustCompile(`^ *<!-- (.*) -->$`)
)

// blocks are all pieces of shell in a document.
func blocks(t *testing.T, path string) []block {
	t.Helper()
	var found []block
	lines := strings.Split(read(t, path), "\n")
	for i := 0; i < len(lines); i++ {
		m := opening.FindStringSubmatch(lines[i])
		if m == nil {
			continue
		}
		b := block{path: path, line: i + 1}
		if above := comment.FindStringSubmatch(lines[max(0, i-1)]); above != nil {
			b.marker = above[1]
		}
		for i++; i < len(lines) && strings.TrimSpace(lines[i]) != "```"; i++ {
			b.text += strings.TrimPrefix(lines[i], m[1]) + "\n"
		}
		if slices.Contains([]string{"sh", "bash", "shell", "console"}, m[2]) {
			found = append(found, b)
		}
	}
	return found
}

// TestCommands runs each piece of shell in the documents, or finds the test that does, or why none can.
func TestCommands(t *testing.T) {
	tests := testNames(t)
	ran := map[string]bool{}
	for _, path := range documents(t) {
		if path == ownTest {
			continue
		}
		for _, b := range blocks(t, path) {
			reason, unable := strings.CutPrefix(b.marker, notRun)
			names, elsewhere := strings.CutPrefix(b.marker, testedBy)
			switch {
			case elsewhere:
				for _, name := range regexp.MustCompile(`\bTest\w+`).FindAllString(names, -1) {
					if !tests[name] {
						t.Errorf("%s is tested by %s, which there is not", b, name)
					}
				}
				if !strings.Contains(names, "Test") {
					t.Errorf("%s: no test in %q", b, b.marker)
				}
			case unable:
				if len(reason) < 10 {
					t.Errorf("%s: no reason in %q", b, b.marker)
				}
			case b.marker == runHere, b.marker == runWithMaster:
				if ran[b.marker+withoutComments(b.text)] {
					continue // the same in another language
				}
				ran[b.marker+withoutComments(b.text)] = true
				t.Run(strings.ReplaceAll(b.String(), "/", "_"), b.run)
			default:
				t.Errorf("%s has no comment above it that says how it is tested, as in <!-- run -->; see commands_test.go", b)
			}
		}
	}
	if len(ran) == 0 {
		t.Error("no document has a command that is run")
	}
}

// patience bounds one piece: long, since only a broken one meets it.
const patience = 5 * time.Minute

func (b block) run(t *testing.T) {
	bins := binaries(t)
	for _, tool := range []string{"promtool", "sqlite3", "curl"} {
		if _, err := exec.LookPath(tool); err != nil && strings.Contains(b.text, tool+" ") {
			t.Skipf("NOT TESTED: no %s here; `.ci/install test` installs it", tool)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	text, dir := b.text, root
	if b.marker == runWithMaster {
		dir = t.TempDir()
		text = strings.ReplaceAll(text, "http://localhost:8000", startMaster(ctx, t, bins, dir))
	}
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", text)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+bins+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s\n%s", b, err, text, out)
	}
}

func startMaster(ctx context.Context, t *testing.T, bins, dir string) string {
	t.Helper()
	port, err := testbed.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	monitoring, err := testbed.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	m, err := testbed.StartMaster(ctx, testbed.MasterConfig{
		Bin: filepath.Join(bins, "uhd-master"), Dir: dir, Port: port, MetricsPort: monitoring,
		Username: "admin", Password: "correct horse battery",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stopping, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := m.Stop(stopping); err != nil {
			t.Error(err)
		}
	})
	return m.URL
}

// binDir is where built puts our binaries.
var binDir string

var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "uhd-docs-")
	if err != nil {
		return "", err
	}
	binDir = dir
	if err := testbed.Build(dir, "master", "supervisor"); err != nil {
		return dir, err
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if binDir != "" {
		_ = os.RemoveAll(binDir)
	}
	os.Exit(code)
}

func binaries(t *testing.T) string {
	t.Helper()
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// testNames are all tests there are.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
			names[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestReadmesAgree: the README says the same in both languages, as far as that can be seen: the same headings, tables
// and commands.
func TestReadmesAgree(t *testing.T) {
	english, chinese := skeleton(read(t, "README.md")), skeleton(read(t, "README.zh-CN.md"))
	for i := range max(len(english), len(chinese)) {
		var en, zh string
		if i < len(english) {
			en = english[i]
		}
		if i < len(chinese) {
			zh = chinese[i]
		}
		if en != zh {
			t.Fatalf("README.md and README.zh-CN.md part here:\n%s\n%s", en, zh)
		}
	}
}

var (
	quoted   = regexp.MustCompile(`"[^"]*"`)
	inCode   = regexp.MustCompile("`[^`]+`")
	linkedTo = regexp.MustCompile(`\]\(([^)]+)\)`)
)

// skeleton is what of a README does not depend on its language: levels of headings, code without comments and labels of
// pictures, and of each row of a table its number of cells, its code and links.
func skeleton(text string) []string {
	var out []string
	code, picture := false, false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "```"):
			code, picture = !code, line == "```mermaid"
			out = append(out, line)
		case picture:
			out = append(out, quoted.ReplaceAllString(line, `""`))
		case code:
			out = append(out, withoutComments(line))
		case strings.HasPrefix(line, "#"):
			out = append(out, line[:strings.IndexByte(line, ' ')])
		case strings.HasPrefix(line, "<!--"):
			out = append(out, line)
		case strings.HasPrefix(line, "|"):
			row := fmt.Sprintf("%d cells", strings.Count(line, "|"))
			codes := inCode.FindAllString(line, -1)
			slices.Sort(codes)
			for _, c := range append(codes, linkedTo.FindAllString(line, -1)...) {
				row += " " + c
			}
			out = append(out, row)
		}
	}
	return out
}

var shellComment = regexp.MustCompile(`(^|\s+)# .*`)

func withoutComments(text string) string {
	var out []string
	for line := range strings.Lines(text) {
		out = append(out, strings.TrimRight(shellComment.ReplaceAllString(strings.TrimRight(line, "\n"), ""), " "))
	}
	return strings.Join(out, "\n")
}
