package agent

import (
	"context"
	"errors"
	"fmt"

	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
)

// generation is what nginx serves before a change: its generation and rules. Zero when nginx does not
// answer, which equals nothing later.
func (t *attempt) generation(ctx context.Context) nginx.State {
	state, err := t.cfg.Nginx.State(ctx)
	if err != nil {
		return nginx.State{}
	}
	return state
}

// rollback goes back to what served before, and returns cause, joined by what went wrong on the way
// back.
func (t *attempt) rollback(ctx context.Context, before nginx.State, cause error) error {
	if err := t.cfg.Releases.Commit(t.from); err != nil {
		return errors.Join(cause, t.stuck(err))
	}
	if ctx.Err() != nil {
		return cause // stopping: the files are what the next boot wants
	}
	if err := t.goBack(ctx, before); err != nil {
		return errors.Join(cause, t.stuck(err))
	}
	t.log.Warn("Rolled back", "to_version", t.from.Version, "hash", short(t.from.Hash))
	return cause
}

// goBack makes nginx serve t.from again, unless it never left it: a refused reload, or refused rules.
func (t *attempt) goBack(ctx context.Context, before nginx.State) error {
	now, err := t.cfg.Nginx.State(ctx)
	untouched := err == nil && now.Generation == before.Generation && now.ActiveHash == before.ActiveHash
	switch {
	case untouched:
		return t.cfg.Nginx.Verify(ctx, t.from.Dir, t.from.Hash)
	case err == nil && now.Generation == before.Generation:
		rules, err := t.from.Rules()
		if err != nil {
			return err
		}
		if err := t.cfg.Nginx.PushRules(ctx, rules); err != nil {
			return err
		}
	default:
		if err := t.reloadNginx(ctx); err != nil {
			return err
		}
	}
	return t.cfg.Nginx.Verify(ctx, t.from.Dir, t.from.Hash)
}

// stuck is an error on the way back: nginx may serve something else than the files say.
func (t *attempt) stuck(err error) error {
	t.board.degraded(err)
	return fmt.Errorf("roll back to version %d: %w", t.from.Version, err)
}
