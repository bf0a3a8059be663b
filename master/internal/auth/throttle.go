package auth

import (
	"net/netip"
	"sync"
	"time"
)

// Limits of failed logins per user name and address: a burst of freeFailures, then one per refill.
const (
	freeFailures = 5
	refill       = 30 * time.Second
	maxThrottled = 10_000 // pairs of name and address that are remembered
)

// throttle slows down guessing of passwords. It counts in memory: a restart forgives.
type throttle struct {
	now func() time.Time

	mu      sync.Mutex
	failure map[attempt]time.Time // when all failures of the pair are forgiven
}

// attempt is what failures are counted by.
type attempt struct{ username, address string }

// newAttempt counts IPv6 by networks of 64 bits: who has one address there has all.
func newAttempt(username, address string) attempt {
	if a, err := netip.ParseAddr(address); err == nil && a.Unmap().Is6() {
		if network, err := a.WithZone("").Prefix(64); err == nil {
			address = network.String()
		}
	}
	return attempt{username, address}
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, failure: map[attempt]time.Time{}}
}

// take counts an attempt, before its password is verified, so that parallel guesses count too. It returns how
// long to wait for one; 0: not at all, go on.
func (t *throttle) take(a attempt) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	forgiven := t.failure[a]
	if forgiven.Before(now) {
		forgiven = now
	}
	if wait := forgiven.Sub(now) - (freeFailures-1)*refill; wait > 0 {
		return wait
	}
	if len(t.failure) >= maxThrottled {
		for other, forgiven := range t.failure {
			if !forgiven.After(now) {
				delete(t.failure, other)
			}
		}
	}
	t.failure[a] = forgiven.Add(refill)
	return 0
}

// forgive forgets the pair's failures, after it has succeeded.
func (t *throttle) forgive(a attempt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.failure, a)
}
