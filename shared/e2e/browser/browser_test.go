// Package browser tests the pages of the master in a real Chromium: what they show and do, whether everybody can use them,
// and that they ask nothing of any other host.
package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// patience bounds every wait for a condition: long, since only something broken meets it.
const patience = 90 * time.Second

const password = "a-long-password"

// masterBin and supervisorBin are where TestMain put the programs.
var masterBin, supervisorBin string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "uhd-browser-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
		masterBin, supervisorBin = filepath.Join(dir, "uhd-master"), filepath.Join(dir, "uhd-supervisor")
		if err := testbed.Build(dir, "master", "supervisor"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer stopChromium()
		return m.Run()
	}())
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

func startMaster(t testing.TB, env ...string) *testbed.Master {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m, err := testbed.StartMaster(ctx, testbed.MasterConfig{
		Bin: masterBin, Dir: t.TempDir(), Port: freePort(t), MetricsPort: freePort(t), Username: "admin", Password: password, Env: env,
	})
	must(t, err)
	stopAtEnd(t, m.Process)
	return m
}

// stopAtEnd ends p after the test and shows what it printed if the test failed.
func stopAtEnd(t testing.TB, p *testbed.Process) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := p.Stop(ctx); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("%s printed:\n%s", p.Name, p.Log)
		}
	})
}
