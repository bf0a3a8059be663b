package api

// CheckIn is the body of POST /sessions/checkin: a playback wants to start on a slave.
type CheckIn struct {
	ServerID      string `json:"server_id,omitempty"` // the media server; "" from older agents
	PlaySessionID string `json:"play_session_id"`
	UserID        string `json:"user_id"`
	DeviceID      string `json:"device_id"`
	DeviceName    string `json:"device_name"`
	ItemID        string `json:"item_id"`
	ClientName    string `json:"client_name"`
	ClientIP      string `json:"client_ip"`

	// The limit that the slave's rules set for the user; 0: none.
	MaxStreams     int    `json:"max_streams,omitempty"`
	ActionOnExceed string `json:"action_on_exceed,omitempty"` // reject or kick_oldest
}

// CheckInAnswer says whether it may, counted over all slaves.
type CheckInAnswer struct {
	Allowed     bool     `json:"allowed"`
	ActiveCount int      `json:"active_count"`
	MaxAllowed  int      `json:"max_allowed"`
	Kick        []string `json:"kick"` // play session ids that have to make room
	Reason      string   `json:"reason,omitempty"`
}
