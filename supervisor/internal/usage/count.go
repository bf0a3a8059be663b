package usage

import (
	"bytes"
	"math"
	"time"
	"unicode/utf8"

	"github.com/uhdadmin/media-gateway/supervisor/internal/accesslog"
	"github.com/uhdadmin/media-gateway/supervisor/internal/spool"
)

// longestValue bounds what is counted apart, in bytes; the longest that Lua lets through is shorter.
const longestValue = 512

// farAhead is how much later than now a line may say it is; what is beyond that is a clock that was wrong.
const farAhead = time.Hour

// counting turns lines of one log into counts of the book's.
type counting struct {
	name []byte // of a subject, used again
	seen func(*accesslog.Entry)
}

// countOf returns what a line counts for. A request counts when it reached the media server, which it tried where
// upstream_status says anything, and its bytes are those that no record has told before.
func countOf(e *accesslog.Entry) Count {
	if len(e.Epoch) > 0 { // a record of a running transfer
		return Count{Bytes: e.Bytes}
	}
	if len(e.UpstreamStatus) == 0 {
		return Count{}
	}
	return Count{Requests: 1, Bytes: max(0, e.BytesSent-e.Accounted)}
}

// outcome is what became of a batch.
type outcome struct {
	lines   int
	skipped int // that are no entries
	full    int // times that a counter found no room
	used    Count
}

// lines counts a batch. It returns the numbers of the subjects that it is about, each once.
func (c *counting) lines(b *book, lines []spool.Line, now time.Time) (touched []uint32, o outcome) {
	b.change++
	o.lines = len(lines)
	for i := range lines {
		e := lines[i].Entry
		if e == nil {
			o.skipped++
			continue
		}
		if c.seen != nil {
			c.seen(e)
		}
		used := countOf(e)
		if used == (Count{}) {
			continue
		}
		o.used = o.used.plus(used)
		periods := b.periodsAt(timeOf(e.Timestamp, now))
		for _, s := range subjects {
			c.name = append(append(append(c.name[:0], s.dimension...), ' '), e.Scope...)
			c.name = append(c.name, ' ')
			named := len(c.name)
			c.name = s.value(c.name, e)
			if size := len(c.name) - named; size == 0 && s.dimension != "global" || size > longestValue {
				continue
			}
			if !utf8.Valid(c.name) {
				c.name = bytes.ToValidUTF8(c.name, []byte("\uFFFD"))
			}
			n, ok := b.number(c.name)
			if !ok {
				o.full++
				continue
			}
			if b.add(n, periods, used) {
				touched = append(touched, n)
			}
		}
	}
	return touched, o
}

// subjects are those that an entry counts for; value appends theirs.
var subjects = [...]struct {
	dimension string
	value     func(to []byte, e *accesslog.Entry) []byte
}{
	{"global", func(to []byte, _ *accesslog.Entry) []byte { return to }},
	{"ip", func(to []byte, e *accesslog.Entry) []byte { return appendLower(to, e.IP) }},
	{"user", func(to []byte, e *accesslog.Entry) []byte { return appendUser(to, e.UserID) }},
	{"device", func(to []byte, e *accesslog.Entry) []byte { return append(to, e.DeviceID...) }},
	{"profile", func(to []byte, e *accesslog.Entry) []byte { return append(to, e.Profile...) }},
}

// appendUser brings a user id into the one form that rules and decisions have: servers take it with dashes and
// without, in any case. lua/uhd/rate_rules.lua does the same.
func appendUser(to, id []byte) []byte {
	for _, c := range id {
		if c != '-' {
			to = append(to, lower(c))
		}
	}
	return to
}

func appendLower(to, text []byte) []byte {
	for _, c := range text {
		to = append(to, lower(c))
	}
	return to
}

// lower makes a letter of ASCII small.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func timeOf(seconds float64, now time.Time) time.Time {
	whole, fraction := math.Modf(seconds)
	at := time.Unix(int64(whole), int64(fraction*1e9))
	if at.After(now.Add(farAhead)) {
		return now
	}
	return at
}

// of returns the place of one of the logs.
func (p *Positions) of(log string) *spool.Position {
	if log == spool.Usage {
		return &p.Usage
	}
	return &p.Access
}
