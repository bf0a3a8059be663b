package slaveapi

import (
	"net/http/httptest"
	"testing"
	"time"
)

// TestWaitIsClamped: asking for a day is asking for a minute, even where the number overflows.
func TestWaitIsClamped(t *testing.T) {
	for wait, want := range map[string]time.Duration{"": 0, "0": 0, "25": 25 * time.Second, "60": time.Minute, "86400": time.Minute, "9223372036854775807": time.Minute} {
		q, err := readVersionQuery(httptest.NewRequest("GET", "/?wait="+wait, nil))
		if err != nil || q.wait != want {
			t.Errorf("wait=%s is %v, %v; want %v", wait, q.wait, err, want)
		}
	}
}
