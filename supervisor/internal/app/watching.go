package app

import (
	"context"

	"github.com/uhdadmin/media-gateway/shared/nginxconf"
	"github.com/uhdadmin/media-gateway/supervisor/internal/release"
	"github.com/uhdadmin/media-gateway/supervisor/internal/watch"
)

func (a *App) newWatcher() (*watch.Watcher, error) {
	return watch.New(watch.Config{
		OnCertificates: func(context.Context, []string) error { a.agent.CertificatesChanged(); return nil },
		OnDrift:        func(context.Context, []string) error { a.agent.FilesChanged(); return nil },
		Log:            a.log, Registerer: a.registry,
	})
}

// serving is told what serves now: the watcher follows its files, and tokens are asked about at its media servers.
func (a *App) serving(rel *release.Release) {
	managed, err := a.releases.Managed(rel)
	if err != nil {
		a.log.Error("Managed files are not watched", "error", err)
	}
	directives := a.directivesOf(rel)
	a.watcher.Update(watch.CertificatePaths(nginxconf.Servers(directives), rel.Dir), managed)
	a.media.Serving(scopesOf(directives))
	rules, err := rel.Rules()
	if err != nil {
		a.log.Error("Limits of the release are not known", "error", err)
		return
	}
	a.limits.Serving(rules)
}

// directivesOf returns the release's server blocks and what is beside them; none of one that does not read, and
// of the placeholder.
func (a *App) directivesOf(rel *release.Release) []*nginxconf.Directive {
	if rel.IsPlaceholder() {
		return nil
	}
	text, err := rel.ServerConf()
	if err != nil {
		a.log.Error("Certificates are not watched, and unknown tokens not resolved", "error", err)
		return nil
	}
	directives, err := nginxconf.Parse(text)
	if err != nil {
		a.log.Error("Certificates are not watched, and unknown tokens not resolved", "error", err)
		return nil
	}
	return directives
}
