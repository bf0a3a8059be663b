package lua_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
)

// TestSpecs runs each file of spec/ inside a real nginx, one subtest per test.
func TestSpecs(t *testing.T) {
	files, err := filepath.Glob("spec/*_spec.lua")
	must(t, err)
	if len(files) == 0 {
		t.Fatal("no specs found")
	}
	g := start(t, setup{servers: `server {
    listen 127.0.0.1:{port};
    location / { content_by_lua_file {root}/spec/run.lua; }
}`})
	must(t, os.CopyFS(g.path("spec"), os.DirFS("spec")))
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			a := g.get(t, "/?file="+url.QueryEscape(g.path(file)))
			var results []struct{ Name, Problem string }
			if err := json.Unmarshal([]byte(a.body), &results); err != nil || a.StatusCode != http.StatusOK || len(results) == 0 {
				t.Fatalf("%s %s: %v", a.Status, a.body, err)
			}
			for _, result := range results {
				t.Run(result.Name, func(t *testing.T) {
					if result.Problem != "" {
						t.Error(result.Problem)
					}
				})
			}
		})
	}
}
