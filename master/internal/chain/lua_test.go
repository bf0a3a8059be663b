package chain_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	_ "embed"

	"github.com/uhdadmin/media-gateway/lua"
	"github.com/uhdadmin/media-gateway/nginx"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

//go:embed judge_test.lua
var judgeLua []byte

// startLua starts a real nginx with the Lua tree, and returns what asks a judge of judge_test.lua about a case.
func startLua(t *testing.T) func(t *testing.T, judge string, in, out any) {
	t.Helper()
	root, err := os.MkdirTemp("", "uhd") // short, for its sockets
	testbed.Must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	testbed.Must(t, os.Chmod(root, 0o755))
	for _, dir := range []string{"conf", "run", "spool"} {
		testbed.Must(t, os.Mkdir(filepath.Join(root, dir), 0o755))
	}
	testbed.Must(t, os.CopyFS(filepath.Join(root, "lua"), lua.Files))
	conf, err := nginx.Render(nginx.Params{Root: root, Workers: 1})
	testbed.Must(t, err)
	socket := filepath.Join(root, "run", "judge.sock")
	server := "server { listen unix:" + socket + "; client_body_buffer_size 1m; location / { content_by_lua_file " + root + "/judge.lua; } }"
	for name, text := range map[string][]byte{
		"conf/nginx.conf": conf, "conf/upstream.conf": nil, "conf/maps.conf": nil, "conf/server.conf": []byte(server), "judge.lua": judgeLua,
	} {
		testbed.Must(t, os.WriteFile(filepath.Join(root, name), text, 0o644))
	}
	cmd := exec.Command("nginx", "-e", "stderr", "-c", filepath.Join(root, "conf", "nginx.conf"), "-g", "daemon off;")
	cmd.Stderr = t.Output()
	testbed.Must(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // its log tells
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
	})
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dial(ctx, socket, ended)
	}}, Timeout: time.Minute}
	t.Cleanup(client.CloseIdleConnections)
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

// dial waits for an nginx that is still starting.
func dial(ctx context.Context, socket string, ended <-chan struct{}) (net.Conn, error) {
	for {
		c, err := new(net.Dialer).DialContext(ctx, "unix", socket)
		if err == nil || ctx.Err() != nil {
			return c, err
		}
		select {
		case <-ended:
			return nil, errors.New("nginx did not start; its log says why")
		case <-time.After(time.Millisecond):
		}
	}
}
