package telemetry

// PlaybackSession is a play session on a device, from its first to its last sign.
type PlaybackSession struct {
	ID            int64  `bun:"id,pk" json:"id,string"`
	ServerID      int64  `bun:"server_id" json:"server_id"`
	PlaySessionID string `bun:"play_session_id" json:"play_session_id"`
	DeviceID      string `bun:"device_id" json:"device_id"`
	StartedAt     Millis `bun:"started_at" json:"started_at"` // begin of its first request
	LastSeenAt    Millis `bun:"last_seen_at" json:"last_seen_at"`
	StoppedAt     Millis `bun:"stopped_at" json:"stopped_at"` // when the player reported the end; 0: it has not
	// The rest is of the latest sign that told it.
	UserID        string `bun:"user_id" json:"user_id"`
	ItemID        string `bun:"item_id" json:"item_id"`
	IP            string `bun:"ip" json:"ip"`
	ClientName    string `bun:"client_name" json:"client_name"`
	ClientVersion string `bun:"client_version" json:"client_version"`
	DeviceName    string `bun:"device_name" json:"device_name"`
	Requests      int64  `bun:"requests" json:"requests"`
	Bytes         int64  `bun:"bytes" json:"bytes"`
	PositionTicks int64  `bun:"position_ticks" json:"position_ticks"` // highest reported, of 100 ns
}

// Device is a device that made requests; what it is called and whose it is, is of its latest request that
// told it.
type Device struct {
	ServerID      int64  `bun:"server_id,pk" json:"server_id"`
	DeviceID      string `bun:"device_id,pk" json:"device_id"`
	FirstSeenAt   Millis `bun:"first_seen_at" json:"first_seen_at"`
	LastSeenAt    Millis `bun:"last_seen_at" json:"last_seen_at"`
	UserID        string `bun:"user_id" json:"user_id"`
	IP            string `bun:"ip" json:"ip"`
	ClientName    string `bun:"client_name" json:"client_name"`
	ClientVersion string `bun:"client_version" json:"client_version"`
	DeviceName    string `bun:"device_name" json:"device_name"`
	Requests      int64  `bun:"requests" json:"requests"`
}

// UserActivity is what a user did on a UTC day.
type UserActivity struct {
	Day         Millis `bun:"day,pk" json:"day"`
	ServerID    int64  `bun:"server_id,pk" json:"server_id"`
	UserID      string `bun:"user_id,pk" json:"user_id"`
	FirstSeenAt Millis `bun:"first_seen_at" json:"first_seen_at"`
	LastSeenAt  Millis `bun:"last_seen_at" json:"last_seen_at"`
	Requests    int64  `bun:"requests" json:"requests"`
	Refused     int64  `bun:"refused" json:"refused"`
	Bytes       int64  `bun:"bytes" json:"bytes"`
}

// RealtimeSession is a session that a slave named in its last list.
type RealtimeSession struct {
	ReporterID    int64  `bun:"reporter_id,pk" json:"-"` // server of the token that reported it
	ServerID      int64  `bun:"server_id,pk" json:"server_id"`
	SessionID     string `bun:"session_id,pk" json:"session_id"`
	ReportedAt    Millis `bun:"reported_at" json:"reported_at"` // when that list came
	PlaySessionID string `bun:"play_session_id" json:"play_session_id"`
	UserID        string `bun:"user_id" json:"user_id"`
	ItemID        string `bun:"item_id" json:"item_id"`
	IP            string `bun:"ip" json:"ip"`
	ClientName    string `bun:"client_name" json:"client_name"`
	DeviceID      string `bun:"device_id" json:"device_id"`
	DeviceName    string `bun:"device_name" json:"device_name"`
	IsPlaying     bool   `bun:"is_playing" json:"is_playing"`
	IsPaused      bool   `bun:"is_paused" json:"is_paused"`
	StartedAt     Millis `bun:"started_at" json:"started_at"`
	Bytes         int64  `bun:"bytes" json:"bytes"`
}

// APICall sums up the requests to one endpoint of the media server in an hour; refused ones are no errors.
type APICall struct {
	Hour          Millis `bun:"hour,pk" json:"hour"`
	ServerID      int64  `bun:"server_id,pk" json:"server_id"`
	Method        string `bun:"method,pk" json:"method"`
	Endpoint      string `bun:"endpoint,pk" json:"endpoint"` // as in /items/{id}/playbackinfo
	Requests      int64  `bun:"requests" json:"requests"`
	Refused       int64  `bun:"refused" json:"refused"`
	Errors4xx     int64  `bun:"errors_4xx" json:"errors_4xx"`
	Errors5xx     int64  `bun:"errors_5xx" json:"errors_5xx"`
	Bytes         int64  `bun:"bytes" json:"bytes"`
	RequestTimeUS int64  `bun:"request_time_us" json:"request_time_us"` // sum
}

// Bandwidth is what one user on one device sent for from one address in an hour. There is a row even when
// no byte flowed, so it also tells who was seen where.
type Bandwidth struct {
	Hour     Millis `bun:"hour,pk" json:"hour"`
	ServerID int64  `bun:"server_id,pk" json:"server_id"`
	UserID   string `bun:"user_id,pk" json:"user_id"`
	DeviceID string `bun:"device_id,pk" json:"device_id"`
	IP       string `bun:"ip,pk" json:"ip"`
	Requests int64  `bun:"requests" json:"requests"`
	Bytes    int64  `bun:"bytes" json:"bytes"`
}

// Seat is where one user's device was on a UTC day. Only users that are known have any. It is what Bandwidth
// says too, in a tenth of the rows: signs of shared accounts are looked for in a month of it.
type Seat struct {
	Day      Millis
	ServerID int64
	UserID   string
	DeviceID string
	IP       string
	Hours    int64 // bit h: seen in the hour h of the day
}

// MediaAccess is what a user fetched of an item on a UTC day.
type MediaAccess struct {
	Day           Millis `bun:"day,pk" json:"day"`
	ServerID      int64  `bun:"server_id,pk" json:"server_id"`
	UserID        string `bun:"user_id,pk" json:"user_id"`
	ItemID        string `bun:"item_id,pk" json:"item_id"`
	FirstAccessAt Millis `bun:"first_access_at" json:"first_access_at"`
	LastAccessAt  Millis `bun:"last_access_at" json:"last_access_at"`
	Requests      int64  `bun:"requests" json:"requests"`
	Bytes         int64  `bun:"bytes" json:"bytes"`
	Plays         int64  `bun:"plays" json:"plays"` // starts that players reported
}
