package e2e

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestAtRest: a supervisor with nothing to do takes under 30 MB and under 0.5 % of a core, all its
// threads together.
func TestAtRest(t *testing.T) {
	g := startGateway(t, []string{"CONFIG_PULL_INTERVAL=30s"}, "jf.test")
	pid := g.slave.PID()
	const span = 10 * time.Second
	before := cpuTime(t, pid)
	time.Sleep(span) // what is measured is doing nothing
	used := cpuTime(t, pid) - before
	if share := float64(used) / float64(span); share > 0.005 {
		t.Errorf("at rest it uses %.2f %% of a core, want under 0.5", share*100)
	} else {
		t.Logf("at rest: %.3f %% of a core", share*100)
	}
	if rss := residentBytes(t, pid); rss > 30<<20 {
		t.Errorf("at rest it holds %.1f MB, want under 30", float64(rss)/(1<<20))
	} else {
		t.Logf("at rest: %.1f MB resident", float64(rss)/(1<<20))
	}
}

// cpuTime is what all threads of a process have run, from the scheduler: nanoseconds, not ticks.
func cpuTime(t testing.TB, pid int) time.Duration {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	must(t, err)
	var sum time.Duration
	for _, file := range files {
		ns, err := strconv.ParseInt(strings.Fields(read(t, file))[0], 10, 64)
		must(t, err)
		sum += time.Duration(ns)
	}
	return sum
}

func residentBytes(t testing.TB, pid int) int64 {
	t.Helper()
	for line := range strings.Lines(read(t, fmt.Sprintf("/proc/%d/status", pid))) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			must(t, err)
			return kb << 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}
