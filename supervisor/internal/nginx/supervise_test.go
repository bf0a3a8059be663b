package nginx

import (
	"context"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// supervise is the whole life of a supervisor process that a test may stop or kill.
func supervise(root string) {
	server, err := New(Config{Root: root, Stderr: os.Stderr, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		panic(err)
	}
	if dir := os.Getenv("NGINX_TEST_REHEARSE"); dir != "" {
		go func() {
			for {
				if err := server.Rehearse(context.Background(), dir); err != nil {
					panic(err)
				}
			}
		}()
	}
	if err := server.Run(context.Background()); err != nil {
		panic(err)
	}
}

// supervisor starts one in a process of its own and returns once nginx serves.
func (s *slave) supervisor(env ...string) *exec.Cmd {
	s.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), "NGINX_TEST_SUPERVISOR="+s.root), env...)
	cmd.Stderr = s              // as a container's log: read by somebody else
	cmd.WaitDelay = time.Second // nginx keeps the pipe when the supervisor is killed
	s.must(cmd.Start())
	s.t.Cleanup(func() {
		s.kill(cmd)
		for _, p := range []paths{pathsOf(s.root), pathsOf(pathsOf(s.root).rehearsal)} {
			if _, err := p.endOrphans(context.Background()); err != nil {
				s.t.Error(err)
			}
		}
	})
	s.eventually("the supervisor's nginx answers", func() bool { _, _, err := s.get("/"); return err == nil })
	return cmd
}

func (s *slave) kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// A supervisor that is killed leaves nginx serving; the next one replaces it.
func TestTakesOverAfterKilledSupervisor(t *testing.T) {
	for _, masterToo := range []bool{false, true} {
		name := map[bool]string{false: "supervisor alone", true: "and the master"}[masterToo]
		t.Run(name, func(t *testing.T) {
			s := newSlave(t)
			s.commit(s.stage(release{hash: "a"}))
			s.kill(s.supervisor())
			before := s.left()
			if len(before) != 3 {
				t.Fatalf("left: %+v", before)
			}
			if masterToo {
				s.must(syscall.Kill(before[0].session, syscall.SIGKILL))
				s.eventually("only workers are left", func() bool { return len(s.left()) == 2 })
			}
			s.serves("a")
			s.commit(s.stage(release{hash: "b"}))
			s.run(nil)
			s.serves("b")
			for _, p := range s.left() {
				if slices.ContainsFunc(before, func(old process) bool { return old.PID == p.PID }) {
					t.Errorf("process %d survived", p.PID)
				}
			}
		})
	}
}

// A supervisor killed before it could record its nginx leaves a master that is known by its command line.
func TestEndsMasterWithoutRecord(t *testing.T) {
	s := newSlave(t)
	s.commit(s.stage(release{hash: "a"}))
	s.kill(s.supervisor())
	s.must(os.RemoveAll(pathsOf(s.root).record)) // it may not have got that far
	s.commit(s.stage(release{hash: "b"}))
	s.run(nil)
	s.serves("b")
	if left := s.left(); len(left) != 3 {
		t.Errorf("processes: %+v", left)
	}
}

func TestKilledMasterIsRestarted(t *testing.T) {
	s := newSlave(t)
	s.commit(s.stage(release{hash: "a"}))
	server, _ := s.run(nil)
	before := s.left()
	s.must(syscall.Kill(server.instance().process.PID, syscall.SIGKILL))
	s.eventually("all processes are new and serve", func() bool {
		now := s.left()
		old := slices.ContainsFunc(now, func(p process) bool {
			return slices.ContainsFunc(before, func(q process) bool { return p.PID == q.PID })
		})
		_, body, err := s.get("/")
		return !old && len(now) == 3 && err == nil && body == "release a"
	})
	if !strings.Contains(s.logged(), "nginx died, restarting") {
		t.Error("not logged")
	}
	// The pipeline's steps work on the new instance, whose generations count from 1 again.
	dir := s.stage(release{hash: "b"})
	s.commit(dir)
	s.must(server.Reload(t.Context()))
	s.must(server.Verify(t.Context(), dir, "b"))
}

func TestKilledWorkerIsReplaced(t *testing.T) {
	s := newSlave(t)
	dir := s.stage(release{hash: "a"})
	s.commit(dir)
	server, _ := s.run(nil)
	before, err := server.State(t.Context())
	s.must(err)
	s.must(syscall.Kill(before.PID, syscall.SIGKILL))
	s.eventually("another worker is there", func() bool {
		now, err := server.State(t.Context())
		return err == nil && now.serves("a") == nil &&
			!slices.ContainsFunc(now.Workers, func(w WorkerState) bool { return w.PID == before.PID })
	})
	s.must(server.Verify(t.Context(), dir, "a"))
}

// A reload while nginx is down starts it: the new configuration is the cure.
func TestReloadWhileDown(t *testing.T) {
	s := newSlave(t)
	s.minBackoff = time.Hour // nothing but the reload ends the wait
	dir := s.stage(release{hash: "a"})
	s.commit(dir)
	server, _ := s.run(nil)
	s.must(syscall.Kill(server.instance().process.PID, syscall.SIGKILL))
	s.eventually("it is down", func() bool { return strings.Contains(s.logged(), "nginx died") })
	s.must(server.Reload(t.Context()))
	s.must(server.Verify(t.Context(), dir, "a"))
}

// An nginx that cannot start says why, and WaitReady passes it on.
func TestWaitReadySaysWhyNginxIsDown(t *testing.T) {
	s := newSlave(t)
	s.commit(s.stage(release{hash: "a"}))
	server, _ := s.run(nil)
	s.commit(s.stage(release{hash: "b", http: "no_such_directive;"}))
	s.must(syscall.Kill(server.instance().process.PID, syscall.SIGKILL))
	s.eventually("the reason is logged", func() bool { return strings.Contains(s.logged(), "no_such_directive") })
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	contains(t, server.WaitReady(ctx), "no_such_directive")
}

func TestStaleSockets(t *testing.T) {
	s := newSlave(t)
	s.commit(s.stage(release{hash: "a"}))
	for _, name := range []string{"admin.sock", "other.sock", "supervisor.sock"} {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(s.root, "run", name), Net: "unix"})
		s.must(err)
		l.SetUnlinkOnClose(false)
		s.must(l.Close())
	}
	s.run(nil)
	s.serves("a")
	if !gone(filepath.Join(s.root, "run/other.sock")) {
		t.Error("a stale socket is left")
	}
	if gone(LocalSocket(s.root)) {
		t.Error("the supervisor's own socket is gone")
	}
}

// Another slave's nginx is never touched, whatever our record says.
func TestStrangersAreNotTouched(t *testing.T) {
	other := newSlave(t)
	other.commit(other.stage(release{hash: "other"}))
	server, _ := other.run(nil)
	stranger := server.instance().process
	s := newSlave(t)
	s.commit(s.stage(release{hash: "a"}))
	stranger.Start-- // the process that had this number before
	s.must(writeRecord(pathsOf(s.root).record, stranger))
	s.run(nil)
	s.serves("a")
	other.serves("other")
	if now := server.instance().process; now.PID != stranger.PID {
		t.Error("the stranger was restarted")
	}
}

// A supervisor that is stopped must not stop nginx: nothing of nginx's output goes through it.
func TestStoppedSupervisor(t *testing.T) {
	s := newSlave(t)
	s.commit(s.stage(release{hash: "a", access: `ngx.log(ngx.WARN, string.rep("x", 2000))`}))
	cmd := s.supervisor()
	s.must(cmd.Process.Signal(syscall.SIGSTOP))
	defer cmd.Process.Signal(syscall.SIGCONT) //nolint:errcheck // it is killed next
	for range 200 {                           // 400 kB of log, several times what a pipe holds
		s.serves("a")
	}
}

func TestKilledRehearsalIsRemoved(t *testing.T) {
	s := newSlave(t)
	dir := s.stage(release{hash: "a"})
	s.commit(dir)
	cmd := s.supervisor("NGINX_TEST_REHEARSE=" + dir)
	private := pathsOf(pathsOf(s.root).rehearsal)
	s.eventually("a rehearsal runs", func() bool { return !gone(private.adminSocket) })
	s.kill(cmd)
	s.run(nil)
	s.serves("a")
	if left, err := private.orphans(); len(left) > 0 || err != nil || !gone(private.root) {
		t.Errorf("the rehearsal left %+v, error %v", left, err)
	}
}
