package accesslog

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/valyala/fastjson"
)

// timestamp is in every entry.
var timestamp = []byte(`"timestamp":`)

// Check tells whether a line is a JSON object with a time that may stand in a larger document as it is. It is
// stricter than Parse about texts and numbers, and does not look at other members.
func Check(line []byte) error {
	if len(line) == 0 || line[0] != '{' {
		return fmt.Errorf("%w: no object", ErrNoEntry)
	}
	if !bytes.Contains(line, timestamp) {
		return fmt.Errorf("%w: it has no timestamp", ErrNoEntry)
	}
	if hasControl(line) { // which the validator lets through beside escapes
		return fmt.Errorf("%w: it has control characters", ErrNoEntry)
	}
	if isFlat(line) {
		return nil
	}
	if err := fastjson.ValidateBytes(line); err != nil {
		return fmt.Errorf("%w: of %d bytes", ErrNoEntry, len(line))
	}
	return nil
}

// isFlat knows nearly all of our lines at a third of a validator's cost; see flat. The line has no control
// characters.
func isFlat(line []byte) bool {
	f, ok := flatOf(line)
	for ok && !f.end {
		_, _, ok = f.next()
	}
	return ok
}

// flat goes over an object of texts without escapes and of plain numbers, with no space in between, as nginx
// writes nearly all lines. What it does not know may be JSON all the same.
type flat struct {
	rest []byte // what comes after the last member
	end  bool   // there are no more
}

func flatOf(line []byte) (flat, bool) {
	if len(line) == 0 || line[0] != '{' || bytes.IndexByte(line, '\\') >= 0 {
		return flat{}, false
	}
	return flat{rest: line[1:]}, true
}

// next returns a member's name and its value: a text with its quotes, or a number. false: this is no flat object.
func (f *flat) next() (name, value []byte, ok bool) {
	end := textEnd(f.rest)
	if end < 0 || end+1 >= len(f.rest) || f.rest[end] != ':' {
		return nil, nil, false
	}
	name = f.rest[1 : end-1]
	rest := f.rest[end+1:]
	if end = textEnd(rest); end < 0 {
		end = numberEnd(rest)
	}
	if end <= 0 || end >= len(rest) {
		return nil, nil, false
	}
	value = rest[:end]
	switch {
	case rest[end] == ',':
		f.rest = rest[end+1:]
		return name, value, true
	case rest[end] == '}' && end == len(rest)-1:
		f.end = true
		return name, value, true
	}
	return nil, nil, false
}

// textEnd returns where the text ends that b begins with, -1 for anything else.
func textEnd(b []byte) int {
	if len(b) == 0 || b[0] != '"' {
		return -1
	}
	end := bytes.IndexByte(b[1:], '"')
	if end < 0 {
		return -1
	}
	return end + 2
}

// numberEnd returns where the number ends that b begins with, digits and perhaps a fraction; 0 for anything else.
func numberEnd(b []byte) int {
	end := digits(b)
	if end == 0 || end > 1 && b[0] == '0' {
		return 0
	}
	if end < len(b) && b[end] == '.' {
		fraction := digits(b[end+1:])
		if fraction == 0 {
			return 0
		}
		end += 1 + fraction
	}
	return end
}

func digits(b []byte) int {
	for i, c := range b {
		if c < '0' || c > '9' {
			return i
		}
	}
	return len(b)
}

// hasControl tells whether a byte is below 0x20, eight at a time.
func hasControl(b []byte) bool {
	const each, high = 0x0101010101010101, 0x8080808080808080
	for ; len(b) >= 8; b = b[8:] {
		if x := binary.LittleEndian.Uint64(b); (x-each*0x20)&^x&high != 0 {
			return true
		}
	}
	for _, c := range b {
		if c < 0x20 {
			return true
		}
	}
	return false
}
