package testbed

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/lua"
	"github.com/uhdadmin/media-gateway/nginx"
)

// StartLuaNginx starts a real nginx with a slave's nginx.conf and the Lua tree below a new root, until the test ends. files
// returns what stands there beside them, by path below the root: its server.conf, for one. The root's name is short, for
// its sockets.
func StartLuaNginx(t testing.TB, files func(root string) map[string]string) *LuaNginx {
	t.Helper()
	root, err := os.MkdirTemp("", "uhd")
	Must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	Must(t, os.Chmod(root, 0o755)) // for workers of another user
	for _, dir := range []string{"conf", "run", "spool"} {
		Must(t, os.Mkdir(filepath.Join(root, dir), 0o755))
	}
	Must(t, os.CopyFS(filepath.Join(root, "lua"), lua.Files))
	conf, err := nginx.Render(nginx.Params{Root: root, Workers: 1})
	Must(t, err)
	all := map[string]string{"conf/nginx.conf": string(conf), "conf/upstream.conf": "", "conf/maps.conf": "", "conf/server.conf": ""}
	maps.Copy(all, files(root))
	for name, text := range all {
		Must(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o644))
	}
	cmd := exec.Command("nginx", "-e", "stderr", "-c", filepath.Join(root, "conf", "nginx.conf"), "-g", "daemon off;")
	cmd.Stderr = t.Output()
	Must(t, cmd.Start())
	n := &LuaNginx{Root: root, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // its log tells
		close(n.ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-n.ended
	})
	return n
}

// LuaNginx is one that runs.
type LuaNginx struct {
	Root  string
	ended chan struct{}
}

// Client returns a client of one of its unix sockets, which waits for an nginx that is starting.
func (n *LuaNginx) Client(t testing.TB, socket string) *http.Client {
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		for {
			c, err := new(net.Dialer).DialContext(ctx, "unix", socket)
			if err == nil || ctx.Err() != nil {
				return c, err
			}
			select {
			case <-n.ended:
				return nil, errors.New("nginx did not start; its log says why")
			case <-time.After(time.Millisecond):
			}
		}
	}}, Timeout: time.Minute}
	t.Cleanup(client.CloseIdleConnections)
	return client
}
