// Package observability_test holds what operators are woken by to the real thing: Prometheus takes the
// configuration, each alert fires when it should and only then, each query of a dashboard or alert finds data in a
// gateway that runs, and docs/metrics.md names every metric there is.
package observability_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestRules: promtool takes the configuration, and each alert fires for what is bad and not for what is good.
func TestRules(t *testing.T) {
	needPrometheus(t)
	for _, args := range [][]string{
		{"check", "config", "prometheus.yml"},
		append([]string{"test", "rules"}, glob(t, "tests/*.yml")...),
	} {
		if out, err := exec.Command("promtool", args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// TestEachAlert has a test in which it fires and before which it does not (but those of which one look is
// enough), a severity, and a section in the runbook.
func TestEachAlert(t *testing.T) {
	runbook, err := os.ReadFile("../../docs/operations.md")
	must(t, err)
	sections := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(string(runbook), -1) {
		sections[strings.ToLower(strings.ReplaceAll(m[1], " ", "-"))] = true
	}
	for file, rules := range readRules(t) {
		text, err := os.ReadFile(filepath.Join("tests", file))
		must(t, err)
		var tests struct {
			Tests []struct {
				Name string
				Expr []struct {
					Samples []any `yaml:"exp_samples"`
				} `yaml:"promql_expr_test"`
				_ struct{}
			}
		}
		must(t, yaml.Unmarshal(text, &tests))
		fires, silent := map[string]bool{}, map[string]bool{}
		for _, test := range tests.Tests {
			for _, e := range test.Expr {
				fires[test.Name] = fires[test.Name] || len(e.Samples) > 0
				silent[test.Name] = silent[test.Name] || len(e.Samples) == 0
			}
		}
		for _, g := range rules.Groups {
			for _, r := range g.Rules {
				if !fires[r.Alert] || !silent[r.Alert] {
					t.Errorf("tests/%s: %s fires: %v, does not fire: %v; it needs both", file, r.Alert, fires[r.Alert], silent[r.Alert])
				}
				if s := r.Labels["severity"]; s != "critical" && s != "warning" {
					t.Errorf("%s: severity is %q", r.Alert, s)
				}
				_, anchor, _ := strings.Cut(r.Annotations["runbook_url"], "docs/operations.md#")
				if anchor != strings.ToLower(r.Alert) || !sections[anchor] {
					t.Errorf("%s: its runbook %s is no section of docs/operations.md", r.Alert, r.Annotations["runbook_url"])
				}
			}
		}
	}
}

// TestQueriesFindData: in a gateway with traffic, refusals, streams and a database that was away, no query of a
// panel is empty, and nothing that an alert compares.
func TestQueriesFindData(t *testing.T) {
	needPrometheus(t)
	s := startStack(t)
	p := startPrometheus(t, s)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	playing := make(chan struct{})
	go func() {
		defer close(playing)
		s.play(ctx)
	}()
	eventually(t, func() error { // what rises has to be seen before
		serving, err := p.query("uhd_config_version > 0 and uhd_ready == 1")
		if err == nil && len(serving) == 0 {
			return errors.New("the slave serves nothing yet")
		}
		return err
	})
	s.publishAgain(t)
	s.breakDatabase(t)

	empty := expressions(t)
	for where := range empty {
		empty[where] = slices.Clone(empty[where])
	}
	func() { // all of them within patience, each asked until it has data
		left := func() error {
			for where, list := range empty {
				list = slices.DeleteFunc(list, func(expr string) bool {
					values, err := p.query(expr)
					if err != nil {
						t.Fatalf("%s: %v", where, err)
					}
					return len(values) > 0
				})
				if empty[where] = list; len(list) == 0 {
					delete(empty, where)
				}
			}
			if len(empty) == 0 {
				return nil
			}
			var lines []string
			for _, where := range slices.Sorted(maps.Keys(empty)) {
				lines = append(lines, fmt.Sprintf("%s: %q", where, empty[where]))
			}
			return fmt.Errorf("no data for\n%s", strings.Join(lines, "\n"))
		}
		eventually(t, left)
	}()
	t.Run("metrics", func(t *testing.T) { checkMetrics(t, s) })
	stop()
	<-playing
}
