package nginx

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// An nginx that dies is started again after minBackoff, twice as long each time, up to maxBackoff. One
// that has lived for steadyAfter starts from minBackoff again.
const (
	minBackoff  = 100 * time.Millisecond
	maxBackoff  = 5 * time.Second
	steadyAfter = 30 * time.Second
)

// Run starts nginx and keeps it running until ctx ends; then it lets running transfers go on for
// DrainTimeout, ends nginx, and returns nil. What an earlier supervisor may have left (orphans that hold
// the ports, sockets, a rehearsal) is removed first. It returns an error only when that fails or when
// nginx cannot be started at all.
func (s *Server) Run(ctx context.Context) error {
	backoff := s.minBackoff
	for ctx.Err() == nil {
		if err := s.clean(ctx); err != nil {
			if ctx.Err() != nil {
				break
			}
			return err
		}
		started := time.Now()
		err := s.runOnce(ctx)
		if ctx.Err() != nil {
			return err
		}
		if time.Since(started) > steadyAfter {
			backoff = s.minBackoff
		}
		s.metrics.restarts.Inc()
		s.log.Error("nginx died, restarting", "err", err, "restart_in", backoff)
		s.pause(ctx, backoff)
		backoff = min(2*backoff, maxBackoff)
	}
	return nil
}

// clean leaves nothing of earlier runs that could stop nginx from starting.
func (s *Server) clean(ctx context.Context) error {
	for _, dir := range []string{filepath.Dir(s.paths.adminSocket), filepath.Dir(s.paths.record)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	ended, err := s.paths.endOrphans(ctx)
	if err != nil {
		return fmt.Errorf("end orphaned nginx processes: %w", err)
	}
	if ended > 0 {
		s.log.Warn("ended orphaned nginx processes of an earlier run", "count", ended)
	}
	if s.rehearsing.TryLock() { // else a rehearsal of this supervisor is running: not a leftover
		defer s.rehearsing.Unlock()
		if err := s.removeRehearsal(ctx); err != nil {
			return err
		}
	}
	return s.paths.removeSockets()
}

// runOnce lives as long as one nginx master, and returns why it ended; nil for a drain.
func (s *Server) runOnce(ctx context.Context) error {
	if err := s.resetEmergLog(); err != nil {
		return err
	}
	cmd := exec.Command(s.cfg.Bin, s.paths.arguments()...)
	cmd.Stdout, cmd.Stderr = s.cfg.Stderr, s.cfg.Stderr
	// A session of its own: the terminal's Ctrl-C is for the supervisor to pass on, and the session's
	// number still names the workers when their master is gone.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	running := &instance{started: time.Now(), exited: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start nginx: %w", err)
	}
	var exit error
	go func() { // ends with the process, which this function outlives
		exit = cmd.Wait()
		close(running.exited)
	}()
	var err error
	running.process, err = readProcess(cmd.Process.Pid)
	if err == nil {
		// The fork may not have become nginx yet; its workers' name is the executable's.
		running.process.Comm = comm(s.cfg.Bin)
		err = writeRecord(s.paths.record, running.process)
	}
	if err != nil {
		return errors.Join(err, s.stop(running, 0))
	}
	s.setCurrent(running)
	s.log.Info("nginx started", "pid", cmd.Process.Pid, "bin", s.cfg.Bin)
	readyCtx, cancel := context.WithCancel(ctx)
	var opening sync.WaitGroup
	opening.Go(func() { s.awaitFirstAnswer(readyCtx) })
	defer opening.Wait()
	defer cancel()

	select {
	case <-running.exited:
		cancel()
		err = s.explain(ctx, running, exit)
	case <-ctx.Done():
		s.log.Info("draining nginx", "timeout", s.cfg.DrainTimeout)
		err = s.stop(running, s.cfg.DrainTimeout)
	}
	s.setCurrent(nil)
	s.setLastExit(err)
	return err
}

// awaitFirstAnswer takes the admin socket from other users once nginx answers on it: nginx makes its
// sockets for everybody. Reloads keep the socket and its mode.
func (s *Server) awaitFirstAnswer(ctx context.Context) {
	if s.WaitReady(ctx) != nil {
		return
	}
	s.setLastExit(nil)
	if err := os.Chmod(s.paths.adminSocket, 0o600); err != nil && ctx.Err() == nil {
		s.log.Error("admin socket is open to all users of this machine", "err", err)
	}
}

// explain adds to the exit status what nginx said, or says when asked: a configuration that it cannot
// even read it reports to stderr alone. One that a signal has ended has nothing to say.
func (s *Server) explain(ctx context.Context, running *instance, exit error) error {
	if exit == nil {
		exit = errors.New("exit status 0")
	}
	if lines := s.emergLines(running.process.PID); len(lines) > 0 {
		return fmt.Errorf("%w: %s", exit, strings.Join(lines, "; "))
	}
	if status, ok := errors.AsType[*exec.ExitError](exit); ok && status.Exited() {
		if err := s.Test(ctx, filepath.Dir(s.paths.conf)); err != nil {
			return fmt.Errorf("%w: %w", exit, err)
		}
	}
	return exit
}

// stop ends an instance: QUIT and up to drain for the transfers that run, TERM, KILL.
func (s *Server) stop(running *instance, drain time.Duration) error {
	pid := running.process.PID
	for _, step := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGQUIT, drain}, {syscall.SIGTERM, termGrace}, {syscall.SIGKILL, killGrace}} {
		if step.wait == 0 {
			continue
		}
		_ = syscall.Kill(pid, step.signal)
		select {
		case <-running.exited:
			// Workers outlive a master that was killed.
			_, err := s.paths.endOrphans(context.Background())
			return err
		case <-time.After(step.wait):
			s.log.Warn("nginx is still running after a signal", "signal", step.signal.String(), "waited", step.wait)
		}
	}
	return fmt.Errorf("nginx process %d cannot be ended", pid)
}

// WaitReady returns once a worker of the nginx that Run has started answers on the admin socket; when ctx
// ends before, with why nginx does not run.
func (s *Server) WaitReady(ctx context.Context) error {
	for {
		err := ErrDown // what answers now may be an orphan that Run is about to end
		if s.instance() != nil {
			_, err = s.State(ctx)
		}
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || sleep(ctx, pollEvery) != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			return fmt.Errorf("wait for nginx: %w", errors.Join(context.Cause(ctx), s.lastExit, err))
		}
	}
}

// ReopenLogs makes nginx open its log files anew, after a rotation.
func (s *Server) ReopenLogs() error {
	running := s.instance()
	if running == nil {
		return fmt.Errorf("reopen logs: %w", ErrDown)
	}
	return syscall.Kill(running.process.PID, syscall.SIGUSR1)
}

func (s *Server) setCurrent(running *instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = running
}

func (s *Server) setLastExit(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastExit = err
}

// pause waits for d, for ctx, or for someone who needs nginx now.
func (s *Server) pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-s.wake:
	case <-time.After(d):
	}
}

// comm returns what the kernel calls a process of this executable: 15 bytes of its base name.
func comm(bin string) string {
	name := filepath.Base(bin)
	return name[:min(len(name), 15)]
}
