package accesslog

// field is a member that an Entry has a place for.
type field uint8

const (
	unknown field = iota

	// Texts.
	requestID
	ip
	method
	upstreamTime
	upstreamStatus
	serverName
	scope
	profile
	clientName
	clientVersion
	deviceID
	deviceName
	kind
	userID
	tokenHash
	userAgent
	uri
	playSessionID
	itemID
	verdict
	reason
	rule
	epoch

	// Numbers.
	timestamp
	requestTime
	status
	bytesSent
	accounted
	sent
	seq

	// Objects.
	playback
	login
)

// fields are the members by their names.
var fields = map[string]field{
	"request_id": requestID, "ip": ip, "method": method, "upstream_time": upstreamTime, "upstream_status": upstreamStatus,
	"server_name": serverName, "scope": scope, "profile": profile, "client_name": clientName, "client_version": clientVersion,
	"device_id": deviceID, "device_name": deviceName, "kind": kind, "user_id": userID, "token_hash": tokenHash,
	"user_agent": userAgent, "uri": uri, "play_session_id": playSessionID, "item_id": itemID, "verdict": verdict, "reason": reason,
	"rule": rule, "epoch": epoch,
	"timestamp": timestamp, "request_time": requestTime, "status": status, "bytes_sent": bytesSent, "accounted": accounted,
	"bytes": sent, "seq": seq,
	"playback": playback, "login": login,
}

func (f field) isText() bool { return requestID <= f && f <= epoch }

func (f field) isNumber() bool { return timestamp <= f && f <= seq }

// text returns the place of a text.
func (e *Entry) text(f field) *[]byte {
	switch f {
	case requestID:
		return &e.RequestID
	case ip:
		return &e.IP
	case method:
		return &e.Method
	case upstreamTime:
		return &e.UpstreamTime
	case upstreamStatus:
		return &e.UpstreamStatus
	case serverName:
		return &e.ServerName
	case scope:
		return &e.Scope
	case profile:
		return &e.Profile
	case clientName:
		return &e.ClientName
	case clientVersion:
		return &e.ClientVersion
	case deviceID:
		return &e.DeviceID
	case deviceName:
		return &e.DeviceName
	case kind:
		return &e.Kind
	case userID:
		return &e.UserID
	case tokenHash:
		return &e.TokenHash
	case userAgent:
		return &e.UserAgent
	case uri:
		return &e.URI
	case playSessionID:
		return &e.PlaySessionID
	case itemID:
		return &e.ItemID
	case verdict:
		return &e.Verdict
	case reason:
		return &e.Reason
	case rule:
		return &e.Rule
	case epoch:
		return &e.Epoch
	}
	panic("accesslog: no text")
}

// setNumber takes digits, perhaps with a fraction; false: they are not what the member holds.
func (e *Entry) setNumber(f field, digits []byte) (ok bool) {
	switch f {
	case timestamp:
		e.Timestamp, ok = seconds(digits)
	case requestTime:
		e.RequestTime, ok = seconds(digits)
	case status:
		var code int64
		code, ok = whole(digits)
		e.Status = int(code)
	case bytesSent:
		e.BytesSent, ok = whole(digits)
	case accounted:
		e.Accounted, ok = whole(digits)
	case sent:
		e.Bytes, ok = whole(digits)
	case seq:
		e.Seq, ok = whole(digits)
	}
	return ok
}
