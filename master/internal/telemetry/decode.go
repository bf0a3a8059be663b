package telemetry

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

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
	b.Complete = report == ReportSessions
	d := decoders.Get().(*decoder)
	defer decoders.Put(d)
	if b.decodeObjects(report, d, body) {
		return nil
	}
	b.empty()
	root, err := d.parser.ParseBytes(body)
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
	for _, v := range entries {
		b.decode(report, v)
	}
	return nil
}

// decoder is memory for decoding a body.
type decoder struct {
	parser  fastjson.Parser
	objects [][]byte
}

var decoders = sync.Pool{New: func() any { return new(decoder) }}

// decodeObjects decodes a body in the form in which our slaves send it, one object after the other: what is
// parsed of one makes room for the next, where a list of them would be several times its text. It reports
// whether the body has that form and not too many objects.
func (b *Batch) decodeObjects(report Report, d *decoder, body []byte) bool {
	defer func() { clear(d.objects) }()
	if d.objects = split(d.objects[:0], body); len(d.objects) > MaxRows {
		return false
	}
	for _, object := range d.objects {
		v, err := d.parser.ParseBytes(object)
		if err != nil {
			return false
		}
		b.decode(report, v)
	}
	return len(d.objects) > 0
}

// split appends to objects those of {"entries":[{…},{…}]}, or none when it is not a body like that. It goes
// by what stands between two objects. That may also be in a text; but what it cuts off is an object only
// where the object ends, since none is the beginning of another.
func split(objects [][]byte, body []byte) [][]byte {
	list, begins := bytes.CutPrefix(body, []byte(`{"entries":[`))
	list, ends := bytes.CutSuffix(list, []byte("]}"))
	if !begins || !ends {
		return objects
	}
	for {
		n := bytes.Index(list, []byte("},{"))
		if n < 0 {
			return append(objects, list)
		}
		objects, list = append(objects, list[:n+1]), list[n+2:]
	}
}

// decode adds an entry.
func (b *Batch) decode(report Report, v *fastjson.Value) {
	o, err := v.Object()
	if err != nil {
		b.skip("no object")
		return
	}
	b.reader.read(o)
	if b.place(&b.reader.e) && b.add(report, &b.reader.e) {
		b.Accepted++
	}
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
			b.skip("no session_id")
			return false
		}
		b.Sessions = append(b.Sessions, e.session(b.Reporter, b.now))
	case ReportAPICalls:
		b.Calls = append(b.Calls, e.call())
	}
	return true
}
