package auth

import (
	"fmt"
	"testing"
	"time"
)

func TestThrottle(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	th := newThrottle(func() time.Time { return now })
	guess := attempt{"root", "192.0.2.1"}
	for i := range freeFailures {
		if wait := th.wait(guess); wait != 0 {
			t.Fatalf("failure %d already waits %s", i+1, wait)
		}
		th.take(guess)
	}
	if wait := th.wait(guess); wait != refill {
		t.Errorf("after %d failures the wait is %s, want %s", freeFailures, wait, refill)
	}
	for _, other := range []attempt{{"root", "192.0.2.2"}, {"ann", "192.0.2.1"}} {
		if wait := th.wait(other); wait != 0 {
			t.Errorf("%v waits %s for another's failures", other, wait)
		}
	}
	now = now.Add(refill)
	if wait := th.wait(guess); wait != 0 {
		t.Errorf("after the wait there is another of %s", wait)
	}
	th.take(guess)
	if wait := th.wait(guess); wait != refill {
		t.Errorf("the next failure waits %s, want %s", wait, refill)
	}
	th.forgive(guess)
	if wait := th.wait(guess); wait != 0 {
		t.Errorf("after a success the wait is %s", wait)
	}
}

func TestThrottleForgets(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	th := newThrottle(func() time.Time { return now })
	for i := range maxThrottled {
		th.take(attempt{fmt.Sprint(i), "192.0.2.1"})
	}
	now = now.Add(refill)
	th.take(attempt{"one more", "192.0.2.1"})
	if len(th.failure) != 1 {
		t.Errorf("%d pairs are remembered after all were forgiven", len(th.failure))
	}
}
