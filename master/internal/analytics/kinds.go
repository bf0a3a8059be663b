package analytics

import (
	"time"

	t "github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

// The eleven kinds, each with the filters that are of use for it.

// AccessLogs lists requests.
var AccessLogs = &Kind[t.AccessLog]{
	Name: t.AccessLogs, time: "time", keys: []string{"id"}, key: func(r *t.AccessLog) []any { return []any{r.ID} },
	Filters: []string{"client_name", "device_id", "ip", "item_id", "method", "play_session_id", "reason", "request_id", "rule", "server_id", "status", "user_id", "verdict"},
}

// BlockedRequests lists requests that were refused.
var BlockedRequests = &Kind[t.BlockedRequest]{
	Name: t.BlockedRequests, time: "time", keys: []string{"id"}, key: func(r *t.BlockedRequest) []any { return []any{r.ID} },
	Filters: []string{"client_name", "device_id", "ip", "reason", "request_id", "rule", "server_id", "user_id"},
	Indexed: "request_id",
}

// LoginEvents lists logins.
var LoginEvents = &Kind[t.LoginEvent]{
	Name: t.LoginEvents, time: "time", keys: []string{"id"}, key: func(r *t.LoginEvent) []any { return []any{r.ID} },
	Filters: []string{"client_name", "device_id", "event", "ip", "server_id", "success", "user_id", "user_name"},
}

// PlaybackEvents lists what players reported.
var PlaybackEvents = &Kind[t.PlaybackEvent]{
	Name: t.PlaybackEvents, time: "time", keys: []string{"id"}, key: func(r *t.PlaybackEvent) []any { return []any{r.ID} },
	Filters: []string{"client_name", "device_id", "event", "ip", "item_id", "play_session_id", "server_id", "user_id"},
}

// PlaybackSessions lists play sessions by their last sign.
var PlaybackSessions = &Kind[t.PlaybackSession]{
	Name: t.PlaybackSessions, time: "last_seen_at", keys: []string{"last_seen_at", "id"},
	key:     func(r *t.PlaybackSession) []any { return []any{int64(r.LastSeenAt), r.ID} },
	Filters: []string{"client_name", "device_id", "ip", "item_id", "play_session_id", "server_id", "user_id"},
}

// Devices lists devices by their last request.
var Devices = &Kind[t.Device]{
	Name: t.Devices, time: "last_seen_at", keys: []string{"last_seen_at", "server_id", "device_id"},
	key:     func(r *t.Device) []any { return []any{int64(r.LastSeenAt), r.ServerID, r.DeviceID} },
	Filters: []string{"client_name", "device_id", "ip", "server_id", "user_id"},
}

// UserActivities lists users by day.
var UserActivities = &Kind[t.UserActivity]{
	Name: t.UserActivities, time: "day", unit: day, keys: []string{"day", "server_id", "user_id"},
	key:     func(r *t.UserActivity) []any { return []any{int64(r.Day), r.ServerID, r.UserID} },
	Filters: []string{"server_id", "user_id"},
}

// RealtimeSessions lists what slaves said last of what plays.
var RealtimeSessions = &Kind[t.RealtimeSession]{
	Name: t.RealtimeSessions, time: "reported_at", keys: []string{"reported_at", "reporter_id", "server_id", "session_id"},
	key: func(r *t.RealtimeSession) []any {
		return []any{int64(r.ReportedAt), r.ReporterID, r.ServerID, r.SessionID}
	},
	Filters: []string{"client_name", "device_id", "ip", "is_paused", "is_playing", "item_id", "play_session_id", "server_id", "user_id"},
}

// APICalls lists endpoints by hour.
var APICalls = &Kind[t.APICall]{
	Name: t.APICalls, time: "hour", unit: time.Hour, keys: []string{"hour", "server_id", "method", "endpoint"},
	key:     func(r *t.APICall) []any { return []any{int64(r.Hour), r.ServerID, r.Method, r.Endpoint} },
	Filters: []string{"endpoint", "method", "server_id"},
}

// Bandwidth lists who sent for how much, by hour.
var Bandwidth = &Kind[t.Bandwidth]{
	Name: t.BandwidthHours, time: "hour", unit: time.Hour, keys: []string{"hour", "server_id", "user_id", "device_id", "ip"},
	key:     func(r *t.Bandwidth) []any { return []any{int64(r.Hour), r.ServerID, r.UserID, r.DeviceID, r.IP} },
	Filters: []string{"device_id", "ip", "server_id", "user_id"},
}

// MediaAccesses lists what users fetched, by day.
var MediaAccesses = &Kind[t.MediaAccess]{
	Name: t.MediaAccesses, time: "day", unit: day, keys: []string{"day", "server_id", "user_id", "item_id"},
	key:     func(r *t.MediaAccess) []any { return []any{int64(r.Day), r.ServerID, r.UserID, r.ItemID} },
	Filters: []string{"item_id", "server_id", "user_id"},
}
