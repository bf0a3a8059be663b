package auth

import (
	"fmt"
	"testing"
	"time"
)

func TestThrottle(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	th := newThrottle(func() time.Time { return now })
	guess := newAttempt("root", "192.0.2.1")
	for i := range freeFailures {
		if wait := th.take(guess); wait != 0 {
			t.Fatalf("failure %d already waits %s", i+1, wait)
		}
	}
	for range 2 { // an attempt that must wait is none
		if wait := th.take(guess); wait != refill {
			t.Errorf("after %d failures the wait is %s, want %s", freeFailures, wait, refill)
		}
	}
	for _, other := range []attempt{newAttempt("root", "192.0.2.2"), newAttempt("ann", "192.0.2.1")} {
		if wait := th.take(other); wait != 0 {
			t.Errorf("%v waits %s for another's failures", other, wait)
		}
	}
	now = now.Add(refill)
	if wait := th.take(guess); wait != 0 {
		t.Errorf("after the wait there is another of %s", wait)
	}
	if wait := th.take(guess); wait != refill {
		t.Errorf("the next failure waits %s, want %s", wait, refill)
	}
	th.forgive(guess)
	if wait := th.take(guess); wait != 0 {
		t.Errorf("after a success the wait is %s", wait)
	}
}

// TestThrottleNetworks: another address of the same IPv6 network is no way around.
func TestThrottleNetworks(t *testing.T) {
	for _, c := range []struct {
		one, other string
		same       bool
	}{
		{"2001:db8::1", "2001:db8:0:0:ffff::2", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
	} {
		if same := newAttempt("root", c.one) == newAttempt("root", c.other); same != c.same {
			t.Errorf("%s and %s count together: %t", c.one, c.other, same)
		}
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
