package api

// RealtimeHeartbeat is the body of POST /telemetry/realtime/heartbeat: all sessions that are live on the slave,
// as agents of every age report them. What is missing has ended.
type RealtimeHeartbeat struct {
	Sessions []RealtimeSession `json:"sessions"`
}

// RealtimeSession is one of them. The names are the older agents'; the fields that they do not know come last.
type RealtimeSession struct {
	SessionID  string  `json:"session_id"` // the play session's
	UserID     string  `json:"emby_user_id"`
	DeviceID   string  `json:"device_id"`
	DeviceName string  `json:"device_name"`
	ClientName string  `json:"client_name"`
	ClientIP   string  `json:"client_ip"`
	IsPlaying  bool    `json:"is_playing"`
	IsPaused   bool    `json:"is_paused"`
	StartedAt  float64 `json:"started_at"` // Unix seconds

	Scope         string `json:"scope,omitempty"` // the media server
	PlaySessionID string `json:"play_session_id,omitempty"`
	ItemID        string `json:"item_id,omitempty"`
	Bytes         int64  `json:"bytes,omitempty"` // sent so far
}
