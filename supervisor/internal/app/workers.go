package app

import (
	"context"

	"github.com/uhdadmin/media-gateway/supervisor/internal/agent"
	"github.com/uhdadmin/media-gateway/supervisor/internal/decision"
	"github.com/uhdadmin/media-gateway/supervisor/internal/localapi"
	"github.com/uhdadmin/media-gateway/supervisor/internal/masterclient"
	"github.com/uhdadmin/media-gateway/supervisor/internal/mediaserver"
	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
	"github.com/uhdadmin/media-gateway/supervisor/internal/settings"
	"github.com/uhdadmin/media-gateway/supervisor/internal/spool"
	"github.com/uhdadmin/media-gateway/supervisor/internal/telemetry"
	"github.com/uhdadmin/media-gateway/supervisor/internal/usage"
)

// serveWorkers makes what nginx's workers speak to, and opens its socket: they ask from their first
// request on.
func (a *App) serveWorkers(ctx context.Context, root string, s settings.Settings, master *masterclient.Client) error {
	workers, err := a.nginx.WorkerUID(ctx)
	if err != nil {
		return err
	}
	if err := a.openSpool(root, workers, s); err != nil {
		return err
	}
	if a.decisions, err = decision.New(decision.Config{Nginx: a.nginx, Log: a.log, Registerer: a.registry}); err != nil {
		return err
	}
	if err := a.knowPlayers(root, s, master); err != nil {
		return err
	}
	a.local, err = localapi.Listen(ctx, localapi.Config{
		Path: nginx.LocalSocket(root), Owner: workers, Sessions: a.sessions, Identities: a.identities,
		Log: a.log, Registerer: a.registry,
	})
	return err
}

// nginxStarted tells an nginx whose shared dicts are empty what it should know. A reload keeps them.
func (a *App) nginxStarted() {
	a.identities.Restarted()
	a.decisions.Restarted()
	a.agent.NginxStarted()
}

// status is what /status shows.
type status struct {
	agent.Status
	Sessions   int                `json:"sessions"`   // live ones
	Identities int                `json:"identities"` // tokens whose user is known
	Media      mediaserver.Status `json:"media_servers"`
	Decisions  decision.Status    `json:"decisions"`
	Spool      spool.Status       `json:"spool"`
	Telemetry  []telemetry.Status `json:"telemetry"` // per log
	Usage      usage.Status       `json:"usage"`
	Limits     string             `json:"limits_revision,omitempty"` // of what the master says live
}

func (a *App) status(ctx context.Context) status {
	return status{
		a.agent.Status(ctx), a.sessions.Count(), a.identities.Count(), a.media.Status(), a.decisions.Status(), a.spool.Status(),
		a.telemetry.Status(), a.usage.Status(), a.limits.Revision(),
	}
}
