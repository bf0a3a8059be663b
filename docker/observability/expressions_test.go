package observability_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// ruleFile is a file of alerts.
type ruleFile struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert       string
			Expr        string
			For         string
			Labels      map[string]string
			Annotations map[string]string
		}
	}
}

func readRules(t *testing.T) map[string]ruleFile {
	t.Helper()
	files := map[string]ruleFile{}
	for _, path := range glob(t, "rules/*.yml") {
		text, err := os.ReadFile(path)
		must(t, err)
		var f ruleFile
		must(t, yaml.Unmarshal(text, &f))
		files[filepath.Base(path)] = f
	}
	return files
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	must(t, err)
	if len(paths) == 0 {
		t.Fatalf("there is no %s", pattern)
	}
	return paths
}

// expressions are all queries of dashboards, and of alerts the vectors that they compare, by where they stand.
func expressions(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, f := range readRules(t) {
		for _, g := range f.Groups {
			for _, r := range g.Rules {
				all["alert "+r.Alert] = compared(r.Expr)
			}
		}
	}
	for _, path := range glob(t, "grafana/dashboards/*.json") {
		text, err := os.ReadFile(path)
		must(t, err)
		var board struct {
			Panels []struct {
				Title   string
				Targets []struct{ Expr string }
			}
			Templating struct {
				List []struct{ Name, Definition string }
			}
		}
		must(t, json.Unmarshal(text, &board))
		filled := strings.NewReplacer("$instance", ".*", "$__rate_interval", "30s")
		for _, p := range board.Panels {
			for _, target := range p.Targets {
				where := filepath.Base(path) + ": " + p.Title
				all[where] = append(all[where], filled.Replace(target.Expr))
			}
		}
		for _, v := range board.Templating.List {
			if v.Definition != "" { // label_values(METRIC, LABEL)
				metric, _, _ := strings.Cut(strings.TrimPrefix(v.Definition, "label_values("), ", ")
				all[filepath.Base(path)+": variable "+v.Name] = []string{metric}
			}
		}
	}
	return all
}

var (
	conjunction = regexp.MustCompile(`^\s(and|or|unless)\s`)
	comparison  = regexp.MustCompile(`^\s(==|!=|<=|>=|<|>)\s`)
)

// compared splits an alert's expression at and, or and unless, and returns of each part what stands left of the
// comparison, and right of it where that is a vector, too: what has to be there for the alert to fire ever.
func compared(expr string) []string {
	var vectors []string
	for _, part := range splitAt(expr, conjunction) {
		for _, side := range splitAt(part, comparison) {
			if side = strings.TrimSpace(side); strings.ContainsAny(side, "abcdefghijklmnopqrstuvwxyz{") && side != "1e9" {
				vectors = append(vectors, side)
			}
		}
	}
	return vectors
}

// splitAt splits at matches that are in no brackets and no text.
func splitAt(text string, at *regexp.Regexp) []string {
	var parts []string
	depth, begin, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case strings.IndexByte(")]}", c) >= 0:
			depth--
		case depth == 0:
			if m := at.FindString(text[i:]); m != "" {
				parts = append(parts, text[begin:i])
				i += len(m) - 1
				begin = i + 1
			}
		}
	}
	return append(parts, text[begin:])
}

func TestCompared(t *testing.T) {
	for expr, want := range map[string][]string{
		`up{job="a == b"} == 0`:                              {`up{job="a == b"}`},
		`sum by (x) (rate(a[5m])) / sum(b) > 0.25 and c > 1`: {"sum by (x) (rate(a[5m])) / sum(b)", "c"},
		`a != b and b > 0`:                                   {"a", "b", "b"},
		`time() - a > 300`:                                   {"time() - a"},
	} {
		if got := compared(expr); !slices.Equal(got, want) {
			t.Errorf("compared(%s) = %q, want %q", expr, got, want)
		}
	}
}
