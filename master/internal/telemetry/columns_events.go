package telemetry

// How rows become columns. The order of columns is that of values.

func integer(name string, m Merge) Column { return Column{name, Integer, m} }
func text(name string, m Merge) Column    { return Column{name, Text, m} }
func boolean(name string, m Merge) Column { return Column{name, Boolean, m} }

var accessLogTable = &Table{Name: "access_logs", Age: "id", Columns: []Column{
	integer("id", Keep), integer("time", Keep), integer("server_id", Keep), text("request_id", Keep),
	text("ip", Keep), text("method", Keep), text("uri", Keep), integer("status", Keep),
	integer("bytes_sent", Keep), integer("accounted", Keep), integer("request_time_us", Keep),
	integer("upstream_time_us", Keep), integer("upstream_status", Keep), boolean("streaming", Keep),
	text("server_name", Keep), text("profile", Keep), text("client_name", Keep), text("client_version", Keep),
	text("client_kind", Keep), text("device_id", Keep), text("device_name", Keep), text("user_id", Keep),
	text("token_hash", Keep), text("user_agent", Keep), text("play_session_id", Keep), text("item_id", Keep),
	text("verdict", Keep), text("reason", Keep), text("rule", Keep),
}}

func (r *AccessLog) values(dst []any) []any {
	return append(dst, r.ID, int64(r.Time), r.ServerID, r.RequestID, r.IP, r.Method, r.URI, r.Status,
		r.BytesSent, r.Accounted, r.RequestTimeUS, r.UpstreamTimeUS, r.UpstreamStatus, r.Streaming, r.ServerName,
		r.Profile, r.ClientName, r.ClientVersion, r.ClientKind, r.DeviceID, r.DeviceName, r.UserID, r.TokenHash,
		r.UserAgent, r.PlaySessionID, r.ItemID, r.Verdict, r.Reason, r.Rule)
}

var blockedTable = &Table{Name: "blocked_requests", Age: "id", Columns: []Column{
	integer("id", Keep), integer("time", Keep), integer("server_id", Keep), text("request_id", Keep),
	text("ip", Keep), text("method", Keep), text("uri", Keep), integer("status", Keep), text("reason", Keep),
	text("rule", Keep), text("server_name", Keep), text("profile", Keep), text("client_name", Keep),
	text("client_version", Keep), text("client_kind", Keep), text("device_id", Keep),
	text("device_name", Keep), text("user_id", Keep), text("user_agent", Keep),
}}

func (r *BlockedRequest) values(dst []any) []any {
	return append(dst, r.ID, int64(r.Time), r.ServerID, r.RequestID, r.IP, r.Method, r.URI, r.Status,
		r.Reason, r.Rule, r.ServerName, r.Profile, r.ClientName, r.ClientVersion, r.ClientKind, r.DeviceID,
		r.DeviceName, r.UserID, r.UserAgent)
}

var loginTable = &Table{Name: "login_events", Age: "id", Columns: []Column{
	integer("id", Keep), integer("time", Keep), integer("server_id", Keep), text("event", Keep),
	boolean("success", Keep), text("user_id", Keep), text("user_name", Keep), text("ip", Keep),
	text("client_name", Keep), text("client_version", Keep), text("device_id", Keep),
	text("device_name", Keep),
}}

func (r *LoginEvent) values(dst []any) []any {
	return append(dst, r.ID, int64(r.Time), r.ServerID, r.Event, r.Success, r.UserID, r.UserName, r.IP,
		r.ClientName, r.ClientVersion, r.DeviceID, r.DeviceName)
}

var playbackTable = &Table{Name: "playback_events", Age: "id", Columns: []Column{
	integer("id", Keep), integer("time", Keep), integer("server_id", Keep), text("event", Keep),
	text("play_session_id", Keep), text("item_id", Keep), text("user_id", Keep), text("ip", Keep),
	text("client_name", Keep), text("client_version", Keep), text("device_id", Keep),
	text("device_name", Keep), integer("position_ticks", Keep), boolean("is_paused", Keep),
}}

func (r *PlaybackEvent) values(dst []any) []any {
	return append(dst, r.ID, int64(r.Time), r.ServerID, r.Event, r.PlaySessionID, r.ItemID, r.UserID, r.IP,
		r.ClientName, r.ClientVersion, r.DeviceID, r.DeviceName, r.PositionTicks, r.IsPaused)
}
