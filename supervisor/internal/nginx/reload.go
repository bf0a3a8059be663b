package nginx

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"time"
)

// reloadTimeout bounds the time from HUP to the first answer of a new worker. Starting is fast; reading
// configuration with upstream names can wait for a resolver.
const reloadTimeout = 30 * time.Second

// ReloadError is a reload that nginx refused; the workers it had go on serving.
type ReloadError struct {
	Lines []string // the emerg lines of nginx's master
}

func (e *ReloadError) Error() string {
	return "nginx refused the reload: " + strings.Join(e.Lines, "; ")
}

// Reload makes nginx read its configuration anew and returns once a worker of a new generation answers and those of before
// take no more connections.
// Errors: *ReloadError when nginx refused; ctx's or a timeout otherwise. With nginx down it is started at
// once: the new configuration may be the cure.
func (s *Server) Reload(ctx context.Context) error {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	ctx, cancel := context.WithTimeoutCause(ctx, reloadTimeout,
		fmt.Errorf("no worker of a new generation within %s; see nginx's error log", reloadTimeout))
	defer cancel()
	err := s.reload(ctx)
	s.metrics.observeReload(err)
	return err
}

func (s *Server) reload(ctx context.Context) error {
	running, err := s.running(ctx)
	if err != nil || running == nil {
		return err
	}
	before, err := s.answer(ctx, running)
	if err != nil {
		return err
	}
	old, err := accepting(running)
	if err != nil {
		return err
	}
	s.markEmergLog()
	// A master that has died meanwhile is restarted by Run, and reads the new configuration then.
	_ = syscall.Kill(running.process.PID, syscall.SIGHUP)
	for {
		lines := s.emergLines(running.process.PID)
		if refused(lines) {
			s.markEmergLog() // they are told: what serves on is not to be blamed for them
			return &ReloadError{Lines: lines}
		}
		state, err := s.State(ctx)
		now := s.instance()
		if err == nil && now != nil && (now != running || state.Generation > before.Generation) {
			if now == running {
				running.generation.Store(state.Generation)
			}
			return s.awaitLeaving(ctx, running, old)
		}
		if sleep(ctx, pollEvery) != nil {
			if len(lines) > 0 {
				return &ReloadError{Lines: lines}
			}
			return fmt.Errorf("reload nginx: %w", context.Cause(ctx))
		}
	}
}

// running returns the instance to reload. When nginx is down it is started without waiting for its
// backoff; nil then says that it serves what is on disk now, and that there is nothing left to reload.
func (s *Server) running(ctx context.Context) (*instance, error) {
	called := time.Now()
	running := s.instance()
	if running != nil {
		return running, nil
	}
	select {
	case s.wake <- struct{}{}:
	default: // it is about to be started anyway
	}
	if err := s.WaitReady(ctx); err != nil {
		return nil, err
	}
	// One that was being started when this was called may have read the old configuration.
	if running = s.instance(); running != nil && running.started.Before(called) {
		return running, nil
	}
	return nil, nil
}

// answer returns the state of an instance before its reload; the zero State when it has died.
func (s *Server) answer(ctx context.Context, running *instance) (State, error) {
	for {
		state, err := s.State(ctx)
		if err == nil || s.instance() != running {
			return state, nil
		}
		if sleep(ctx, pollEvery) != nil {
			return State{}, fmt.Errorf("reload nginx: the workers it has do not answer: %w", err)
		}
	}
}
