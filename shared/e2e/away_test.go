package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// TestMasterGoneAtBoot: a slave whose master is away from the start serves its last proven release.
func TestMasterGoneAtBoot(t *testing.T) {
	s := startScripted(t)
	stop(t, s.slave.Process)
	if code := s.slave.ExitCode(); code != 0 {
		t.Errorf("a stopped supervisor exits with %d", code)
	}
	s.Close()

	s.slave = startSlave(t, testbed.SlaveConfig{Root: s.slave.Root, MasterURL: s.URL, Token: "uhd_scripted"})
	must(t, s.slave.WaitReady(within(t)))
	s.waitComplete(t, []string{"first"})
	must(t, s.slave.Log.WaitFor(within(t), "Config version check failed"))
	s.waitComplete(t, []string{"first"})
}

// TestPlaceholder: without a release and without a master, players are told to come back and /readyz
// says what is missing.
func TestPlaceholder(t *testing.T) {
	port := freePort(t)
	slave := startSlave(t, testbed.SlaveConfig{MasterURL: fmt.Sprintf("http://127.0.0.1:%d", freePort(t)), Token: "uhd_x", PlaceholderPort: port})
	must(t, testbed.WaitHTTP(within(t), fmt.Sprintf("http://127.0.0.1:%d/", port), http.StatusServiceUnavailable))
	res := ask(t, port, "any.test", "/")
	_ = res.Body.Close()
	if res.Header.Get("Retry-After") == "" {
		t.Errorf("a 503 without Retry-After: %v", res.Header)
	}
	must(t, testbed.WaitHTTP(within(t), slave.URL+"/readyz", http.StatusServiceUnavailable))
}

// TestWrongToken: the log says the status and what to check; the last configuration keeps serving.
func TestWrongToken(t *testing.T) {
	g := startGateway(t, nil, "jf.test")
	stop(t, g.slave.Process)
	g.slave = startSlave(t, testbed.SlaveConfig{Root: g.slave.Root, MasterURL: g.master.URL, Token: "uhd_wrong"})
	must(t, g.slave.Log.WaitFor(within(t), "Config version check failed", "401", "APP_TOKEN"))
	must(t, g.slave.WaitReady(within(t)))
	if status := g.get(t, "jf.test", "/System/Info/Public"); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
}

// TestMasterRestored: a master restored from a backup tells an older version; the slave follows.
func TestMasterRestored(t *testing.T) {
	g := startGateway(t, nil, "jf.test")
	before, err := g.slave.Release()
	must(t, err)
	stop(t, g.master.Process)
	dir := g.master.Dir
	backup := copyDir(t, dir)
	g.restartMaster(t, dir)

	must(t, g.master.Admin.Do(t.Context(), http.MethodPost, "uri-rules", map[string]any{
		"name": "logs", "action": "block", "match_type": "exact", "pattern": "/System/Logs", "service_type": "jellyfin", "enabled": true,
	}, nil))
	if d := g.publish(t, "after the backup"); d.Status != api.AckApplied {
		t.Fatalf("%+v", d)
	}
	if status := g.get(t, "jf.test", "/System/Logs"); status != http.StatusForbidden {
		t.Fatalf("the rule does not hold: %d", status)
	}

	stop(t, g.master.Process)
	g.restartMaster(t, backup)
	eventually(t, func() error {
		if now, err := g.slave.Release(); err != nil || now != before {
			return fmt.Errorf("the slave runs %s, %w; the restored master says %s", now, err, before)
		}
		return nil
	})
	eventually(t, func() error {
		if status := g.get(t, "jf.test", "/System/Logs"); status == http.StatusForbidden {
			return fmt.Errorf("the rule that the restored master does not know still holds")
		}
		return nil
	})
}

// restartMaster starts the gateway's master again on its port, with the database in dir.
func (g *gateway) restartMaster(t testing.TB, dir string) {
	t.Helper()
	cfg := g.master.MasterConfig
	cfg.Dir = dir
	m, err := testbed.StartMaster(within(t), cfg)
	must(t, err)
	stopAtEnd(t, m.Process)
	g.master = m
}

func stop(t testing.TB, p *testbed.Process) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, p.Stop(ctx))
}

// copyDir copies the files of a flat directory.
func copyDir(t testing.TB, dir string) string {
	t.Helper()
	to := shortDir(t)
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(to, e.Name()), b, 0o600))
	}
	return to
}
