package nginx

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
)

// leaveTimeout bounds how long a reload waits for the workers of before to stop accepting. nginx tells them to a
// tenth of a second after it has started the new ones; one that takes longer hangs, and accepts nothing either.
const leaveTimeout = 5 * time.Second

// leaving is what nginx adds to the title of a worker's process before it closes its listening sockets.
const leaving = "is shutting down"

// Worker is a worker of an earlier generation that ends once its last transfer does.
type Worker struct {
	PID   int
	RSS   uint64    // bytes in RAM; pages shared with other workers count for each
	Since time.Time // when it was first seen leaving
}

// OldWorkers lists the workers that finish what they serve since a reload, in no order; none when nginx
// is down.
func (s *Server) OldWorkers() ([]Worker, error) {
	running := s.instance()
	if running == nil {
		return nil, nil
	}
	children, err := running.children()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var old []Worker
	here := map[int]bool{}
	for _, p := range children {
		if !strings.Contains(p.commandLine(), leaving) {
			continue
		}
		here[p.PID] = true
		if _, seen := s.leaving[p.PID]; !seen {
			s.leaving[p.PID] = time.Now()
		}
		old = append(old, Worker{PID: p.PID, RSS: p.residentBytes(), Since: s.leaving[p.PID]})
	}
	maps.DeleteFunc(s.leaving, func(pid int, _ time.Time) bool { return !here[pid] })
	return old, nil
}

// children returns the processes that the master started and that have not ended.
func (i *instance) children() ([]process, error) {
	all, err := processes()
	return slices.DeleteFunc(all, func(p process) bool { return p.parent != i.process.PID }), err
}

// accepting returns the ids of the workers of an nginx that take connections, or are about to: one that was
// only just forked still bears its master's title.
func accepting(running *instance) (map[int]bool, error) {
	children, err := running.children()
	if err != nil {
		return nil, err
	}
	workers := map[int]bool{}
	for _, p := range children {
		title := p.commandLine()
		// One without a title has ended since the list was read. The cache's manager and loader serve nobody.
		if title != "" && !strings.Contains(title, leaving) && !strings.Contains(title, "cache ") {
			workers[p.PID] = true
		}
	}
	return workers, nil
}

// awaitLeaving returns once none of the workers takes connections any more, or leaveTimeout is over.
func (s *Server) awaitLeaving(ctx context.Context, running *instance, before map[int]bool) error {
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	for s.instance() == running {
		now, err := accepting(running)
		if err != nil {
			return err
		}
		maps.DeleteFunc(before, func(pid int, _ bool) bool { return !now[pid] })
		if len(before) == 0 || sleep(ctx, pollEvery) != nil {
			break
		}
	}
	return nil
}
