package nginx

import (
	"context"
	"fmt"
	"syscall"
	"time"
)

// stop ends an instance: QUIT and up to drain for the transfers that run, TERM, KILL.
func (s *Server) stop(running *instance, drain time.Duration) error {
	pid := running.process.PID
	if running.ready.Load() {
		s.ending(context.Background())
	}
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

// endingTimeout is how long an nginx that is to end waits for who has something to ask of it.
const endingTimeout = 2 * time.Second

func (s *Server) ending(ctx context.Context) {
	if s.cfg.Ending == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, endingTimeout)
	defer cancel()
	s.cfg.Ending(ctx)
}
