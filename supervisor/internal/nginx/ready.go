package nginx

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
)

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

// awaitFirstAnswer takes the admin socket from other users once nginx answers on it: nginx makes its
// sockets for everybody. Reloads keep the socket and its mode.
func (s *Server) awaitFirstAnswer(ctx context.Context, running *instance) {
	if s.WaitReady(ctx) != nil {
		return
	}
	s.setLastExit(nil)
	if err := os.Chmod(s.paths.adminSocket, 0o600); err != nil && ctx.Err() == nil {
		s.log.Error("admin socket is open to all users of this machine", "err", err)
	}
	running.ready.Store(true)
	if s.cfg.Started != nil {
		s.cfg.Started()
	}
}

// ReopenLogs makes nginx open its log files anew, after a rotation. ErrDown while nginx is being started:
// the signal would end it before it has learned to handle it.
func (s *Server) ReopenLogs() error {
	running := s.instance()
	if running == nil || !running.ready.Load() {
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
