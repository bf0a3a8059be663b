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

// Run saves what changes and tells each nginx that is started, until ctx ends; then it saves once more. When it
// returns, no question runs any more.
func (b *Book) Run(ctx context.Context) error {
	var group errgroup.Group
	group.Go(func() error { b.keepSaved(ctx); return nil })
	group.Go(func() error { b.keepPushed(ctx); return nil })
	if b.shared != nil {
		group.Go(func() error { b.keepShared(ctx); return nil })
	}
	err := group.Wait()
	b.unknown.end()
	if b.shared != nil {
		b.shared.end()
	}
	return err
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
		case <-b.news:
			b.pushFresh(ctx)
			continue
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

// pushFresh tells nginx what it has asked about. One that is not told asks again.
func (b *Book) pushFresh(ctx context.Context) {
	b.mu.Lock()
	users := b.fresh
	b.fresh = nil
	b.mu.Unlock()
	if len(users) == 0 {
		return
	}
	if err := b.cfg.Nginx.PushUsers(ctx, users); err != nil && ctx.Err() == nil && !errors.Is(err, nginx.ErrDown) {
		b.metrics.pushFailures.Inc()
		b.cfg.Log.Warn("Users of tokens not pushed: nginx asks again", "count", len(users), "error", err)
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
