package telemetry

var playbackSessionTable = &Table{Name: "playback_sessions", Age: "last_seen_at", Columns: []Column{
	integer("id", Keep), integer("server_id", Key), text("play_session_id", Key), text("device_id", Key),
	integer("started_at", Min), integer("last_seen_at", Max), integer("stopped_at", Max),
	text("user_id", Latest), text("item_id", Latest), text("ip", Latest), text("client_name", Latest),
	text("client_version", Latest), text("device_name", Latest), integer("requests", Sum),
	integer("bytes", Sum), integer("position_ticks", Max),
}}

func (r *PlaybackSession) values(dst []any) []any {
	return append(dst, r.ID, r.ServerID, r.PlaySessionID, r.DeviceID, int64(r.StartedAt), int64(r.LastSeenAt),
		int64(r.StoppedAt), r.UserID, r.ItemID, r.IP, r.ClientName, r.ClientVersion, r.DeviceName, r.Requests,
		r.Bytes, r.PositionTicks)
}

var deviceTable = &Table{Name: "devices", Age: "last_seen_at", Columns: []Column{
	integer("server_id", Key), text("device_id", Key), integer("first_seen_at", Min),
	integer("last_seen_at", Max), text("user_id", Latest), text("ip", Latest), text("client_name", Latest),
	text("client_version", Latest), text("device_name", Latest), integer("requests", Sum),
}}

func (r *Device) values(dst []any) []any {
	return append(dst, r.ServerID, r.DeviceID, int64(r.FirstSeenAt), int64(r.LastSeenAt), r.UserID, r.IP,
		r.ClientName, r.ClientVersion, r.DeviceName, r.Requests)
}

var userActivityTable = &Table{Name: "user_activities", Age: "day", Columns: []Column{
	integer("day", Key), integer("server_id", Key), text("user_id", Key), integer("first_seen_at", Min),
	integer("last_seen_at", Max), integer("requests", Sum), integer("refused", Sum), integer("bytes", Sum),
}}

func (r *UserActivity) values(dst []any) []any {
	return append(dst, int64(r.Day), r.ServerID, r.UserID, int64(r.FirstSeenAt), int64(r.LastSeenAt),
		r.Requests, r.Refused, r.Bytes)
}

var realtimeTable = &Table{Name: "realtime_sessions", Age: "reported_at", Columns: []Column{
	integer("reporter_id", Key), integer("server_id", Key), text("session_id", Key),
	integer("reported_at", Keep), text("play_session_id", Keep), text("user_id", Keep), text("item_id", Keep),
	text("ip", Keep), text("client_name", Keep), text("device_id", Keep), text("device_name", Keep),
	boolean("is_playing", Keep), boolean("is_paused", Keep), integer("started_at", Keep),
	integer("bytes", Keep),
}}

func (r *RealtimeSession) values(dst []any) []any {
	return append(dst, r.ReporterID, r.ServerID, r.SessionID, int64(r.ReportedAt), r.PlaySessionID, r.UserID,
		r.ItemID, r.IP, r.ClientName, r.DeviceID, r.DeviceName, r.IsPlaying, r.IsPaused, int64(r.StartedAt),
		r.Bytes)
}

var apiCallTable = &Table{Name: "api_calls", Age: "hour", Columns: []Column{
	integer("hour", Key), integer("server_id", Key), text("method", Key), text("endpoint", Key),
	integer("requests", Sum), integer("refused", Sum), integer("errors_4xx", Sum), integer("errors_5xx", Sum),
	integer("bytes", Sum), integer("request_time_us", Sum),
}}

func (r *APICall) values(dst []any) []any {
	return append(dst, int64(r.Hour), r.ServerID, r.Method, r.Endpoint, r.Requests, r.Refused, r.Errors4xx,
		r.Errors5xx, r.Bytes, r.RequestTimeUS)
}

var bandwidthTable = &Table{Name: "bandwidth", Age: "hour", Columns: []Column{
	integer("hour", Key), integer("server_id", Key), text("user_id", Key), text("device_id", Key),
	text("ip", Key), integer("requests", Sum), integer("bytes", Sum),
}}

func (r *Bandwidth) values(dst []any) []any {
	return append(dst, int64(r.Hour), r.ServerID, r.UserID, r.DeviceID, r.IP, r.Requests, r.Bytes)
}

var mediaAccessTable = &Table{Name: "media_access", Age: "day", Columns: []Column{
	integer("day", Key), integer("server_id", Key), text("user_id", Key), text("item_id", Key),
	integer("first_access_at", Min), integer("last_access_at", Max), integer("requests", Sum),
	integer("bytes", Sum), integer("plays", Sum),
}}

func (r *MediaAccess) values(dst []any) []any {
	return append(dst, int64(r.Day), r.ServerID, r.UserID, r.ItemID, int64(r.FirstAccessAt),
		int64(r.LastAccessAt), r.Requests, r.Bytes, r.Plays)
}
