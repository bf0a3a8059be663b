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
				return nil //nolint:nilerr // told to end before there was anything to drain
			}
			return err
		}
		started := time.Now()
		drained, err := s.runOnce(ctx)
		if drained {
			return err
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it died before it could be drained: nothing is left to end
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
	if left, err := s.paths.orphans(); err == nil && len(left) > 0 {
		s.ending(ctx)
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

// runOnce lives as long as one nginx master, and returns why it ended; drained when it was told to, by
// ctx.
func (s *Server) runOnce(ctx context.Context) (drained bool, err error) {
	if err := s.resetEmergLog(); err != nil {
		return false, err
	}
	cmd := exec.Command(s.cfg.Bin, s.paths.arguments()...)
	cmd.Stdout, cmd.Stderr = s.cfg.Stderr, s.cfg.Stderr
	// A session of its own: the terminal's Ctrl-C is for the supervisor to pass on, and the session's
	// number still names the workers when their master is gone.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	running := &instance{started: time.Now(), exited: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		return false, fmt.Errorf("start nginx: %w", err)
	}
	var exit error
	go func() { // ends with the process, which this function outlives
		exit = cmd.Wait()
		close(running.exited)
	}()
	running.process, err = readProcess(cmd.Process.Pid)
	if err == nil {
		// The fork may not have become nginx yet; its workers' name is the executable's.
		running.process.Comm = comm(s.cfg.Bin)
		err = writeRecord(s.paths.record, running.process)
	}
	if err != nil {
		return false, errors.Join(err, s.stop(running, 0))
	}
	s.setCurrent(running)
	s.log.Info("nginx started", "pid", cmd.Process.Pid, "bin", s.cfg.Bin)
	readyCtx, cancel := context.WithCancel(ctx)
	var opening sync.WaitGroup
	opening.Go(func() { s.awaitFirstAnswer(readyCtx, running) })
	defer opening.Wait()
	defer cancel()

	select {
	case <-running.exited:
		cancel()
		err = s.explain(ctx, running, exit)
	case <-ctx.Done():
		s.log.Info("draining nginx", "timeout", s.cfg.DrainTimeout)
		drained, err = true, s.stop(running, s.cfg.DrainTimeout)
	}
	s.setCurrent(nil)
	s.setLastExit(err)
	return drained, err
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
