package release_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/supervisor/internal/release"
)

// The test binary plays the process that is killed, limited or without permission.
func TestMain(m *testing.M) {
	if root := os.Getenv("APPLY_FOREVER"); root != "" {
		applyForever(root)
	}
	if root := os.Getenv("STAGE_ONCE"); root != "" {
		stageOnce(root)
	}
	os.Exit(m.Run())
}

// applyForever stages, commits and proves two configurations in turns, each time with another nginx.conf,
// so that proven releases are replaced.
func applyForever(root string) {
	for n := int64(1); ; n++ {
		cfg := config(root)
		cfg.NginxConf = fmt.Appendf(nil, "# %d\n", n%3)
		s, err := release.Open(cfg)
		exitOn(err)
		p := payload(&testing.T{}, n%2+1, big)
		rel, err := s.Stage(context.Background(), p)
		exitOn(err)
		exitOn(errors.Join(s.Commit(rel), s.MarkProven(rel), s.Prune(), s.Close()))
		if n == 1 {
			fmt.Println("ready")
		}
	}
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
}

// rounds of kill -9: enough to meet each of the few dozen system calls of a change.
const rounds = 100

// TestKilledAtAnyMoment: whatever a kill -9 interrupts, the next start finds the current and every proven
// release whole, and no leftovers.
func TestKilledAtAnyMoment(t *testing.T) {
	root := t.TempDir()
	for round := range rounds {
		cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
		cmd.Env = append(os.Environ(), "APPLY_FOREVER="+root)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(rand.N(20 * time.Millisecond))
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		requireWhole(t, root, round)
	}
}

func requireWhole(t *testing.T, root string, round int) {
	t.Helper()
	s, err := release.Open(config(root))
	if err != nil {
		t.Fatalf("round %d: %v", round, err)
	}
	defer func() { _ = s.Close() }()
	current, err := s.Current()
	if err != nil {
		t.Fatalf("round %d: no current release: %v", round, err)
	}
	releases := []*release.Release{current}
	for _, p := range s.Proven() {
		rel, err := s.Load(p.Hash)
		if err != nil {
			t.Fatalf("round %d: proven release: %v", round, err)
		}
		releases = append(releases, rel)
	}
	if len(releases) < 2 {
		t.Fatalf("round %d: nothing proven", round)
	}
	for _, rel := range releases {
		if changed, err := rel.Changed(); err != nil || len(changed) > 0 {
			t.Errorf("round %d: release %s: changed %v, %v", round, rel.Hash, changed, err)
		}
	}
	for _, pattern := range []string{"*.tmp-*", "releases/*.tmp-*", "releases/*.old-*", "state/*.tmp-*"} {
		if left, _ := filepath.Glob(filepath.Join(root, pattern)); len(left) > 0 {
			t.Errorf("round %d: leftovers %v", round, left)
		}
	}
}
