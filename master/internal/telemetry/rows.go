package telemetry

// AccessLog is one request, as nginx logged it when it had ended. Texts that are not known are "".
type AccessLog struct {
	ID             int64  `bun:"id,pk" json:"id,string"`
	Time           Millis `bun:"time" json:"time"` // of the request's end
	ServerID       int64  `bun:"server_id" json:"server_id"`
	RequestID      string `bun:"request_id" json:"request_id"`
	IP             string `bun:"ip" json:"ip"`
	Method         string `bun:"method" json:"method"`
	URI            string `bun:"uri" json:"uri"` // the path, without its query
	Status         int64  `bun:"status" json:"status"`
	BytesSent      int64  `bun:"bytes_sent" json:"bytes_sent"`
	Accounted      int64  `bun:"accounted" json:"accounted"` // of BytesSent, what usage records had reported before
	RequestTimeUS  int64  `bun:"request_time_us" json:"request_time_us"`
	UpstreamTimeUS int64  `bun:"upstream_time_us" json:"upstream_time_us"` // over all tries
	UpstreamStatus int64  `bun:"upstream_status" json:"upstream_status"`   // of the last try; 0: the media server was not asked
	Streaming      bool   `bun:"streaming" json:"streaming"`               // a stream or a websocket: its time is no latency
	ServerName     string `bun:"server_name" json:"server_name"`
	Profile        string `bun:"profile" json:"profile"`
	ClientName     string `bun:"client_name" json:"client_name"`
	ClientVersion  string `bun:"client_version" json:"client_version"`
	ClientKind     string `bun:"client_kind" json:"client_kind"` // how the client named itself: header, query, user agent
	DeviceID       string `bun:"device_id" json:"device_id"`
	DeviceName     string `bun:"device_name" json:"device_name"`
	UserID         string `bun:"user_id" json:"user_id"`
	TokenHash      string `bun:"token_hash" json:"token_hash"` // hex SHA-256
	UserAgent      string `bun:"user_agent" json:"user_agent"`
	PlaySessionID  string `bun:"play_session_id" json:"play_session_id"`
	ItemID         string `bun:"item_id" json:"item_id"`
	Verdict        string `bun:"verdict" json:"verdict"` // allow, reject, throttle, warn; "": from an agent that sends none
	Reason         string `bun:"reason" json:"reason"`   // the reason code of a verdict
	Rule           string `bun:"rule" json:"rule"`       // and the rule that led to it
}

// VerdictReject is the verdict on a request that was refused.
const VerdictReject = "reject"

// Latency reports whether the request counts in latency histograms: it was neither refused nor one whose
// time is that of a player.
func (r *AccessLog) Latency() bool { return !r.Streaming && r.Verdict != VerdictReject }

// BlockedRequest is a request that was refused.
type BlockedRequest struct {
	ID            int64  `bun:"id,pk" json:"id,string"`
	Time          Millis `bun:"time" json:"time"`
	ServerID      int64  `bun:"server_id" json:"server_id"`
	RequestID     string `bun:"request_id" json:"request_id"` // what the player was told in X-Request-Id; "" from older agents
	IP            string `bun:"ip" json:"ip"`
	Method        string `bun:"method" json:"method"`
	URI           string `bun:"uri" json:"uri"`
	Status        int64  `bun:"status" json:"status"`
	Reason        string `bun:"reason" json:"reason"`
	Rule          string `bun:"rule" json:"rule"`
	ServerName    string `bun:"server_name" json:"server_name"`
	Profile       string `bun:"profile" json:"profile"`
	ClientName    string `bun:"client_name" json:"client_name"`
	ClientVersion string `bun:"client_version" json:"client_version"`
	ClientKind    string `bun:"client_kind" json:"client_kind"`
	DeviceID      string `bun:"device_id" json:"device_id"`
	DeviceName    string `bun:"device_name" json:"device_name"`
	UserID        string `bun:"user_id" json:"user_id"`
	UserAgent     string `bun:"user_agent" json:"user_agent"`
}

// LoginEvent is a login that a media server answered.
type LoginEvent struct {
	ID            int64  `bun:"id,pk" json:"id,string"`
	Time          Millis `bun:"time" json:"time"`
	ServerID      int64  `bun:"server_id" json:"server_id"`
	Event         string `bun:"event" json:"event"` // login, or what an older agent calls it
	Success       bool   `bun:"success" json:"success"`
	UserID        string `bun:"user_id" json:"user_id"`
	UserName      string `bun:"user_name" json:"user_name"`
	IP            string `bun:"ip" json:"ip"`
	ClientName    string `bun:"client_name" json:"client_name"`
	ClientVersion string `bun:"client_version" json:"client_version"`
	DeviceID      string `bun:"device_id" json:"device_id"`
	DeviceName    string `bun:"device_name" json:"device_name"`
}

// PlaybackEvent is what a player reported of a playback.
type PlaybackEvent struct {
	ID            int64  `bun:"id,pk" json:"id,string"`
	Time          Millis `bun:"time" json:"time"`
	ServerID      int64  `bun:"server_id" json:"server_id"`
	Event         string `bun:"event" json:"event"` // start, progress or stop
	PlaySessionID string `bun:"play_session_id" json:"play_session_id"`
	ItemID        string `bun:"item_id" json:"item_id"`
	UserID        string `bun:"user_id" json:"user_id"`
	IP            string `bun:"ip" json:"ip"`
	ClientName    string `bun:"client_name" json:"client_name"`
	ClientVersion string `bun:"client_version" json:"client_version"`
	DeviceID      string `bun:"device_id" json:"device_id"`
	DeviceName    string `bun:"device_name" json:"device_name"`
	PositionTicks int64  `bun:"position_ticks" json:"position_ticks"` // of 100 ns
	IsPaused      bool   `bun:"is_paused" json:"is_paused"`
}

// The playback events.
const (
	PlaybackStart    = "start"
	PlaybackProgress = "progress"
	PlaybackStop     = "stop"
)
