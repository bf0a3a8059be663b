package agent

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/release"
)

// The lines of this file are documented for operators, who search for their text: values and causes stand
// in the message. All other lines have constant messages.

func (a *Agent) say(level slog.Level, text string, attrs ...any) {
	a.log.Log(context.Background(), level, text, attrs...) //nolint:sloglint // see above
}

func (a *Agent) sayUpdateAvailable(want api.Version) {
	a.say(slog.LevelInfo, fmt.Sprintf("Config update available: %d -> %d", a.running.Version, want.Version),
		"snapshot_id", want.SnapshotID, "hash", short(want.ConfigHash))
}

func (a *Agent) sayWritten() {
	a.say(slog.LevelInfo, "Written rendered nginx config to server.conf")
	a.say(slog.LevelInfo, "Cleared upstream.conf and maps.conf")
}

func (a *Agent) sayReloaded(rel *release.Release) {
	a.say(slog.LevelInfo, fmt.Sprintf("Nginx config reloaded (multi-server mode, %d servers)", serverCount(rel)), "hash", short(rel.Hash))
}

// sayFailed reports a configuration that failed: before nginx was concerned, or since.
func (a *Agent) sayFailed(want api.Version, err error) {
	headline := "Nginx reload failed"
	switch stageOf(err) {
	case "fetch", "check", "stage":
		headline = "Config update failed"
	}
	a.say(slog.LevelError, headline+": "+err.Error(), "version", want.Version, "snapshot_id", want.SnapshotID)
}

func (a *Agent) sayPollFailed(err error, attrs ...any) {
	a.say(slog.LevelError, "Config version check failed: "+err.Error(), attrs...)
}

func (a *Agent) sayCertificatesFailed(err error) {
	a.say(slog.LevelError, "Nginx reload failed: new certificates not taken: "+err.Error())
}

// short is a hash as people read it.
func short(hash string) string { return fmt.Sprintf("%.12s", hash) }
