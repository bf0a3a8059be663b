package telemetry

import (
	"errors"
	"fmt"

	"github.com/valyala/fastjson"
)

// Report is what a batch reports: the last part of its endpoint's path.
type Report string

// The reports there are.
const (
	ReportAccess           Report = "access-logs"
	ReportBandwidth        Report = "bandwidth"
	ReportBlocked          Report = "blocked-requests"
	ReportLogin            Report = "login"
	ReportPlaybackStart    Report = "playback/start"
	ReportPlaybackProgress Report = "playback/progress"
	ReportPlaybackStop     Report = "playback/stop"
	ReportSessions         Report = "realtime/heartbeat"
	ReportAPICalls         Report = "api-calls"
)

// Reports lists all of them.
var Reports = []Report{
	ReportAccess, ReportBandwidth, ReportBlocked, ReportLogin, ReportPlaybackStart, ReportPlaybackProgress,
	ReportPlaybackStop, ReportSessions, ReportAPICalls,
}

// MaxRows is how many entries a batch may have.
const MaxRows = 10_000

// ErrTooLarge is a batch with more than MaxRows entries.
var ErrTooLarge = fmt.Errorf("a batch takes at most %d entries", MaxRows)

// Decode fills the batch from a body: an object with a list of entries, a list, or one entry. Entries that
// cannot be read or stored are skipped and counted; the error is about the body as a whole.
func (b *Batch) Decode(report Report, body []byte) error {
	root, err := b.parser.ParseBytes(body)
	if err != nil {
		return fmt.Errorf("the body takes JSON: %w", err)
	}
	entries, err := entriesOf(report, root)
	if err != nil {
		return err
	}
	if len(entries) > MaxRows {
		return ErrTooLarge
	}
	b.Complete = report == ReportSessions
	for _, v := range entries {
		o, err := v.Object()
		if err != nil {
			b.skip(skippedNoObject)
			continue
		}
		b.reader.read(o)
		if b.place(&b.reader.e) && b.add(report, &b.reader.e) {
			b.Accepted++
		}
	}
	return nil
}

// entriesOf returns the entries of a body. An empty list comes as {} or null from Lua.
func entriesOf(report Report, root *fastjson.Value) ([]*fastjson.Value, error) {
	if root.Type() == fastjson.TypeArray {
		return root.GetArray(), nil
	}
	o, err := root.Object()
	if err != nil {
		return nil, errors.New(`the body takes a JSON object, as in {"entries": […]}`)
	}
	for _, name := range []string{"entries", "events", "sessions", "items"} {
		switch list := o.Get(name); {
		case list == nil:
		case list.Type() == fastjson.TypeArray:
			return list.GetArray(), nil
		case list.Type() == fastjson.TypeNull, list.Type() == fastjson.TypeObject && list.GetObject().Len() == 0:
			return nil, nil
		default:
			return nil, fmt.Errorf("%s takes a list", name)
		}
	}
	if o.Len() == 0 || report == ReportSessions {
		return nil, nil
	}
	return []*fastjson.Value{root}, nil
}

// add puts an entry where the report says. It reports whether anything of it can be stored.
func (b *Batch) add(report Report, e *entry) bool {
	switch report {
	case ReportAccess:
		b.addAccess(e)
	case ReportBandwidth:
		if !e.usage && e.bytes == 0 {
			e.bytes = e.BytesSent
		}
		b.Usage = append(b.Usage, e.usageRecord())
	case ReportBlocked:
		b.Blocked = append(b.Blocked, e.blocked())
		b.older = len(b.Blocked)
	case ReportLogin:
		b.Logins = append(b.Logins, e.loginEvent())
	case ReportPlaybackStart, ReportPlaybackProgress, ReportPlaybackStop:
		e.event = string(report[len("playback/"):])
		b.Playbacks = append(b.Playbacks, e.playbackEvent())
	case ReportSessions:
		if e.sessionID == "" {
			e.sessionID = e.PlaySessionID
		}
		if e.sessionID == "" {
			b.skip(skippedNoSession)
			return false
		}
		b.Sessions = append(b.Sessions, e.session(b.Reporter, b.now))
	case ReportAPICalls:
		b.Calls = append(b.Calls, e.call())
	}
	return true
}
