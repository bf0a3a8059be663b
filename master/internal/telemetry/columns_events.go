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

func (r *AccessLog) values(dst []Value) []Value {
	return append(dst, num(r.ID), num(r.Time), num(r.ServerID), str(r.RequestID), str(r.IP), str(r.Method),
		str(r.URI), num(r.Status), num(r.BytesSent), num(r.Accounted), num(r.RequestTimeUS),
		num(r.UpstreamTimeUS), num(r.UpstreamStatus), flag(r.Streaming), str(r.ServerName), str(r.Profile),
		str(r.ClientName), str(r.ClientVersion), str(r.ClientKind), str(r.DeviceID), str(r.DeviceName),
		str(r.UserID), str(r.TokenHash), str(r.UserAgent), str(r.PlaySessionID), str(r.ItemID),
		str(r.Verdict), str(r.Reason), str(r.Rule))
}

var blockedTable = &Table{Name: "blocked_requests", Age: "id", Columns: []Column{
	integer("id", Keep), integer("time", Keep), integer("server_id", Keep), text("request_id", Keep),
	text("ip", Keep), text("method", Keep), text("uri", Keep), integer("status", Keep), text("reason", Keep),
	text("rule", Keep), text("server_name", Keep), text("profile", Keep), text("client_name", Keep),
	text("client_version", Keep), text("client_kind", Keep), text("device_id", Keep),
	text("device_name", Keep), text("user_id", Keep), text("user_agent", Keep),
}}

func (r *BlockedRequest) values(dst []Value) []Value {
	return append(dst, num(r.ID), num(r.Time), num(r.ServerID), str(r.RequestID), str(r.IP), str(r.Method),
		str(r.URI), num(r.Status), str(r.Reason), str(r.Rule), str(r.ServerName), str(r.Profile),
		str(r.ClientName), str(r.ClientVersion), str(r.ClientKind), str(r.DeviceID), str(r.DeviceName),
		str(r.UserID), str(r.UserAgent))
}

var loginTable = &Table{Name: "login_events", Age: "id", Columns: []Column{
	integer("id", Keep), integer("time", Keep), integer("server_id", Keep), text("event", Keep),
	boolean("success", Keep), text("user_id", Keep), text("user_name", Keep), text("ip", Keep),
	text("client_name", Keep), text("client_version", Keep), text("device_id", Keep),
	text("device_name", Keep),
}}

func (r *LoginEvent) values(dst []Value) []Value {
	return append(dst, num(r.ID), num(r.Time), num(r.ServerID), str(r.Event), flag(r.Success),
		str(r.UserID), str(r.UserName), str(r.IP), str(r.ClientName), str(r.ClientVersion), str(r.DeviceID),
		str(r.DeviceName))
}

var playbackTable = &Table{Name: "playback_events", Age: "id", Columns: []Column{
	integer("id", Keep), integer("time", Keep), integer("server_id", Keep), text("event", Keep),
	text("play_session_id", Keep), text("item_id", Keep), text("user_id", Keep), text("ip", Keep),
	text("client_name", Keep), text("client_version", Keep), text("device_id", Keep),
	text("device_name", Keep), integer("position_ticks", Keep), boolean("is_paused", Keep),
}}

func (r *PlaybackEvent) values(dst []Value) []Value {
	return append(dst, num(r.ID), num(r.Time), num(r.ServerID), str(r.Event), str(r.PlaySessionID),
		str(r.ItemID), str(r.UserID), str(r.IP), str(r.ClientName), str(r.ClientVersion), str(r.DeviceID),
		str(r.DeviceName), num(r.PositionTicks), flag(r.IsPaused))
}
