package mediaserver

import (
	"sync"
	"time"
)

// A server that fails is left alone: after failuresToOpen in a row for leftAlone, doubled by each failure after
// that up to longestLeftAlone. Then one question is tried.
const (
	failuresToOpen   = 3
	leftAlone        = 5 * time.Second
	longestLeftAlone = 2 * time.Minute
)

// breaker counts failures in a row.
type breaker struct {
	now func() time.Time

	mu       sync.Mutex // guards what follows
	failures int
	until    time.Time // left alone
	trying   bool      // one question, to see whether it is back
	asked    bool
	last     error
}

// allow reports whether a question may be asked; then done has to be told how it ended.
func (b *breaker) allow() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures < failuresToOpen {
		return true
	}
	if b.trying || b.now().Before(b.until) {
		return false
	}
	b.trying = true
	return true
}

// done takes the outcome: err is a failure of the server, not an answer that is no. It reports whether the server
// is left alone from now on, and whether it is back.
func (b *breaker) done(err error) (opened, closed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	open := b.failures >= failuresToOpen
	b.trying, b.asked, b.last = false, true, err
	if err == nil {
		b.failures = 0
		return false, open
	}
	b.failures++
	if b.failures < failuresToOpen {
		return false, false
	}
	pause := leftAlone << min(b.failures-failuresToOpen, 10)
	b.until = b.now().Add(min(pause, longestLeftAlone))
	return !open, false
}

// dropped takes back an allow whose question was never asked.
func (b *breaker) dropped() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trying = false
}

func (b *breaker) status() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.last != nil && b.failures >= failuresToOpen:
		return "left alone until " + b.until.UTC().Format(time.RFC3339) + ": " + b.last.Error()
	case b.last != nil:
		return b.last.Error()
	case b.asked:
		return "answers"
	}
	return "not asked yet"
}
