package observability_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/metrics.md anew")

const metricsDoc = "../../docs/metrics.md"

const metricsHead = `# Metrics

Every metric of our own, as /metrics on METRICS_ADDR tells of it: ` + "`:9145`" + ` of a slave, ` + "`:9146`" + ` of a master. Beside them are those of
the Go runtime (` + "`go_…`" + `) and of the process (` + "`process_…`" + `). What to do about them is in [operations.md](operations.md).

This page is made by ` + "`go test ./docker/observability -run TestQueriesFindData -update`" + ` from a gateway that runs, and a test compares them.
`

// metric is one as an endpoint describes it.
type metric struct {
	name, kind, help string
	labels           []string
}

// checkMetrics: promtool finds nothing wrong with either endpoint, and docs/metrics.md is what they tell.
func checkMetrics(t *testing.T, s *stack) {
	doc, known := s.metrics(t)
	if *update {
		must(t, os.WriteFile(metricsDoc, []byte(doc), 0o644))
	}
	written, err := os.ReadFile(metricsDoc)
	must(t, err)
	eventually(t, func() error { // some are there only when they have counted something
		doc, known = s.metrics(t)
		if string(written) == doc {
			return nil
		}
		return fmt.Errorf("docs/metrics.md is not what the endpoints tell; go test ./docker/observability -run TestQueriesFindData -update writes it anew. Lines that differ:\n%s",
			strings.Join(differing(string(written), doc), "\n"))
	})
	operations, err := os.ReadFile("../../docs/operations.md")
	must(t, err)
	prose := regexp.MustCompile("(?s)```.*?```").ReplaceAllString(string(operations), "")
	for _, name := range regexp.MustCompile(`\buhd_[a-z0-9_]+`).FindAllString(prose, -1) {
		if !known[name] {
			t.Errorf("docs/operations.md names %s, which neither endpoint has", name)
		}
	}
}

// metrics returns docs/metrics.md as it should be, and the names in it.
func (s *stack) metrics(t *testing.T) (doc string, known map[string]bool) {
	t.Helper()
	doc, known = metricsHead, map[string]bool{}
	for _, endpoint := range []struct{ title, url string }{
		{"Of a slave", s.slave.URL + "/metrics"},
		{"Of a master", fmt.Sprintf("http://127.0.0.1:%d/metrics", s.master.MetricsPort)},
	} {
		text := get(t, endpoint.url)
		check := exec.Command("promtool", "check", "metrics")
		check.Stdin = bytes.NewReader(text)
		if out, err := check.CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) > 0 {
			t.Fatalf("promtool check metrics < %s: %v\n%s", endpoint.url, err, out)
		}
		doc += fmt.Sprintf("\n## %s\n\n| metric | type | labels | |\n| --- | --- | --- | --- |\n", endpoint.title)
		for _, m := range describe(string(text)) {
			known[m.name] = true
			doc += fmt.Sprintf("| `%s` | %s | %s | %s |\n", m.name, m.kind, strings.Join(m.labels, ", "), strings.ReplaceAll(m.help, "|", `\|`))
		}
	}
	return doc, known
}

// TestEachMetricOfTheCode is in docs/metrics.md: one whose labels are made as things happen would be in no endpoint of
// a gateway in which they have not.
func TestEachMetricOfTheCode(t *testing.T) {
	doc, err := os.ReadFile(metricsDoc)
	must(t, err)
	name := regexp.MustCompile(`"(uhd_[a-z0-9_]*[a-z0-9])"`)
	for _, path := range sources(t) {
		text, err := os.ReadFile(path)
		must(t, err)
		if !bytes.Contains(text, []byte("prometheus/client_golang")) {
			continue
		}
		for _, m := range name.FindAllSubmatch(text, -1) {
			if !bytes.Contains(doc, append(append([]byte("| `"), m[1]...), '`')) {
				t.Errorf("%s has %s, which docs/metrics.md lacks: let it be there from the start, and write that anew", path, m[1])
			}
		}
	}
}

// sources are the Go files of which our programs are made.
func sources(t *testing.T) []string {
	t.Helper()
	list := exec.Command("go", "list", "-deps", "-f", `{{if not .Standard}}{{$dir := .Dir}}{{range .GoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}{{end}}`, "./master", "./supervisor")
	list.Dir, list.Stderr = "../..", os.Stderr
	out, err := list.Output()
	must(t, err)
	root, err := filepath.Abs("../..")
	must(t, err)
	return slices.DeleteFunc(strings.Fields(string(out)), func(path string) bool { return !strings.HasPrefix(path, root+"/") })
}

func get(t *testing.T, url string) []byte {
	t.Helper()
	res, err := http.Get(url)
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	must(t, err)
	return text
}

var sample = regexp.MustCompile(`^(uhd_[a-z0-9_]+)(?:\{(.*)\})? `)

// describe reads the text format: our metrics, by name.
func describe(text string) []metric {
	found := map[string]*metric{}
	labels := map[string]map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, "# HELP uhd_"); ok {
			name, help, _ := strings.Cut(rest, " ")
			found["uhd_"+name] = &metric{name: "uhd_" + name, help: help}
			labels["uhd_"+name] = map[string]bool{}
		}
		if rest, ok := strings.CutPrefix(line, "# TYPE uhd_"); ok {
			name, kind, _ := strings.Cut(rest, " ")
			found["uhd_"+name].kind = kind
		}
		if m := sample.FindStringSubmatch(line); m != nil {
			name := m[1]
			for _, part := range []string{"_bucket", "_sum", "_count"} {
				if cut := strings.TrimSuffix(name, part); found[cut] != nil {
					name = cut
				}
			}
			for _, pair := range regexp.MustCompile(`([a-z_]+)="(?:[^"\\]|\\.)*"`).FindAllStringSubmatch(m[2], -1) {
				if pair[1] != "le" {
					labels[name][pair[1]] = true
				}
			}
		}
	}
	var list []metric
	for _, name := range slices.Sorted(maps.Keys(found)) {
		m := *found[name]
		m.labels = slices.Sorted(maps.Keys(labels[name]))
		list = append(list, m)
	}
	return list
}

// differing returns the lines that only one of the texts has.
func differing(before, after string) []string {
	var lines []string
	for sign, texts := range map[string][2]string{"-": {before, after}, "+": {after, before}} {
		there := map[string]bool{}
		for line := range strings.Lines(texts[1]) {
			there[line] = true
		}
		for line := range strings.Lines(texts[0]) {
			if !there[line] {
				lines = append(lines, sign+strings.TrimSpace(line))
			}
		}
	}
	return lines
}
