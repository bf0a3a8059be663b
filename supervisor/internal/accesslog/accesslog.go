// Package accesslog reads the lines of the spool's two logs: what nginx writes of each request, and the
// records of what running transfers have sent so far. Both hold the same members, which are the contract's
// names, so that a line is reported as it stands.
//
// Lines come from a disk that may have been full, and from nginx while it was killed: any bytes may come, and
// what is no entry is an error, never a panic.
package accesslog

import (
	"errors"
	"fmt"
	"math"

	"github.com/valyala/fastjson"
)

// Entry is one line. Texts are "" where the line has none; they belong to the Parser and are valid until it
// parses the next line.
type Entry struct {
	Timestamp   float64 // Unix seconds
	RequestID   []byte  // 32 hex digits
	IP          []byte
	Method      []byte
	Status      int
	BytesSent   int64   // headers and body, of the whole request
	Accounted   int64   // of those: reported before in records of the usage log
	RequestTime float64 // seconds

	UpstreamTime   []byte // nginx's $upstream_response_time: "0.002", "", "-", "0.001, 0.002 : 0.1"
	UpstreamStatus []byte // nginx's $upstream_status, alike

	ServerName []byte
	Scope      []byte // the media server
	Profile    []byte

	ClientName    []byte
	ClientVersion []byte
	DeviceID      []byte
	DeviceName    []byte
	Kind          []byte // how the client said who it is: header, query, user agent
	UserID        []byte // of the token, never what the client claims
	TokenHash     []byte // SHA-256, hex
	UserAgent     []byte
	URI           []byte // normalised path, no query

	PlaySessionID []byte
	ItemID        []byte

	Verdict []byte // allow, reject, throttle or warn
	Reason  []byte
	Rule    []byte

	Playback Playback
	Login    Login

	// Of usage records only.
	Bytes int64  // sent since the record before
	Epoch []byte // one nginx process's count of records
	Seq   int64  // number in it, from 1
}

// Playback is what a player reports of a playback.
type Playback struct {
	Event         []byte // start, progress or stop; "" where the request is no report
	PositionTicks int64  // of 100 ns
	IsPaused      bool
}

// Login is what became of a login.
type Login struct {
	Present  bool // the request was one
	Success  bool
	UserID   []byte
	UserName []byte
}

// Parser reads lines one after the other, with memory that it uses again. It is for one goroutine.
type Parser struct {
	line  []byte // a copy: texts of the entry lie in it
	json  fastjson.Parser
	entry *Entry
	err   error
	visit func(key []byte, v *fastjson.Value) // p.member, made once
}

// ErrNoEntry is what a line's error wraps: it is cut off, or garbage.
var ErrNoEntry = errors.New("no log entry")

// Parse reads a line into e, whatever was in it before. Members that it does not know are left alone.
func (p *Parser) Parse(line []byte, e *Entry) error {
	p.line = append(p.line[:0], line...)
	if p.parseFlat(e) {
		return p.checked(e)
	}
	*e = Entry{}
	v, err := p.json.ParseBytes(line)
	if err != nil {
		return fmt.Errorf("%w: of %d bytes", ErrNoEntry, len(line)) // its text would repeat the line's
	}
	o, err := v.Object()
	if err != nil {
		return fmt.Errorf("%w: no object", ErrNoEntry)
	}
	if p.visit == nil {
		p.visit = p.member
	}
	p.entry, p.err = e, nil
	o.Visit(p.visit)
	p.entry = nil
	if p.err != nil {
		return fmt.Errorf("%w: %w", ErrNoEntry, p.err)
	}
	return p.checked(e)
}

func (p *Parser) checked(e *Entry) error {
	if e.Timestamp <= 0 {
		return fmt.Errorf("%w: it has no timestamp", ErrNoEntry)
	}
	return nil
}

// member takes one member into the entry.
func (p *Parser) member(key []byte, v *fastjson.Value) {
	e := p.entry
	switch string(key) {
	case "timestamp":
		p.number(&e.Timestamp, v)
	case "request_id":
		p.text(&e.RequestID, v)
	case "ip":
		p.text(&e.IP, v)
	case "method":
		p.text(&e.Method, v)
	case "status":
		var status int64
		p.count(&status, v)
		e.Status = int(status)
	case "bytes_sent":
		p.count(&e.BytesSent, v)
	case "accounted":
		p.count(&e.Accounted, v)
	case "request_time":
		p.number(&e.RequestTime, v)
	case "upstream_time":
		p.text(&e.UpstreamTime, v)
	case "upstream_status":
		p.text(&e.UpstreamStatus, v)
	case "server_name":
		p.text(&e.ServerName, v)
	case "scope":
		p.text(&e.Scope, v)
	case "profile":
		p.text(&e.Profile, v)
	case "uri":
		p.text(&e.URI, v)
	case "play_session_id":
		p.text(&e.PlaySessionID, v)
	case "item_id":
		p.text(&e.ItemID, v)
	case "verdict":
		p.text(&e.Verdict, v)
	case "reason":
		p.text(&e.Reason, v)
	case "rule":
		p.text(&e.Rule, v)
	case "bytes":
		p.count(&e.Bytes, v)
	case "epoch":
		p.text(&e.Epoch, v)
	case "seq":
		p.count(&e.Seq, v)
	default:
		p.caller(key, v)
	}
}

// caller takes members that say who asked, and what the request itself said.
func (p *Parser) caller(key []byte, v *fastjson.Value) {
	e := p.entry
	switch string(key) {
	case "client_name":
		p.text(&e.ClientName, v)
	case "client_version":
		p.text(&e.ClientVersion, v)
	case "device_id":
		p.text(&e.DeviceID, v)
	case "device_name":
		p.text(&e.DeviceName, v)
	case "kind":
		p.text(&e.Kind, v)
	case "user_id":
		p.text(&e.UserID, v)
	case "token_hash":
		p.text(&e.TokenHash, v)
	case "user_agent":
		p.text(&e.UserAgent, v)
	case "playback":
		p.text(&e.Playback.Event, v.Get("event"))
		p.count(&e.Playback.PositionTicks, v.Get("position_ticks"))
		e.Playback.IsPaused = v.GetBool("is_paused")
	case "login":
		e.Login.Present = v.Type() == fastjson.TypeObject
		e.Login.Success = v.GetBool("success")
		p.text(&e.Login.UserID, v.Get("user_id"))
		p.text(&e.Login.UserName, v.Get("user_name"))
	}
}

// text takes a string; null and no value at all are "".
func (p *Parser) text(to *[]byte, v *fastjson.Value) {
	if v == nil || v.Type() == fastjson.TypeNull {
		return
	}
	b, err := v.StringBytes()
	p.note(err)
	*to = b
}

// count takes a whole number that is not negative.
func (p *Parser) count(to *int64, v *fastjson.Value) {
	if v == nil || v.Type() == fastjson.TypeNull {
		return
	}
	n, err := v.Int64()
	p.note(err)
	if n < 0 {
		p.note(errors.New("a negative count"))
		return
	}
	*to = n
}

func (p *Parser) number(to *float64, v *fastjson.Value) {
	n, err := v.Float64()
	p.note(err)
	if n < 0 || math.IsNaN(n) || math.IsInf(n, 0) {
		p.note(errors.New("no number that time has"))
		return
	}
	*to = n
}

// note keeps the first error.
func (p *Parser) note(err error) {
	if p.err == nil {
		p.err = err
	}
}
