package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// measured has commands that measure, which take minutes and a quiet machine: they are not run here, but what they
// name has to be there.
const measured = "docs/performance.md"

var (
	indented = regexp.MustCompile(`^    ((?:[A-Z_]+=\S+ )*(?:make|go|docker|docker-compose|curl|bin/\S+|uhd-\S+) .*)$`)
	target   = regexp.MustCompile(`^make ([a-z-]+)`)
	selects  = regexp.MustCompile(`-(run|bench) '?([^' ]+)'?`)
)

// TestMeasurements: commands of docs/performance.md name targets, packages, tests and benchmarks that there are; no
// other document has commands outside of a fence, where TestCommands would not see them.
func TestMeasurements(t *testing.T) {
	makefile := read(t, "Makefile")
	for _, path := range documents(t) {
		for line := range strings.Lines(read(t, path)) {
			m := indented.FindStringSubmatch(strings.TrimRight(line, "\n"))
			if m == nil {
				continue
			}
			if path != measured {
				t.Errorf("%s: %q belongs into a fence, with a comment that says how it is tested", path, m[1])
				continue
			}
			if name := target.FindStringSubmatch(m[1]); name != nil && !strings.Contains(makefile, "\n"+name[1]+":") {
				t.Errorf("%s: %q: the Makefile has no such target", path, m[1])
			}
			for _, pkg := range regexp.MustCompile(` \./[\w/]+`).FindAllString(withoutComments(m[1]), -1) {
				checkPackage(t, m[1], strings.TrimSpace(pkg))
			}
		}
	}
}

func checkPackage(t *testing.T, command, pkg string) {
	if strings.HasPrefix(pkg, "./run/") {
		return // what a command makes
	}
	files, err := filepath.Glob(filepath.Join(root, pkg, "*.go"))
	if err != nil || len(files) == 0 {
		t.Errorf("%q: there is no package %s", command, pkg)
		return
	}
	var source strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(text)
	}
	for _, m := range selects.FindAllStringSubmatch(command, -1) {
		kind := map[string]string{"run": "Test", "bench": "Benchmark"}[m[1]]
		for name := range strings.SplitSeq(strings.Trim(m[2], "^$"), "|") {
			declared := regexp.MustCompile(`func (` + kind + `\w*)\(`)
			there := name == "" || name == "."
			for _, f := range declared.FindAllStringSubmatch(source.String(), -1) {
				there = there || strings.Contains(f[1], name)
			}
			if !there {
				t.Errorf("%q: %s has no %s that is named so", command, pkg, kind)
			}
		}
	}
}
