package limits

import (
	"context"
	"errors"
	"time"
)

// retryAfter is when a reload that failed is tried again.
const retryAfter = time.Second

// Run takes what has lapsed off the board, until ctx ends.
func (b *Board) Run(ctx context.Context) error {
	for {
		b.mu.Lock()
		soon := b.soon
		b.mu.Unlock()
		var lapsed <-chan time.Time
		if !soon.IsZero() {
			// A moment later, so that one reload takes all that lapse together.
			lapsed = time.After(max(0, soon.Sub(b.now())) + 10*time.Millisecond)
		}
		select {
		case <-lapsed:
			if err := errors.Join(b.ReloadLimits(ctx), b.ReloadKicks(ctx)); err != nil && !pause(ctx) {
				return nil
			}
		case <-b.lapses:
		case <-ctx.Done():
			return nil
		}
	}
}

// pause waits before a reload that failed is tried again; /readyz says why it failed. It reports whether
// ctx goes on.
func pause(ctx context.Context) bool {
	select {
	case <-time.After(retryAfter):
		return true
	case <-ctx.Done():
		return false
	}
}
