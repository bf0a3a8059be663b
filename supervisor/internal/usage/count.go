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
	parser accesslog.Parser
	entry  accesslog.Entry
	name   []byte // of a subject, used again
	seen   func(*accesslog.Entry)
}

// of returns what a line counts for. A request counts when it reached the media server, which it tried where
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
func (c *counting) lines(b *book, lines [][]byte, now time.Time) (touched []uint32, o outcome) {
	b.change++
	o.lines = len(lines)
	for _, line := range lines {
		if c.parser.Parse(line, &c.entry) != nil {
			o.skipped++
			continue
		}
		if c.seen != nil {
			c.seen(&c.entry)
		}
		used := countOf(&c.entry)
		if used == (Count{}) {
			continue
		}
		o.used = o.used.plus(used)
		at := timeOf(c.entry.Timestamp, now)
		for _, s := range c.subjects() {
			if len(s.value) == 0 && s.dimension != "global" || len(s.value) > longestValue {
				continue
			}
			n, ok := b.number(c.text(s.dimension, c.entry.Scope, s.value))
			if !ok {
				o.full++
				continue
			}
			if b.add(n, at, used) {
				touched = append(touched, n)
			}
		}
	}
	return touched, o
}

type part struct {
	dimension string
	value     []byte
}

// subjects are those that the entry counts for.
func (c *counting) subjects() [5]part {
	e := &c.entry
	return [...]part{
		{"global", nil}, {"ip", lower(e.IP)}, {"user", normalUser(e.UserID)}, {"device", e.DeviceID}, {"profile", e.Profile},
	}
}

// text is the subject's text, valid until the next call.
func (c *counting) text(dimension string, scope, value []byte) []byte {
	c.name = append(append(c.name[:0], dimension...), ' ')
	c.name = append(append(c.name, scope...), ' ')
	c.name = append(c.name, value...)
	if !utf8.Valid(c.name) {
		c.name = bytes.ToValidUTF8(c.name, []byte("\uFFFD"))
	}
	return c.name
}

// normalUser brings a user id into the one form that rules and decisions have, in place: servers take it with
// dashes and without, in any case. lua/uhd/rate_rules.lua does the same.
func normalUser(id []byte) []byte {
	out := lower(id)[:0]
	for _, c := range id {
		if c != '-' {
			out = append(out, c)
		}
	}
	return out
}

// lower makes letters of ASCII small, in place.
func lower(b []byte) []byte {
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return b
}

func timeOf(seconds float64, now time.Time) time.Time {
	whole, fraction := math.Modf(seconds)
	at := time.Unix(int64(whole), int64(fraction*1e9))
	if at.After(now.Add(farAhead)) {
		return now
	}
	return at
}

// position is the place of one of the logs.
func (p *Positions) of(log string) *spool.Position {
	if log == spool.Usage {
		return &p.Usage
	}
	return &p.Access
}
