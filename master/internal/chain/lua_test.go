package chain_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"testing"

	_ "embed"

	"github.com/uhdadmin/media-gateway/shared/testbed"
)

//go:embed judge_test.lua
var judgeLua []byte

// startLua starts a real nginx with the Lua tree, and returns what asks a judge of judge_test.lua about a case.
func startLua(t *testing.T) func(t *testing.T, judge string, in, out any) {
	t.Helper()
	socket := func(root string) string { return filepath.Join(root, "run", "judge.sock") }
	n := testbed.StartLuaNginx(t, func(root string) map[string]string {
		return map[string]string{
			"conf/server.conf": "server { listen unix:" + socket(root) + "; client_body_buffer_size 1m; location / { content_by_lua_file " + root + "/judge.lua; } }",
			"judge.lua":        string(judgeLua),
		}
	})
	client := n.Client(t, socket(n.Root))
	return func(t *testing.T, judge string, in, out any) {
		t.Helper()
		body, err := json.Marshal(map[string]any{"judge": judge, "case": in})
		testbed.Must(t, err)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://judge/", bytes.NewReader(body))
		testbed.Must(t, err)
		res, err := client.Do(req)
		testbed.Must(t, err)
		defer func() { _ = res.Body.Close() }()
		answer, err := io.ReadAll(res.Body)
		testbed.Must(t, err)
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%s of %.500s: %s", judge, body, res.Status)
		}
		testbed.Must(t, json.Unmarshal(answer, out))
	}
}
