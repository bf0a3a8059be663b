package telemetry

// Kind is one of the eleven kinds of telemetry: the name of its table.
type Kind string

// The kinds.
const (
	AccessLogs       Kind = "access_logs"
	BlockedRequests  Kind = "blocked_requests"
	LoginEvents      Kind = "login_events"
	PlaybackEvents   Kind = "playback_events"
	PlaybackSessions Kind = "playback_sessions"
	Devices          Kind = "devices"
	UserActivities   Kind = "user_activities"
	RealtimeSessions Kind = "realtime_sessions"
	APICalls         Kind = "api_calls"
	BandwidthHours   Kind = "bandwidth"
	MediaAccesses    Kind = "media_access"
)

// Kinds lists all of them.
var Kinds = []Kind{
	AccessLogs, BlockedRequests, LoginEvents, PlaybackEvents, PlaybackSessions, Devices, UserActivities,
	RealtimeSessions, APICalls, BandwidthHours, MediaAccesses,
}
