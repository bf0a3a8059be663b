package recent_test

import (
	"testing"

	"github.com/uhdadmin/media-gateway/master/internal/recent"
)

// TestOldestMakesRoom: no more answers are held than was said, and what is put twice counts once.
func TestOldestMakesRoom(t *testing.T) {
	m := recent.New[string, int](2)
	m.Put("a", 1)
	m.Put("b", 2)
	m.Put("b", 3)
	if v, ok := m.Get("a"); !ok || v != 1 {
		t.Errorf("a is %d, %v", v, ok)
	}
	m.Put("c", 4)
	for key, want := range map[string]int{"a": 0, "b": 3, "c": 4} {
		if v, ok := m.Get(key); v != want || ok != (want != 0) {
			t.Errorf("%s is %d, %v; want %d", key, v, ok, want)
		}
	}
}
