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

// watchRelease makes the watcher follow what serves now.
func (a *App) watchRelease(rel *release.Release) {
	managed, err := a.releases.Managed(rel)
	if err != nil {
		a.log.Error("Managed files are not watched", "error", err)
	}
	a.watcher.Update(a.certificatesOf(rel), managed)
}

func (a *App) certificatesOf(rel *release.Release) []string {
	text, err := rel.ServerConf()
	if err != nil {
		a.log.Error("Certificates are not watched", "error", err)
		return nil
	}
	directives, err := nginxconf.Parse(text)
	if err != nil {
		a.log.Error("Certificates are not watched", "error", err)
		return nil
	}
	return watch.CertificatePaths(nginxconf.Servers(directives), rel.Dir)
}
