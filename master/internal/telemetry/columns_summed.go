package telemetry

var playbackSessionTable = &Table{Name: "playback_sessions", Age: "last_seen_at", Columns: []Column{
	integer("id", Keep), integer("server_id", Key), text("play_session_id", Key), text("device_id", Key),
	integer("started_at", Min), integer("last_seen_at", Max), integer("stopped_at", Max),
	text("user_id", Latest), text("item_id", Latest), text("ip", Latest), text("client_name", Latest),
	text("client_version", Latest), text("device_name", Latest), integer("requests", Sum),
	integer("bytes", Sum), integer("position_ticks", Max),
}}

func (r *PlaybackSession) values(dst []Value) []Value {
	return append(dst, num(r.ID), num(r.ServerID), str(r.PlaySessionID), str(r.DeviceID), num(r.StartedAt),
		num(r.LastSeenAt), num(r.StoppedAt), str(r.UserID), str(r.ItemID), str(r.IP), str(r.ClientName),
		str(r.ClientVersion), str(r.DeviceName), num(r.Requests), num(r.Bytes), num(r.PositionTicks))
}

var deviceTable = &Table{Name: "devices", Age: "last_seen_at", Columns: []Column{
	integer("server_id", Key), text("device_id", Key), integer("first_seen_at", Min),
	integer("last_seen_at", Max), text("user_id", Latest), text("ip", Latest), text("client_name", Latest),
	text("client_version", Latest), text("device_name", Latest), integer("requests", Sum),
}}

func (r *Device) values(dst []Value) []Value {
	return append(dst, num(r.ServerID), str(r.DeviceID), num(r.FirstSeenAt), num(r.LastSeenAt),
		str(r.UserID), str(r.IP), str(r.ClientName), str(r.ClientVersion), str(r.DeviceName), num(r.Requests))
}

var userActivityTable = &Table{Name: "user_activities", Age: "day", Columns: []Column{
	integer("day", Key), integer("server_id", Key), text("user_id", Key), integer("first_seen_at", Min),
	integer("last_seen_at", Max), integer("requests", Sum), integer("refused", Sum), integer("bytes", Sum),
}}

func (r *UserActivity) values(dst []Value) []Value {
	return append(dst, num(r.Day), num(r.ServerID), str(r.UserID), num(r.FirstSeenAt), num(r.LastSeenAt),
		num(r.Requests), num(r.Refused), num(r.Bytes))
}

var realtimeTable = &Table{Name: "realtime_sessions", Age: "reported_at", Columns: []Column{
	integer("reporter_id", Key), integer("server_id", Key), text("session_id", Key),
	integer("reported_at", Keep), text("play_session_id", Keep), text("user_id", Keep), text("item_id", Keep),
	text("ip", Keep), text("client_name", Keep), text("device_id", Keep), text("device_name", Keep),
	boolean("is_playing", Keep), boolean("is_paused", Keep), integer("started_at", Keep),
	integer("bytes", Keep),
}}

func (r *RealtimeSession) values(dst []Value) []Value {
	return append(dst, num(r.ReporterID), num(r.ServerID), str(r.SessionID), num(r.ReportedAt),
		str(r.PlaySessionID), str(r.UserID), str(r.ItemID), str(r.IP), str(r.ClientName), str(r.DeviceID),
		str(r.DeviceName), flag(r.IsPlaying), flag(r.IsPaused), num(r.StartedAt), num(r.Bytes))
}

var apiCallTable = &Table{Name: "api_calls", Age: "hour", Columns: []Column{
	integer("hour", Key), integer("server_id", Key), text("method", Key), text("endpoint", Key),
	integer("requests", Sum), integer("refused", Sum), integer("errors_4xx", Sum), integer("errors_5xx", Sum),
	integer("bytes", Sum), integer("request_time_us", Sum),
}}

func (r *APICall) values(dst []Value) []Value {
	return append(dst, num(r.Hour), num(r.ServerID), str(r.Method), str(r.Endpoint), num(r.Requests),
		num(r.Refused), num(r.Errors4xx), num(r.Errors5xx), num(r.Bytes), num(r.RequestTimeUS))
}

var bandwidthTable = &Table{Name: "bandwidth", Age: "hour", Columns: []Column{
	integer("hour", Key), integer("server_id", Key), text("user_id", Key), text("device_id", Key),
	text("ip", Key), integer("requests", Sum), integer("bytes", Sum),
}}

func (r *Bandwidth) values(dst []Value) []Value {
	return append(dst, num(r.Hour), num(r.ServerID), str(r.UserID), str(r.DeviceID), str(r.IP),
		num(r.Requests), num(r.Bytes))
}

var seatTable = &Table{Name: "seats_daily", Age: "day", Columns: []Column{
	integer("day", Key), integer("server_id", Key), text("user_id", Key), text("device_id", Key),
	text("ip", Key), integer("hours", Or),
}}

func (r *Seat) values(dst []Value) []Value {
	return append(dst, num(r.Day), num(r.ServerID), str(r.UserID), str(r.DeviceID), str(r.IP), num(r.Hours))
}

var mediaAccessTable = &Table{Name: "media_access", Age: "day", Columns: []Column{
	integer("day", Key), integer("server_id", Key), text("user_id", Key), text("item_id", Key),
	integer("first_access_at", Min), integer("last_access_at", Max), integer("requests", Sum),
	integer("bytes", Sum), integer("plays", Sum),
}}

func (r *MediaAccess) values(dst []Value) []Value {
	return append(dst, num(r.Day), num(r.ServerID), str(r.UserID), str(r.ItemID), num(r.FirstAccessAt),
		num(r.LastAccessAt), num(r.Requests), num(r.Bytes), num(r.Plays))
}
