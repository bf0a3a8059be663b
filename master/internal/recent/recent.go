// Package recent remembers the answers to the last questions that take long to answer, so that pages which ask them again
// need not wait. What it holds is bounded by number: values should be small, or of one size.
package recent

import "sync"

// Memory is the last answers, by what was asked. Its methods may be called from any goroutine.
type Memory[K comparable, V any] struct {
	size int

	mu      sync.Mutex
	answers map[K]V
	order   []K // oldest first
}

// New returns a Memory of so many answers.
func New[K comparable, V any](size int) *Memory[K, V] {
	return &Memory[K, V]{size: size, answers: map[K]V{}}
}

// Get returns an answer, and whether it is known.
func (m *Memory[K, V]) Get(key K) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	answer, known := m.answers[key]
	return answer, known
}

// Put remembers an answer; the oldest ones make room.
func (m *Memory[K, V]) Put(key K, answer V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.answers[key]; !known {
		m.order = append(m.order, key)
	}
	m.answers[key] = answer
	for len(m.order) > m.size {
		delete(m.answers, m.order[0])
		m.order = m.order[1:]
	}
}
