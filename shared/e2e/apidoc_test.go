package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fence is a block of docs/api.md: commands, and after some of them what the last of them prints.
var fence = regexp.MustCompile("(?ms)^```(sh|json)\n(.*?)^```$")

// TestAPIDocument runs what docs/api.md shows, against the real binary, and finds an example for each
// resource that there is.
func TestAPIDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/api.md")
	must(t, err)
	dir := t.TempDir()
	m := startMaster(t, dir)

	var script strings.Builder
	script.WriteString("set -euo pipefail\n")
	var answers []string // "": none is shown
	for _, block := range fence.FindAllStringSubmatch(string(text), -1) {
		if block[1] == "json" {
			answers[len(answers)-1] = block[2]
			continue
		}
		commands := strings.ReplaceAll(block[2], "https://master.example.com", m.URL)
		fmt.Fprintf(&script, "{\n%s} >answer.%d\n", commands, len(answers))
		answers = append(answers, "")
	}
	bash := exec.CommandContext(t.Context(), "bash", "-c", script.String())
	bash.Dir = dir
	bash.Env = []string{
		"PATH=" + bins + ":" + os.Getenv("PATH"), "HOME=" + dir, "LOG_LEVEL=warn",
		"DATABASE_URL=sqlite://" + filepath.Join(dir, "master.db"),
	}
	if out, err := bash.CombinedOutput(); err != nil {
		printed := ""
		for i := range answers {
			if answer, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("answer.%d", i))); err == nil {
				printed = string(answer)
			}
		}
		t.Fatalf("the commands end with %v: %s\nthe last block printed %s", err, out, printed)
	}
	for i, want := range answers {
		if want == "" {
			continue
		}
		printed, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("answer.%d", i)))
		must(t, err)
		var shown any
		must(t, json.Unmarshal([]byte(want), &shown))
		if !holds(last(string(printed)), shown) {
			t.Errorf("block %d prints\n%s\nthe document has\n%s", i, printed, want)
		}
	}

	var doc struct {
		Paths map[string]map[string]struct{ Tags []string }
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.URL+"/api/v1/openapi.json", nil)
	must(t, err)
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	must(t, json.NewDecoder(res.Body).Decode(&doc))
	for path, operations := range doc.Paths {
		resource, _, _ := strings.Cut(strings.TrimPrefix(path, "/api/v1/admin/"), "/")
		if !strings.Contains(script.String(), "api "+resource) && !strings.Contains(script.String(), "api '"+resource) {
			t.Errorf("docs/api.md has no example of %s (%d operations of %s)", resource, len(operations), path)
		}
	}
}

// last returns the last JSON value that was printed, nil when there is none.
func last(printed string) (value any) {
	lines := strings.Split(strings.TrimSpace(printed), "\n")
	for dec := json.NewDecoder(strings.NewReader(lines[len(lines)-1])); ; {
		var next any
		if dec.Decode(&next) != nil {
			return value
		}
		value = next
	}
}

// holds reports whether got has all that is shown of it: a text that ends in … stands for any that begins so.
func holds(got, shown any) bool {
	switch shown := shown.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		for name, value := range shown {
			member, has := object[name]
			ok = ok && has && holds(member, value)
		}
		return ok
	case []any:
		list, ok := got.([]any)
		ok = ok && len(list) >= len(shown)
		for i := range shown {
			ok = ok && holds(list[i], shown[i])
		}
		return ok
	case string:
		if start, cut := strings.CutSuffix(shown, "…"); cut {
			text, ok := got.(string)
			return ok && strings.HasPrefix(text, start)
		}
	}
	return got == shown
}
