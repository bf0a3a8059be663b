package agent

import (
	"context"
	"errors"
	"fmt"

	"github.com/uhdadmin/media-gateway/shared/nginxconf"
	"github.com/uhdadmin/media-gateway/supervisor/internal/masterclient"
	"github.com/uhdadmin/media-gateway/supervisor/internal/release"
)

// fetch gets the configuration. Which one it is, the document says: there may have been another publish
// since the poll. Older masters leave that to the poll.
func (t *attempt) fetch(ctx context.Context) (p *release.Payload, err error) {
	defer t.enter("fetch")(&err)
	document, err := t.cfg.Master.Config(ctx)
	if err != nil {
		return nil, err
	}
	p, err = release.Parse(document)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", masterclient.ErrBadAnswer, err)
	}
	if p.SnapshotID == 0 {
		p.Identity = identityOf(t.want)
	}
	return p, nil
}

// stage writes the release to disk.
func (t *attempt) stage(ctx context.Context, p *release.Payload) (rel *release.Release, err error) {
	defer t.enter("stage")(&err)
	t.want = versionOf(p.Identity, p.Hash)
	return t.cfg.Releases.Stage(ctx, p)
}

// test asks nginx and its Lua compiler about the staged files.
func (t *attempt) test(ctx context.Context, rel *release.Release) (err error) {
	defer t.enter("test")(&err)
	if err := t.cfg.Nginx.Test(ctx, rel.Dir); err != nil {
		return err
	}
	access, err := rel.AccessLua()
	if err != nil {
		return err
	}
	if err := t.cfg.Nginx.CheckLua(ctx, "access.lua", string(access)); err != nil {
		return err
	}
	rules, err := rel.Rules()
	if err != nil {
		return err
	}
	if err := t.cfg.Nginx.CheckRules(ctx, rules); err != nil {
		return fmt.Errorf("rules: %w", err)
	}
	return nil
}

// rehearse serves the staged files from a private nginx.
func (t *attempt) rehearse(ctx context.Context, rel *release.Release) (err error) {
	defer t.enter("rehearse")(&err)
	return t.cfg.Nginx.Rehearse(ctx, rel.Dir)
}

// commit switches the files.
func (t *attempt) commit(rel *release.Release) (err error) {
	defer t.enter("commit")(&err)
	if err := t.cfg.Releases.Commit(rel); err != nil {
		return err
	}
	if rel.NeedsReload(t.from) {
		t.sayWritten()
	}
	return nil
}

// activate makes nginx take the committed release: only its rules, when nothing else differs.
func (t *attempt) activate(ctx context.Context, rel *release.Release) error {
	if rel.NeedsReload(t.from) {
		return t.reload(ctx)
	}
	return t.push(ctx, rel)
}

func (t *attempt) reload(ctx context.Context) (err error) {
	defer t.enter("reload")(&err)
	return t.reloadNginx(ctx)
}

func (t *attempt) push(ctx context.Context, rel *release.Release) (err error) {
	defer t.enter("push")(&err)
	return t.pushRules(ctx, rel)
}

func (a *Agent) pushRules(ctx context.Context, rel *release.Release) error {
	rules, err := rel.Rules()
	if err != nil {
		return err
	}
	if err := a.cfg.Nginx.PushRules(ctx, rules); err != nil {
		return err
	}
	a.overlay = ""
	return nil
}

// verify proves that the release serves.
func (t *attempt) verify(ctx context.Context, rel *release.Release) (err error) {
	defer t.enter("verify")(&err)
	if err := t.cfg.Nginx.Verify(ctx, rel.Dir, rel.Hash); err != nil {
		return err
	}
	if rel.NeedsReload(t.from) {
		t.sayReloaded(rel)
	} else {
		t.log.Info("Rules pushed without a reload", "hash", short(rel.Hash))
	}
	return nil
}

// prove records what serves now. A disk that cannot take the record is logged: the release serves, and
// the next boot goes back to the one before.
func (a *Agent) prove(rel *release.Release) {
	a.serving(rel)
	if err := a.cfg.Releases.MarkProven(rel); err != nil {
		a.log.Error("Release not recorded as proven", "hash", short(rel.Hash), "error", err)
	}
}

// serving tells everyone what nginx serves.
func (a *Agent) serving(rel *release.Release) {
	a.running, a.stuck = rel, false
	a.metrics.configVersion.Set(float64(rel.Version))
	a.board.serves(rel)
	if a.cfg.Serving != nil {
		a.cfg.Serving(rel)
	}
}

// serverCount returns how many server blocks the release has; 0 when its file cannot be read.
func serverCount(rel *release.Release) int {
	text, err := rel.ServerConf()
	if err != nil {
		return 0
	}
	directives, err := nginxconf.Parse(text)
	if err != nil {
		return 0
	}
	return len(nginxconf.Servers(directives))
}

// details is what an operator wants to see beyond the error's one line.
func details(err error) string {
	if e, ok := errors.AsType[*nginxconf.TestError](err); ok && e.Output != "" {
		return "\n" + e.Output
	}
	return ""
}
