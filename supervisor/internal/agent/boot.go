package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uhdadmin/media-gateway/supervisor/internal/release"
)

// Boot chooses what to serve from disk, before nginx is started: the newest proven release that is whole
// and passes nginx -t, else the placeholder. What was committed without proof, by a run that was cut
// short, is not served.
func (a *Agent) Boot(ctx context.Context) error {
	for _, p := range a.cfg.Releases.Proven() {
		rel, err := a.bootable(ctx, p.Hash)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			a.log.Error("Proven release cannot be served, trying the one before", "version", p.Version, "hash", short(p.Hash), "error", err)
			continue
		}
		if err := a.cfg.Releases.Commit(rel); err != nil {
			return err
		}
		a.log.Info("Serving the last proven release", "version", rel.Version, "hash", short(rel.Hash))
		a.serving(rel)
		return nil
	}
	rel, err := a.cfg.Releases.StagePlaceholder(ctx)
	if err != nil {
		return fmt.Errorf("stage placeholder: %w", err)
	}
	if err := a.cfg.Releases.Commit(rel); err != nil {
		return err
	}
	a.log.Info("No release to serve yet: answering 503 until the first configuration")
	a.serving(rel)
	return nil
}

// bootable returns the release named hash, made whole and brought up to this binary, and tested.
func (a *Agent) bootable(ctx context.Context, hash string) (*release.Release, error) {
	rel, err := a.cfg.Releases.Load(hash)
	if err != nil {
		return nil, err
	}
	changed, err := rel.Changed()
	if err != nil {
		return nil, err
	}
	if len(changed) > 0 && a.cfg.KeepDrift && a.cfg.Nginx.Test(ctx, rel.Dir) == nil {
		a.log.Warn("Serving managed files as edited by hand", "files", changed)
		return rel, nil
	}
	fresh, err := a.cfg.Releases.Refresh(ctx, rel)
	switch {
	case err == nil:
		rel = fresh
	case len(changed) > 0:
		return nil, fmt.Errorf("files %v are damaged: %w", changed, err)
	default:
		a.log.Warn("Release not brought up to this version, served as it is", "hash", short(hash), "error", err)
	}
	return rel, a.cfg.Nginx.Test(ctx, rel.Dir)
}

// retryProven goes back to the newest proven release when something else had to be served at boot, say
// because a certificate was missing, and the master is not there to ask for it.
func (a *Agent) retryProven(ctx context.Context) {
	proven := a.cfg.Releases.Proven()
	if len(proven) == 0 || proven[0].Hash == a.running.Hash || time.Since(a.lastRetry) < 2*a.cfg.PullInterval {
		return
	}
	a.lastRetry = time.Now()
	rel, err := a.bootable(ctx, proven[0].Hash)
	if err == nil {
		t := a.attempt(versionOf(rel.Identity, rel.Hash))
		err = t.put(ctx, rel)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		a.log.Error("Newest proven release still cannot be served", "hash", short(proven[0].Hash), "error", err)
	}
}
