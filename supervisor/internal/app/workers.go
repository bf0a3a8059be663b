package app

import (
	"context"
	"encoding/json"
	"path/filepath"
	"time"

	"github.com/uhdadmin/media-gateway/supervisor/internal/agent"
	"github.com/uhdadmin/media-gateway/supervisor/internal/decision"
	"github.com/uhdadmin/media-gateway/supervisor/internal/identity"
	"github.com/uhdadmin/media-gateway/supervisor/internal/localapi"
	"github.com/uhdadmin/media-gateway/supervisor/internal/masterclient"
	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
	"github.com/uhdadmin/media-gateway/supervisor/internal/session"
	"github.com/uhdadmin/media-gateway/supervisor/internal/settings"
	"github.com/uhdadmin/media-gateway/supervisor/internal/spool"
)

// serveWorkers makes what nginx's workers speak to, and opens its socket: they ask from their first
// request on.
func (a *App) serveWorkers(ctx context.Context, root string, s settings.Settings, master *masterclient.Client) error {
	workers, err := a.nginx.WorkerUID(ctx)
	if err != nil {
		return err
	}
	if a.spool, err = spool.Open(spool.Config{
		Dir: filepath.Join(root, "spool"), State: filepath.Join(root, "state", "spool.json"),
		Owner: workers, MaxBytes: s.SpoolMaxBytes,
		Reopen: a.nginx.ReopenLogs, Log: a.log, Registerer: a.registry,
	}); err != nil {
		return err
	}
	if a.decisions, err = decision.New(decision.Config{Nginx: a.nginx, Log: a.log, Registerer: a.registry}); err != nil {
		return err
	}
	if a.identities, err = identity.Open(identity.Config{
		Path: filepath.Join(root, "state", "identities.json"), Nginx: a.nginx, Log: a.log, Registerer: a.registry,
	}); err != nil {
		return err
	}
	if a.sessions, err = session.NewDesk(session.Config{
		Master: master, Kicks: a.decisions, Log: a.log, Registerer: a.registry,
	}); err != nil {
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
}

// usageEvery is how often running streams report, see lua/uhd; records wait in nginx until then.
const usageEvery = 10 * time.Second

// maxUsage is how many records are taken at once.
const maxUsage = 1000

// followUsage takes what nginx reports of running streams for signs of life of their sessions, until ctx
// ends. While none plays it does not ask.
func (a *App) followUsage(ctx context.Context) error {
	tick := time.NewTicker(usageEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if a.sessions.Count() > 0 {
			a.takeUsage(ctx)
		}
	}
}

func (a *App) takeUsage(ctx context.Context) {
	for {
		records, err := a.nginx.TakeUsage(ctx, maxUsage)
		if err != nil {
			a.log.Debug("Usage of running streams not taken, tried again", "error", err)
			return
		}
		for _, record := range records {
			var of struct {
				Scope         string `json:"scope"`
				PlaySessionID string `json:"play_session_id"`
			}
			if json.Unmarshal(record, &of) == nil {
				a.sessions.Seen(of.Scope, of.PlaySessionID)
			}
		}
		if len(records) < maxUsage {
			return
		}
	}
}

// status is what /status shows.
type status struct {
	agent.Status
	Sessions   int             `json:"sessions"`   // live ones
	Identities int             `json:"identities"` // tokens whose user is known
	Decisions  decision.Status `json:"decisions"`
	Spool      spool.Status    `json:"spool"`
}

func (a *App) status(ctx context.Context) status {
	return status{a.agent.Status(ctx), a.sessions.Count(), a.identities.Count(), a.decisions.Status(), a.spool.Status()}
}
