package agent

import (
	"maps"
	"testing"

	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
)

func TestDistinctGenerations(t *testing.T) {
	generations := map[int]int64{10: 1, 11: 1, 20: 2, 21: 2, 30: 3}
	// One worker of each of the first two generations still serves; 99 was old before anyone looked.
	old := []nginx.Worker{{PID: 10}, {PID: 20}, {PID: 21}, {PID: 99}}
	if got := distinct(old, generations); got != 3 {
		t.Errorf("%d generations, want 3", got)
	}
	if want := map[int]int64{10: 1, 20: 2, 21: 2}; !maps.Equal(generations, want) {
		t.Errorf("remembers %v, want %v", generations, want)
	}
}
