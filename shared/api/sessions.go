package api

import "time"

// CheckIn is the body of POST /sessions/checkin: a playback wants to start on a slave.
type CheckIn struct {
	ServerID      string `json:"server_id,omitempty"` // the media server, a slave's scope; "" from older agents
	PlaySessionID string `json:"play_session_id"`
	UserID        string `json:"user_id"` // the token's; "" when it is not known
	DeviceID      string `json:"device_id"`
	DeviceName    string `json:"device_name"`
	ItemID        string `json:"item_id"`
	ClientName    string `json:"client_name"`
	ClientIP      string `json:"client_ip"`

	// Beside says that the stream was replaced or reported stopped, and goes on: it counts beside the
	// others of its device. Without it, a new play session replaces them.
	Beside bool `json:"beside,omitempty"`

	// The limit that the slave's rules set for the user; 0: none. A master that knows the limit of this
	// media server goes by its own.
	MaxStreams     int    `json:"max_streams,omitempty"`
	ActionOnExceed string `json:"action_on_exceed,omitempty"` // reject or kick_oldest
}

// CheckInAnswer says whether it may, counted over all slaves.
type CheckInAnswer struct {
	Allowed        bool            `json:"allowed"`
	ActiveCount    int             `json:"active_count"` // of the same owner, with this one when it may
	MaxAllowed     int             `json:"max_allowed"`  // 0: no limit
	ActiveSessions []ActiveSession `json:"active_sessions"`
	Kick           []string        `json:"kick"`             // play sessions of this media server that have to make room
	Reason         string          `json:"reason,omitempty"` // of a refusal: ReasonStreamLimit or ReasonKicked
}

// Reasons of a refused check-in.
const (
	ReasonStreamLimit = "stream_limit"
	ReasonKicked      = "kicked"
)

// ActiveSession is one that counts beside the one that checks in.
type ActiveSession struct {
	PlaySessionID string    `json:"play_session_id"`
	DeviceName    string    `json:"device_name"`
	ClientName    string    `json:"client_name"`
	ItemID        string    `json:"item_id"`
	StartedAt     time.Time `json:"started_at"`
}

// LiveSession is a session as its slave knows it.
type LiveSession struct {
	ServerID      string `json:"server_id"`
	PlaySessionID string `json:"play_session_id"`
	UserID        string `json:"user_id"`
	DeviceID      string `json:"device_id"`
	DeviceName    string `json:"device_name"`
	ItemID        string `json:"item_id"`
	ClientName    string `json:"client_name"`
	ClientIP      string `json:"client_ip"`
	Bytes         Int    `json:"bytes"` // sent so far
	IsPaused      bool   `json:"is_paused"`
	IdleSeconds   Int    `json:"idle_seconds"` // since its last byte, or its check-in when it had none
}

// SessionHeartbeat is the body of POST /sessions/heartbeat: all sessions that are live on the slave. What
// the master knows of this slave and is missing has ended.
type SessionHeartbeat struct {
	Sessions []LiveSession `json:"sessions"`
}

// SessionHeartbeatAnswer names the sessions that must not go on.
type SessionHeartbeatAnswer struct {
	Kicks []Kick `json:"kicks"`
}

// SessionEnds is the body of POST /sessions/end: sessions that were reported stopped, replaced, or silent
// for too long. Of each, media server, play session, user, device and address say which it is.
type SessionEnds struct {
	Sessions []LiveSession `json:"sessions"`
}

// Kick says that a play session of one media server is to end, and is refused until a time.
type Kick struct {
	Scope         string    `json:"scope"` // the media server
	PlaySessionID string    `json:"play_session_id"`
	Until         time.Time `json:"until"`
	Reason        string    `json:"reason,omitempty"` // for people
}
