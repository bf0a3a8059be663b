package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// TestKill ends supervisor, nginx master or a worker with SIGKILL at a random moment of an apply. Each
// time a complete release serves afterwards, files and rules of one, and no orphan holds the port.
// SOAK=1 does it 1,000 times.
func TestKill(t *testing.T) {
	rounds := 25
	if os.Getenv("SOAK") != "" {
		rounds = 1000
	}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	s := startScripted(t)
	marks := []string{"first"}
	for round := range rounds {
		mark := fmt.Sprintf("round%d", round)
		marks = append(marks, mark)
		s.publish(t, s.good(mark))
		// The wait for a version ends at once, so the apply runs now; it takes some hundred milliseconds.
		time.Sleep(time.Duration(random.IntN(600)) * time.Millisecond) // the random moment
		target := []string{"supervisor", "nginx master", "worker"}[round%3]
		s.kill(t, target)
		s.waitComplete(t, marks[max(0, len(marks)-3):])
		if ack := s.waitAck(t); ack.Status != api.AckApplied {
			t.Fatalf("round %d, %s killed: %+v", round, target, ack)
		}
		s.waitComplete(t, []string{mark})
		s.waitNoOrphans(t)
		if t.Failed() {
			t.Fatalf("in round %d, after the %s was killed", round, target)
		}
	}
}

// kill ends the target with SIGKILL; a supervisor is started again.
func (s *scripted) kill(t testing.TB, target string) {
	t.Helper()
	master := nginxMaster(t, s.slave)
	switch target {
	case "supervisor":
		must(t, s.slave.Signal(syscall.SIGKILL))
		<-s.slave.Done()
		s.slave = startSlave(t, testbed.SlaveConfig{Root: s.slave.Root, MasterURL: s.URL, Token: "uhd_scripted"})
	case "nginx master":
		killIfThere(t, master)
	case "worker":
		if workers := childrenOf(master); len(workers) > 0 {
			killIfThere(t, workers[rand.IntN(len(workers))])
		}
	}
}

// waitComplete waits until the gateway serves one of the marked releases, and checks that its rules are
// of the same release as its files.
func (s *scripted) waitComplete(t testing.TB, marks []string) {
	t.Helper()
	eventually(t, func() error {
		mark, status, err := s.try("/System/Info/Public")
		if err != nil {
			return err
		}
		if status != http.StatusOK || !slices.Contains(marks, mark) {
			return fmt.Errorf("%d from release %q, want 200 from one of %v", status, mark, marks)
		}
		blockedMark, status, err := s.try("/blocked-by-" + mark)
		if err != nil {
			return err
		}
		if blockedMark == mark && status != http.StatusForbidden {
			return fmt.Errorf("the files are of release %q, its rules are not: %d", mark, status)
		}
		return nil
	})
}

// try asks without failing the test: a killed nginx does not answer.
func (s *scripted) try(path string) (mark string, status int, err error) {
	req, err := http.NewRequest(http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", s.port, path), nil)
	if err != nil {
		return "", 0, err
	}
	req.Host = names[0]
	res, err := oneShot.Do(req)
	if err != nil {
		return "", 0, err
	}
	_ = res.Body.Close()
	return res.Header.Get("X-Mark"), res.StatusCode, nil
}

// waitNoOrphans waits until every process that holds the gateway's port descends from the supervisor.
func (s *scripted) waitNoOrphans(t testing.TB) {
	t.Helper()
	eventually(t, func() error {
		for _, pid := range holdersOf(t, s.port) {
			if !descends(pid, s.slave.PID()) {
				return fmt.Errorf("process %d holds port %d and is no child of supervisor %d", pid, s.port, s.slave.PID())
			}
		}
		return nil
	})
}

// nginxMaster is the process id of the slave's nginx master.
func nginxMaster(t testing.TB, slave *testbed.Slave) int {
	t.Helper()
	var pid int
	eventually(t, func() error {
		for _, child := range childrenOf(slave.PID()) {
			// The rehearsal's nginx is a child as well; it is told by its other configuration.
			cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", child))
			if strings.Contains(string(cmdline), "nginx: master") && strings.Contains(string(cmdline), filepath.Join(slave.Root, "conf")) {
				pid = child
				return nil
			}
		}
		return errors.New("the supervisor has no nginx")
	})
	return pid
}

func killIfThere(t testing.TB, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatal(err)
	}
}

// childrenOf lists the child processes of pid, of all its threads.
func childrenOf(pid int) []int {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	var children []int
	for _, file := range files {
		b, _ := os.ReadFile(file)
		for field := range strings.FieldsSeq(string(b)) {
			if child, err := strconv.Atoi(field); err == nil {
				children = append(children, child)
			}
		}
	}
	return children
}

func descends(pid, ancestor int) bool {
	for pid > 1 && pid != ancestor {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return true // gone meanwhile: it holds nothing any more
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(rest)
		pid, _ = strconv.Atoi(fields[1])
	}
	return pid == ancestor
}

// holdersOf lists the processes that hold a listening socket on a TCP port.
func holdersOf(t testing.TB, port int) []int {
	t.Helper()
	inodes := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		b, err := os.ReadFile(table)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		must(t, err)
		for line := range strings.Lines(string(b)) {
			fields := strings.Fields(line)
			if len(fields) > 9 && fields[3] == "0A" && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", port)) {
				inodes["socket:["+fields[9]+"]"] = true
			}
		}
	}
	var holders []int
	fds, err := filepath.Glob("/proc/[0-9]*/fd/*")
	must(t, err)
	for _, fd := range fds {
		if target, err := os.Readlink(fd); err == nil && inodes[target] {
			pid, _ := strconv.Atoi(strings.Split(fd, "/")[2])
			holders = append(holders, pid)
		}
	}
	slices.Sort(holders)
	return slices.Compact(holders)
}
