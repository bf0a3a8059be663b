package agent

import (
	"context"
	"errors"
	"maps"
	"os"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/masterclient"
)

// acknowledge tells the master what became of a snapshot, now or when it is back: the ack is on disk
// before it is sent.
func (a *Agent) acknowledge(ctx context.Context, ack api.Ack) {
	a.acked = int64(ack.SnapshotID)
	if err := a.cfg.Releases.SetPendingAcks(append(a.cfg.Releases.PendingAcks(), ack)); err != nil {
		a.log.Error("Ack kept in memory only", "error", err)
	}
	a.sendAcks(ctx)
}

// sendAcks sends what the master has not been told yet, in order. An ack that the master refuses for good
// is dropped: it would block those after it.
func (a *Agent) sendAcks(ctx context.Context) {
	pending := a.cfg.Releases.PendingAcks()
	if len(pending) == 0 {
		return
	}
	left := pending
	for _, ack := range pending {
		err := a.cfg.Master.Ack(ctx, ack)
		if status, ok := errors.AsType[*masterclient.StatusError](err); err != nil && (!ok || !status.Permanent()) {
			if ctx.Err() == nil {
				a.log.Warn("Ack not sent, kept for later", "snapshot_id", ack.SnapshotID, "status", ack.Status, "error", err)
			}
			break
		}
		if err != nil {
			a.log.Error("Ack refused by the master and dropped", "snapshot_id", ack.SnapshotID, "status", ack.Status, "error", err)
		}
		left = left[1:]
	}
	if len(left) == len(pending) {
		return
	}
	if err := a.cfg.Releases.SetPendingAcks(left); err != nil {
		a.log.Error("Sent acks are still on disk and will be sent again", "error", err)
	}
}

// beat sends heartbeats until ctx ends. One that fails is not repeated: the next one says more. Slaves that
// were started together drift apart.
func (a *Agent) beat(ctx context.Context) error {
	for {
		if err := a.cfg.Master.Heartbeat(ctx, a.heartbeat(ctx)); err != nil && ctx.Err() == nil {
			a.metrics.heartbeatErrors.Inc()
			a.log.Debug("Heartbeat failed", "error", err)
		}
		if err := sleep(ctx, masterclient.Around(a.cfg.HeartbeatInterval)); err != nil {
			return err
		}
	}
}

// heartbeat is this slave's state as its master shows it.
func (a *Agent) heartbeat(ctx context.Context) api.Heartbeat {
	s := a.Status(ctx)
	hostname, _ := os.Hostname()
	beat := api.Heartbeat{
		AgentVersion:         a.cfg.Version,
		CurrentConfigVersion: api.Int(s.Release.Version),
		Status:               s.Status,
		Metadata: map[string]any{
			"hostname": hostname, "config_hash": s.Release.Hash, "snapshot_id": s.Release.SnapshotID,
			"nginx_generation": s.Nginx.Generation, "nginx_old_workers": s.OldWorkers, "uptime_seconds": int64(time.Since(a.board.begun).Seconds()),
		},
	}
	if a.cfg.Metadata != nil {
		maps.Copy(beat.Metadata, a.cfg.Metadata())
	}
	return beat
}
