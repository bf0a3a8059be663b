package app

import (
	"context"
	"path/filepath"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/masterclient"
	"github.com/uhdadmin/media-gateway/supervisor/internal/settings"
	"github.com/uhdadmin/media-gateway/supervisor/internal/spool"
	"github.com/uhdadmin/media-gateway/supervisor/internal/telemetry"
	"github.com/uhdadmin/media-gateway/supervisor/internal/traffic"
	"github.com/uhdadmin/media-gateway/supervisor/internal/transfer"
	"github.com/uhdadmin/media-gateway/supervisor/internal/usage"
)

// openSpool opens the logs that nginx, whose workers run as that user, and the supervisor write.
func (a *App) openSpool(root string, workers int, s settings.Settings) (err error) {
	a.spool, err = spool.Open(spool.Config{
		Dir: filepath.Join(root, "spool"), State: filepath.Join(root, "state", "spool.json"), Owner: workers,
		MaxBytes: s.SpoolMaxBytes, Rotate: s.SpoolSegmentBytes, Reopen: a.nginx.ReopenLogs, Log: a.log, Registerer: a.registry,
	})
	return err
}

// followLogs makes what fills the usage log and what reads both logs. All readers begin here, before any of
// them runs: the spool keeps what the slowest has not read.
func (a *App) followLogs(root string, s settings.Settings, master *masterclient.Client) (err error) {
	a.signs = a.spool.Follow(spool.Access, "sessions", a.spool.End(spool.Access))
	a.transfers, err = transfer.New(transfer.Config{
		Nginx: a.nginx, Spool: a.spool, Sessions: a.sessions, Log: a.log, Registerer: a.registry,
	})
	if err != nil {
		return err
	}
	a.telemetry, err = telemetry.New(telemetry.Config{
		Spool: a.spool, Master: master, StateDir: filepath.Join(root, "state"), FlushInterval: s.TelemetryInterval,
		Log: a.log, Registerer: a.registry,
	})
	if err != nil {
		return err
	}
	answered := traffic.New()
	a.registry.MustRegister(answered)
	a.usage, err = usage.New(usage.Config{
		Spool: a.spool, Decisions: a.decisions, Redis: a.redis, Master: master, StateDir: filepath.Join(root, "state"),
		Limited: a.enforce, Pressing: a.quotasPressing, Zone: s.Zone(), SyncInterval: s.QuotaSyncInterval,
		Seen: answered.Add,
		Log:  a.log, Registerer: a.registry,
	})
	return err
}

// heartbeatMetadata is what the master is told of logs and certificates beside the agent's own state.
func (a *App) heartbeatMetadata() map[string]any {
	return map[string]any{"telemetry": a.telemetry.Status(), "spool": a.spool.Status(), "certificates": firstToEnd(a.watcher.Certificates())}
}

// certificateBytes bounds what a heartbeat lists: the master takes 64 KiB of one.
const certificateBytes = 16 << 10

// firstToEnd returns as many of the certificates as fit into a heartbeat.
func firstToEnd(list []api.Certificate) []api.Certificate {
	size := 0
	for i, c := range list {
		if size += len(c.Path) + 64; size > certificateBytes {
			return list[:i]
		}
	}
	return list
}

// nginxEnding takes what an nginx alone knows.
func (a *App) nginxEnding(ctx context.Context) { a.transfers.Close(ctx) }
