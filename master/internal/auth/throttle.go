package auth

import (
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

type attempt struct{ username, address string }

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, failure: map[attempt]time.Time{}}
}

// wait returns how long the pair must wait before its next attempt; 0: not at all.
func (t *throttle) wait(a attempt) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	forgiven, tried := t.failure[a]
	if !tried {
		return 0
	}
	return max(0, forgiven.Sub(t.now())-(freeFailures-1)*refill)
}

// take counts an attempt before its password is verified, so that parallel guesses count too.
func (t *throttle) take(a attempt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if len(t.failure) >= maxThrottled {
		for other, forgiven := range t.failure {
			if !forgiven.After(now) {
				delete(t.failure, other)
			}
		}
	}
	forgiven := t.failure[a]
	if forgiven.Before(now) {
		forgiven = now
	}
	t.failure[a] = forgiven.Add(refill)
}

// forgive forgets the pair's failures, after it has succeeded.
func (t *throttle) forgive(a attempt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.failure, a)
}
