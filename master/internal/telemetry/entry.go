package telemetry

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/valyala/fastjson"
)

// entry is one member of a batch as it was sent: what any kind of report may say, under all the names that
// slaves of all ages have for it.
type entry struct {
	AccessLog

	bytes         int64 // of a usage record, or of a sum
	requests      int64 // of a sum
	errors        int64
	usage         bool // a usage record: it has a number
	event         string
	userName      string
	positionTicks int64
	isPlaying     bool
	isPaused      bool
	playback      bool // has a playback report
	login         bool // has a login's outcome
	success       bool
	loginUserID   string
	sessionID     string
	startedAt     Millis
	endpoint      string
}

// Longest texts that are kept, in bytes; the rest is cut off.
const (
	maxURI  = 1024
	maxText = 256
	maxID   = 128
)

// reader turns JSON objects into entries.
type reader struct {
	e       entry
	texts   []byte // of all entries so far
	nested  bool   // within "playback" or "login"
	address func(string) string
	visit   func(key []byte, v *fastjson.Value) // r.member, made once
}

// read fills r.e from an object.
func (r *reader) read(o *fastjson.Object) {
	r.e = entry{}
	o.Visit(r.visit)
}

// member takes one member of an object. What has another type than it should is as good as absent.
func (r *reader) member(key []byte, v *fastjson.Value) {
	e := &r.e
	switch string(key) {
	case "timestamp", "ts", "time":
		e.Time = timeOf(v)
	case "request_id":
		e.RequestID = r.text(v, maxID)
	case "ip", "client_ip":
		e.IP = r.text(v, 64)
		if r.address != nil {
			e.IP = r.address(e.IP)
		}
	case "method":
		e.Method = r.text(v, 16)
	case "uri", "path":
		e.URI = pathOf(r.text(v, maxURI))
	case "status":
		e.Status = intOf(v)
	case "bytes_sent":
		e.BytesSent = max(0, intOf(v))
	case "accounted":
		e.Accounted = max(0, intOf(v))
	case "request_time":
		e.RequestTimeUS = max(0, int64(math.Round(floatOf(v)*1e6)))
	case "upstream_time":
		e.UpstreamTimeUS = upstreamTime(v)
	case "upstream_status":
		e.UpstreamStatus = lastStatus(v)
	case "server_name":
		e.ServerName = r.text(v, maxText)
	case "scope":
		e.ServerID = intOf(v) // see Batch.place
	case "profile":
		e.Profile = r.text(v, maxID)
	case "client_name", "client":
		e.ClientName = r.text(v, maxID)
	case "client_version":
		e.ClientVersion = r.text(v, maxID)
	case "kind":
		e.ClientKind = r.text(v, 16)
	case "device_id":
		e.DeviceID = r.text(v, maxText)
	case "device_name":
		e.DeviceName = r.text(v, maxText)
	case "user_id", "emby_user_id":
		if r.nested {
			e.loginUserID = plainID(r.text(v, maxID))
		} else {
			e.UserID = plainID(r.text(v, maxID))
		}
	case "user_name", "emby_username", "emby_user_name", "username":
		e.userName = r.text(v, maxText)
	case "token_hash":
		e.TokenHash = r.text(v, 64)
	case "token":
		if token := v.GetStringBytes(); len(token) > 0 { // only agents in the field send it
			sum := sha256.Sum256(token)
			e.TokenHash = hex.EncodeToString(sum[:])
		}
	case "user_agent":
		e.UserAgent = r.text(v, 512)
	case "play_session_id":
		e.PlaySessionID = r.text(v, maxText)
	case "item_id":
		e.ItemID = plainID(r.text(v, maxText))
	case "verdict":
		e.Verdict = r.text(v, 16)
	case "reason":
		e.Reason = r.text(v, maxID)
	case "rule":
		e.Rule = r.text(v, maxID)
	case "seq":
		e.usage = true
	case "bytes", "bandwidth_bytes":
		e.bytes = max(0, intOf(v))
	case "requests", "request_count", "count", "calls":
		e.requests = max(0, intOf(v))
	case "errors", "error_count":
		e.errors = max(0, intOf(v))
	case "event", "event_type":
		e.event = r.text(v, 32)
	case "success":
		e.success = boolOf(v)
	case "position_ticks":
		e.positionTicks = max(0, intOf(v))
	case "is_paused":
		e.isPaused = boolOf(v)
	case "is_playing":
		e.isPlaying = boolOf(v)
	case "session_id":
		e.sessionID = r.text(v, maxText)
	case "started_at":
		e.startedAt = timeOf(v)
	case "endpoint":
		e.endpoint = r.text(v, maxText)
	case "playback":
		e.playback = r.inner(v)
	case "login":
		e.login = r.inner(v)
	}
}

// inner takes the members of an object within the entry.
func (r *reader) inner(v *fastjson.Value) bool {
	o, err := v.Object()
	if err != nil || r.nested {
		return false
	}
	r.nested = true
	o.Visit(r.visit)
	r.nested = false
	return true
}

// text returns a text without what PostgreSQL cannot hold: NUL and invalid UTF-8. It lies in r.texts.
func (r *reader) text(v *fastjson.Value, limit int) string {
	at := len(r.texts)
	switch v.Type() {
	case fastjson.TypeString:
		r.texts = append(r.texts, v.GetStringBytes()...)
	case fastjson.TypeNumber:
		r.texts = v.MarshalTo(r.texts)
	default:
		return ""
	}
	b := r.texts[at:]
	s := unsafe.String(unsafe.SliceData(b), len(b))
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "")
	} else if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	return s
}

// floatOf reads a number that may be sent as text; NaN and what is none are 0.
func floatOf(v *fastjson.Value) float64 {
	var f float64
	switch v.Type() {
	case fastjson.TypeNumber:
		f = v.GetFloat64()
	case fastjson.TypeString:
		f, _ = strconv.ParseFloat(strings.TrimSpace(string(v.GetStringBytes())), 64)
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return f
}

// intOf reads a whole number that may be sent as text, or with a fraction or an exponent.
func intOf(v *fastjson.Value) int64 {
	if v.Type() == fastjson.TypeNumber {
		if n, err := v.Int64(); err == nil {
			return n
		}
	}
	f := floatOf(v)
	if math.Abs(f) > 1<<62 {
		return 0
	}
	return int64(f)
}

// boolOf reads a truth that may be sent as a number or text.
func boolOf(v *fastjson.Value) bool {
	switch v.Type() {
	case fastjson.TypeTrue:
		return true
	case fastjson.TypeNumber:
		return v.GetFloat64() != 0
	case fastjson.TypeString:
		b, _ := strconv.ParseBool(string(v.GetStringBytes()))
		return b
	}
	return false
}

// timeOf reads Unix seconds, with a fraction, or RFC 3339 text; 0 when it is neither.
func timeOf(v *fastjson.Value) Millis {
	if seconds := floatOf(v); seconds != 0 {
		return Millis(math.Round(min(max(seconds, -1e12), 1e12) * 1000))
	}
	if v.Type() == fastjson.TypeString {
		if t, err := time.Parse(time.RFC3339, string(v.GetStringBytes())); err == nil {
			return MillisOf(t)
		}
	}
	return 0
}

// upstreamTime adds up $upstream_response_time: as in "0.001, 0.002 : 0.1", with - for a try that got no
// answer. In microseconds.
func upstreamTime(v *fastjson.Value) int64 {
	if v.Type() != fastjson.TypeString {
		return max(0, int64(math.Round(floatOf(v)*1e6)))
	}
	var sum float64
	text := v.GetStringBytes()
	for at := 0; at < len(text); {
		end := at
		for end < len(text) && (text[end] == '.' || '0' <= text[end] && text[end] <= '9') {
			end++
		}
		if end > at {
			f, _ := strconv.ParseFloat(unsafe.String(&text[at], end-at), 64)
			sum += f
		}
		at = end + 1
	}
	return int64(math.Round(min(sum, 1e9) * 1e6))
}

// lastStatus returns the last of $upstream_status, as in "502, 200"; 0 for none.
func lastStatus(v *fastjson.Value) int64 {
	if v.Type() != fastjson.TypeString {
		return intOf(v)
	}
	text := v.GetStringBytes()
	var status, n int64
	for _, c := range text {
		if c < '0' || c > '9' {
			n = 0
			continue
		}
		n = min(n*10+int64(c-'0'), 999)
		status = n
	}
	return status
}

// pathOf cuts off the query of a URI: queries hold tokens.
func pathOf(uri string) string {
	path, _, _ := strings.Cut(uri, "?")
	return path
}

// plainID returns an id in the one form in which it is kept: servers take it with dashes and without, in
// any case.
func plainID(id string) string {
	for i := range len(id) {
		if c := id[i]; c == '-' || 'A' <= c && c <= 'Z' {
			return strings.ToLower(strings.ReplaceAll(id, "-", ""))
		}
	}
	return id
}
