package identity

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
)

// Pusher is nginx.
type Pusher interface {
	// PushUsers adds users to what nginx knows; nginx.ErrDown when there is none.
	PushUsers(ctx context.Context, users []nginx.User) error
}

const (
	saveEvery  = 5 * time.Second // at most; a burst of logins is one write
	retryAfter = 2 * time.Second
)

// Restarted says that nginx was started anew and knows no user.
func (b *Book) Restarted() { nudge(b.started) }

// Run saves what changes and tells each nginx that is started, until ctx ends; then it saves once more.
func (b *Book) Run(ctx context.Context) error {
	var group errgroup.Group
	group.Go(func() error { b.keepSaved(ctx); return nil })
	group.Go(func() error { b.keepPushed(ctx); return nil })
	return group.Wait()
}

func (b *Book) keepSaved(ctx context.Context) {
	failing := false
	for ended := false; !ended; ended = ctx.Err() != nil {
		select {
		case <-ctx.Done():
		case <-b.changed:
			pause(ctx, saveEvery) // for the changes that come with it
		}
		err := b.save()
		if err != nil && !failing {
			b.cfg.Log.Error("Known tokens are kept in memory only", "error", err)
		}
		failing = err != nil
	}
}

func (b *Book) keepPushed(ctx context.Context) {
	var retry <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.started:
		case <-retry:
		}
		retry = nil
		users := b.Users()
		if len(users) == 0 {
			continue
		}
		err := b.cfg.Nginx.PushUsers(ctx, users)
		switch {
		case err == nil:
			b.cfg.Log.Info("Nginx knows the users of tokens again", "count", len(users))
		case ctx.Err() != nil, errors.Is(err, nginx.ErrDown): // its next start asks again
		default:
			b.metrics.pushFailures.Inc()
			b.cfg.Log.Error("Users of tokens not pushed: nginx has to ask for each", "count", len(users), "error", err)
			if _, refused := errors.AsType[*nginx.RefusedError](err); !refused {
				retry = time.After(retryAfter)
			}
		}
	}
}

// nudge sends unless there is something to receive already.
func nudge(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
