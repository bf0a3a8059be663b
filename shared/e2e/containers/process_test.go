package containers

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// process is one process in a container.
type process struct {
	pid, parent int
	name, state string
	uid         string
	resident    int64 // bytes
	command     string
}

// listProcesses prints one line per process: pid, parent, state, uid, VmRSS in kB, name, and the command line.
const listProcesses = `for p in /proc/[0-9]*; do
  awk -v pid="${p#/proc/}" '/^Name:/ {name=$2} /^State:/ {state=$2} /^PPid:/ {parent=$2} /^Uid:/ {uid=$2} /^VmRSS:/ {rss=$2}
    END {if (name) printf "%s|%s|%s|%s|%d|%s|", pid, parent, state, uid, rss, name}' $p/status 2>/dev/null && { tr "\0" " " <$p/cmdline; echo; }
done 2>/dev/null; true`

func (s *slave) processes(t testing.TB, container string) []process {
	t.Helper()
	var all []process
	for line := range strings.Lines(docker(t, "exec", container, "sh", "-c", listProcesses)) {
		parts := strings.SplitN(strings.TrimSpace(line), "|", 7)
		if len(parts) < 7 {
			continue // it ended while we looked
		}
		p := process{state: parts[2], uid: parts[3], name: parts[5], command: parts[6]}
		p.pid, _ = strconv.Atoi(parts[0])
		p.parent, _ = strconv.Atoi(parts[1])
		kB, _ := strconv.ParseInt(parts[4], 10, 64)
		p.resident = kB << 10
		all = append(all, p)
	}
	if len(all) == 0 {
		t.Fatalf("no processes in %s", container)
	}
	return all
}

// supervisorPID is the process under the init.
func (s *slave) supervisorPID(t testing.TB) int {
	t.Helper()
	for _, p := range s.processes(t, s.container) {
		if p.parent == 1 && p.name == "uhd-supervisor" {
			return p.pid
		}
	}
	t.Fatal("the init has no supervisor")
	return 0
}

// frugal: init and supervisor together take less than 35 MB at rest.
func (s *slave) frugal(t *testing.T) {
	const most = 35_000_000
	var sum int64
	var each []string
	for _, p := range s.processes(t, s.container) {
		if p.name == "uhd-supervisor" {
			sum += p.resident
			each = append(each, fmt.Sprintf("%d: %.1f MB", p.pid, float64(p.resident)/1e6))
		}
	}
	t.Log(each)
	if len(each) != 2 || sum > most {
		t.Errorf("init and supervisor take %d bytes, at most %d: %v", sum, most, each)
	}
}

// TestZombies: what loses its parent becomes the init's child, and is reaped when it ends.
func TestZombies(t *testing.T) {
	t.Parallel()
	s := newSlave(t, "zombies")
	s.up(t)
	eventually(t, func() error {
		_, err := run(t.Context(), nil, "docker", "exec", s.container, "true")
		return err
	})
	const number = 50
	s.sh(t, fmt.Sprintf("for i in $(seq %d); do (sleep 7777 &) ; done", number))
	orphans := func() (n int) {
		for _, p := range s.processes(t, s.container) {
			if p.name == "sleep" && p.parent == 1 {
				n++
			}
		}
		return n
	}
	eventually(t, func() error {
		if n := orphans(); n != number {
			return fmt.Errorf("%d of %d orphans are the init's", n, number)
		}
		return nil
	})
	s.sh(t, `for p in /proc/[0-9]*; do if [ "$(cat $p/comm 2>/dev/null)" = sleep ]; then kill -9 ${p#/proc/}; fi; done; true`)
	eventually(t, func() error {
		if n := orphans(); n != 0 {
			return fmt.Errorf("%d dead orphans are not reaped", n)
		}
		return nil
	})
	s.exitCodes(t)
	s.signals(t)
}
