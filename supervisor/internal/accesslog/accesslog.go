// Package accesslog reads the lines of the spool's two logs: what nginx writes of each request, and the
// records of what running transfers have sent so far. Both hold the same members, which are the contract's
// names, so that a line is reported as it stands.
//
// Lines come from a disk that may have been full, and from nginx while it was killed: any bytes may come, and
// what is no entry is an error, never a panic.
package accesslog

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/valyala/fastjson"
)

// Entry is one line. Texts are "" where the line has none. They lie in the line, or in the Parser where the line
// has them with escapes, and are valid until either is used again. Nobody changes them: others read them too.
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

// Parser reads lines. It is for one goroutine.
type Parser struct {
	form   form              // of the flat line before
	others []fastjson.Parser // of the lines that are not flat, and their texts; the first used ones are in use
	used   int

	entry *Entry
	err   error
	visit func(key []byte, v *fastjson.Value) // p.member, made once
}

// ErrNoEntry is what a line's error wraps: it is cut off, or garbage.
var ErrNoEntry = errors.New("no log entry")

// Parse reads a line into e, whatever was in it before. Members that it does not know are left alone. A line
// that is an entry may stand in a larger JSON document as it is.
func (p *Parser) Parse(line []byte, e *Entry) error {
	control, escape := characters(line)
	if control {
		return fmt.Errorf("%w: it has control characters", ErrNoEntry)
	}
	if escape || !p.parseFlat(line, e) {
		if err := p.parseAny(line, e); err != nil {
			return err
		}
	}
	if e.Timestamp <= 0 {
		return fmt.Errorf("%w: it has no timestamp", ErrNoEntry)
	}
	return nil
}

// Reset lets go of all entries: the memory of their texts is used again.
func (p *Parser) Reset() { p.used = 0 }

// parseAny reads an object of any form.
func (p *Parser) parseAny(line []byte, e *Entry) error {
	*e = Entry{}
	if !json.Valid(line) { // the parser takes more, and fastjson's own check hangs on deep nesting
		return fmt.Errorf("%w: of %d bytes", ErrNoEntry, len(line))
	}
	if p.used == len(p.others) {
		p.others = append(p.others, fastjson.Parser{})
	}
	v, err := p.others[p.used].ParseBytes(line)
	if err != nil { // whose text would repeat the line's
		return fmt.Errorf("%w: of %d bytes", ErrNoEntry, len(line))
	}
	o, err := v.Object()
	if err != nil {
		return fmt.Errorf("%w: no object", ErrNoEntry)
	}
	p.used++
	if p.visit == nil {
		p.visit = p.member
	}
	p.entry, p.err = e, nil
	o.Visit(p.visit)
	p.entry = nil
	if p.err != nil {
		return fmt.Errorf("%w: %w", ErrNoEntry, p.err)
	}
	return nil
}

// member takes one member into the entry.
func (p *Parser) member(key []byte, v *fastjson.Value) {
	e := p.entry
	switch f := fields[string(key)]; f {
	case unknown:
	case timestamp:
		p.number(&e.Timestamp, v)
	case requestTime:
		p.number(&e.RequestTime, v)
	case status:
		var code int64
		p.count(&code, v)
		e.Status = int(code)
	case bytesSent:
		p.count(&e.BytesSent, v)
	case accounted:
		p.count(&e.Accounted, v)
	case sent:
		p.count(&e.Bytes, v)
	case seq:
		p.count(&e.Seq, v)
	case playback:
		p.text(&e.Playback.Event, v.Get("event"))
		p.count(&e.Playback.PositionTicks, v.Get("position_ticks"))
		e.Playback.IsPaused = v.GetBool("is_paused")
	case login:
		e.Login.Present = v.Type() == fastjson.TypeObject
		e.Login.Success = v.GetBool("success")
		p.text(&e.Login.UserID, v.Get("user_id"))
		p.text(&e.Login.UserName, v.Get("user_name"))
	default:
		p.text(e.text(f), v)
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
