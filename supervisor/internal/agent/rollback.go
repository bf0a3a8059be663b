package agent

import (
	"context"
	"errors"
	"fmt"

	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
	"github.com/uhdadmin/media-gateway/supervisor/internal/release"
)

// before is what nginx serves before a change; the zero State, which equals nothing later, when it does
// not answer.
func (t *attempt) before(ctx context.Context) nginx.State {
	state, err := t.cfg.Nginx.State(ctx)
	if err != nil {
		return nginx.State{}
	}
	return state
}

// rollback goes back from rel to what served before, and returns cause, joined by what went wrong on the
// way back.
func (t *attempt) rollback(ctx context.Context, rel *release.Release, before nginx.State, cause error) error {
	if err := t.cfg.Releases.Commit(t.from); err != nil {
		return errors.Join(cause, t.failedBack(err))
	}
	if ctx.Err() != nil {
		return cause // stopping: the files are what the next boot wants
	}
	if err := t.goBack(ctx, rel, before); err != nil {
		return errors.Join(cause, t.failedBack(err))
	}
	t.log.Warn("Rolled back", "to_version", t.from.Version, "hash", short(t.from.Hash))
	return cause
}

// goBack makes nginx serve t.from again, unless it never left it: a refused reload, or refused rules.
func (t *attempt) goBack(ctx context.Context, rel *release.Release, before nginx.State) error {
	now, err := t.cfg.Nginx.State(ctx)
	untouched := err == nil && now.Generation == before.Generation && now.ActiveHash == before.ActiveHash
	switch {
	case untouched:
		return t.cfg.Nginx.Verify(ctx, t.from.Dir, t.rulesHash(t.from.Hash))
	case rel.NeedsReload(t.from):
		err = t.reloadNginx(ctx)
	default:
		err = t.pushRules(ctx, t.from)
	}
	if err != nil {
		return err
	}
	return t.cfg.Nginx.Verify(ctx, t.from.Dir, t.from.Hash)
}

// failedBack is an error on the way back: nginx may serve something else than the files say.
func (t *attempt) failedBack(err error) error {
	t.stuck = true
	t.board.degraded(err)
	return fmt.Errorf("roll back to version %d: %w", t.from.Version, err)
}

// mendRollback tries a rollback that failed again, until what serves is certain.
func (a *Agent) mendRollback(ctx context.Context) {
	if !a.stuck {
		return
	}
	err := a.cfg.Releases.Commit(a.running)
	if err == nil {
		err = a.reloadNginx(ctx)
	}
	if err == nil {
		err = a.cfg.Nginx.Verify(ctx, a.running.Dir, a.running.Hash)
	}
	if err != nil {
		a.board.degraded(err)
		a.log.Error("Still not back on the last proven release", "version", a.running.Version, "error", err)
		return
	}
	a.log.Info("Back on the last proven release", "version", a.running.Version)
	a.serving(a.running)
}
