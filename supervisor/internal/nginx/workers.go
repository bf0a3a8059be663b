package nginx

import (
	"maps"
	"strings"
	"time"
)

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
	all, err := processes()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var old []Worker
	here := map[int]bool{}
	for _, p := range all {
		// nginx says so in the title it gives the process.
		if p.parent != running.process.PID || !strings.Contains(p.commandLine(), "is shutting down") {
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
