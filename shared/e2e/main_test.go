// Package e2e tests the whole gateway: the real binaries, the real nginx, a request's way from player
// to media server and a configuration's way from the admin API to the ack.
package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/standin"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// bins is where TestMain put the binaries.
var bins string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "uhd-e2e-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
		bins = dir
		if err := testbed.Build(dir, "master", "supervisor"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// patience bounds every wait for a condition: long, since only a broken gateway meets it.
const patience = 60 * time.Second

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	port, err := testbed.FreePort()
	must(t, err)
	return port
}

// shortDir is a temporary directory with a short path: unix sockets below it take at most 107 bytes.
// Any user may enter it, since nginx's workers have to.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "uhd")
	must(t, err)
	must(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// stopAtEnd ends p after the test and shows what it printed if the test failed.
func stopAtEnd(t testing.TB, p *testbed.Process) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := p.Stop(ctx); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("%s printed:\n%s", p.Name, p.Log)
		}
	})
}

// startMedia serves the stand-in media server and returns it with its host:port.
func startMedia(t testing.TB) (*standin.Server, string) {
	t.Helper()
	media := standin.New(standin.Options{})
	srv := httptest.NewServer(media)
	t.Cleanup(srv.Close)
	return media, strings.TrimPrefix(srv.URL, "http://")
}

func startMaster(t testing.TB, dir string, env ...string) *testbed.Master {
	t.Helper()
	m, err := testbed.StartMaster(within(t), testbed.MasterConfig{
		Bin: filepath.Join(bins, "uhd-master"), Dir: dir,
		Port: freePort(t), MetricsPort: freePort(t),
		Username: "admin", Password: "correct horse battery", Env: env,
	})
	must(t, err)
	stopAtEnd(t, m.Process)
	return m
}

// slaveEnv makes the test's slave quick: reloads are not held back and polls come often.
var slaveEnv = []string{"RELOAD_MIN_INTERVAL=0", "CONFIG_PULL_INTERVAL=1s", "DRAIN_TIMEOUT=5s"}

func startSlave(t testing.TB, cfg testbed.SlaveConfig) *testbed.Slave {
	t.Helper()
	cfg.Bin = filepath.Join(bins, "uhd-supervisor")
	if cfg.Root == "" {
		cfg.Root = filepath.Join(shortDir(t), "slave")
	}
	if cfg.MetricsPort == 0 {
		cfg.MetricsPort = freePort(t)
	}
	if cfg.PlaceholderPort == 0 {
		cfg.PlaceholderPort = freePort(t)
	}
	cfg.Env = append(append([]string{}, slaveEnv...), cfg.Env...)
	s, err := testbed.StartSlave(cfg)
	must(t, err)
	stopAtEnd(t, s.Process)
	return s
}

const groupHost = "127.0.0.1"

// gateway is a master, a slave and a media server with one published configuration.
type gateway struct {
	media  *standin.Server
	master *testbed.Master
	slave  *testbed.Slave
	server testbed.Server // the first of its servers
	token  string
	port   int // where nginx listens
}

// startGateway brings up a gateway with one server per name, all on one port, and waits until the first
// configuration is applied.
func startGateway(t testing.TB, env []string, names ...string) *gateway {
	t.Helper()
	media, upstream := startMedia(t)
	g := &gateway{media: media, master: startMaster(t, shortDir(t)), port: freePort(t)}
	root := filepath.Join(shortDir(t), "slave")
	for _, name := range names {
		server, err := g.master.Admin.AddServer(t.Context(), testbed.Server{
			Name: name, ServiceType: api.Jellyfin, Host: groupHost, ServerName: name, Upstream: upstream,
			ListenHTTP: g.port, LuaRoot: filepath.Join(root, "lua"),
		})
		must(t, err)
		if g.server.ID == 0 {
			g.server = server
		}
	}
	var err error
	g.token, err = g.master.Admin.NewToken(t.Context(), g.server.ID)
	must(t, err)
	snapshot, err := g.master.Admin.Publish(t.Context(), "first")
	must(t, err)
	g.slave = startSlave(t, testbed.SlaveConfig{Root: root, MasterURL: g.master.URL, Token: g.token, Env: env})
	g.waitApplied(t, snapshot)
	return g
}

// publish publishes and waits for the slave's ack.
func (g *gateway) publish(t testing.TB, note string) testbed.Distribution {
	t.Helper()
	snapshot, err := g.master.Admin.Publish(t.Context(), note)
	must(t, err)
	return g.waitAck(t, snapshot)
}

func (g *gateway) waitAck(t testing.TB, snapshot int64) testbed.Distribution {
	t.Helper()
	d, err := g.master.Admin.WaitDistribution(within(t), snapshot, groupHost)
	if err != nil {
		t.Fatalf("%v; the slave printed:\n%s", err, g.slave.Log)
	}
	return d
}

func (g *gateway) waitApplied(t testing.TB, snapshot int64) {
	t.Helper()
	if d := g.waitAck(t, snapshot); d.Status != api.AckApplied {
		t.Fatalf("snapshot %d failed at %s: %s; the slave printed:\n%s", snapshot, d.Stage, d.Error, g.slave.Log)
	}
}

// get asks the gateway for path under a server name and returns the status.
func (g *gateway) get(t testing.TB, name, path string, header ...string) int {
	t.Helper()
	res := g.do(t, name, path, header...)
	_ = res.Body.Close()
	return res.StatusCode
}

func (g *gateway) do(t testing.TB, name, path string, header ...string) *http.Response {
	t.Helper()
	return ask(t, g.port, name, path, header...)
}

// oneShot opens a connection per request, as separate players do.
var oneShot = &http.Client{Timeout: patience, Transport: &http.Transport{
	DisableKeepAlives: true,
	DialContext:       (&net.Dialer{}).DialContext,
}}

// ask sends GET path to nginx on port under a server name, with pairs of header names and values.
func ask(t testing.TB, port int, name, path string, header ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", port, path), nil)
	must(t, err)
	req.Host = name
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := oneShot.Do(req)
	must(t, err)
	return res
}

// eventually waits until condition returns nil; its last error says what is still wrong.
func eventually(t testing.TB, condition func() error) {
	t.Helper()
	testbed.Await(t, patience, condition)
}
