package limits

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// retryAfter is when a reload that failed is tried again.
const retryAfter = 5 * time.Second

// Run takes what has lapsed off the board, until ctx ends. Slaves know by themselves when it does.
func (b *Board) Run(ctx context.Context, log *slog.Logger) error {
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
			if err := errors.Join(b.ReloadLimits(ctx), b.ReloadKicks(ctx)); err != nil {
				if ctx.Err() == nil {
					log.Warn("Limits that have lapsed still stand", "error", err, "retry_in", retryAfter)
				}
				pause(ctx)
			}
		case <-b.lapses:
		case <-ctx.Done():
			return nil
		}
	}
}

// pause waits before a reload that failed is tried again.
func pause(ctx context.Context) {
	select {
	case <-time.After(retryAfter):
	case <-ctx.Done():
	}
}
