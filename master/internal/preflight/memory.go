package preflight

import "sync"

// memory is the results of the last configurations, by content.
type memory struct {
	size int

	mu      sync.Mutex
	results map[string]Verdict
	order   []string // oldest first
}

func newMemory(size int) *memory { return &memory{size: size, results: map[string]Verdict{}} }

func (m *memory) get(key string) (Verdict, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.results[key]
	return r, ok
}

func (m *memory) put(key string, r Verdict) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.results[key]; !known {
		m.order = append(m.order, key)
	}
	m.results[key] = r
	for len(m.order) > m.size {
		delete(m.results, m.order[0])
		m.order = m.order[1:]
	}
}
