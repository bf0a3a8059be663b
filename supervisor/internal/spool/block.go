package spool

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"github.com/uhdadmin/media-gateway/supervisor/internal/accesslog"
)

// Line is a line of a log, read once for all readers: none of them changes it.
type Line struct {
	Text  []byte           // as it stands, without its end: it may be no JSON, hold NULs and invalid UTF-8, or be cut off
	Entry *accesslog.Entry // what it says; nil: it is no entry
	End   Position         // behind it
}

// block is what one read of a file has brought, parsed. It does not change while anyone holds it, and then its memory
// is used again.
type block struct {
	from, to Position
	lines    []Line
	midst    bool  // it begins in the middle of a line that is too long
	long     bool  // and ends in the middle of one
	tooLong  int   // lines that are, and end here
	lost     int64 // bytes of such lines

	holders int // guarded by shelf.mu
	buf     []byte
	entries []accesslog.Entry
	parser  accesslog.Parser
}

const (
	readSize  = 64 << 10 // what is asked of the kernel at once
	mostLines = 1024     // of a block; ours are shorter than 64 bytes only by someone else's hand
)

// read fills the block with what follows its beginning: whole lines, or of a line that is too long what is there. At the
// end of a final file a line that was cut off, for its writer was, counts as whole. The block is empty when there is
// nothing.
func (b *block) read(file io.ReaderAt, from Position, midst bool, end int64, final bool, maxLine int) error {
	b.reset(from, midst)
	tail := 0
	for {
		room := int(min(int64(len(b.buf)-tail), max(0, end-from.Offset-int64(tail))))
		n, err := file.ReadAt(b.buf[tail:tail+room], from.Offset+int64(tail))
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		newline := bytes.LastIndexByte(b.buf[tail:tail+n], '\n')
		tail += n
		switch {
		case newline >= 0:
			b.cut(b.buf[:tail-n+newline+1], maxLine)
			return nil
		case midst || tail > maxLine:
			b.lost, b.long = int64(tail), true
			b.to.Offset += b.lost
			return nil
		case n < room || n == 0: // there is no more
			if final && tail > 0 {
				b.cut(b.buf[:tail], maxLine)
			}
			return nil
		}
		b.buf = append(b.buf, make([]byte, min(len(b.buf), maxLine+readSize-len(b.buf)))...)
	}
}

func (b *block) reset(from Position, midst bool) {
	if len(b.buf) != readSize {
		b.buf = make([]byte, readSize)
	}
	b.parser.Reset()
	b.from, b.to, b.midst = from, from, midst
	b.long, b.tooLong, b.lost = false, 0, 0
	b.lines, b.entries = b.lines[:0], b.entries[:0]
}

// cut makes lines of a text that ends with one.
func (b *block) cut(text []byte, maxLine int) {
	midst := b.midst
	for len(text) > 0 && len(b.lines) < mostLines {
		line, rest, _ := bytes.Cut(text, []byte{'\n'})
		size := len(text) - len(rest)
		text = rest
		b.to.Offset += int64(size)
		switch {
		case midst || len(line) > maxLine:
			midst = false
			b.tooLong++
			b.lost += int64(size)
		case len(line) > 0:
			b.add(slices.Clip(line))
		}
	}
}

func (b *block) add(text []byte) {
	line := Line{Text: text, End: b.to}
	n := len(b.entries)
	b.entries = slices.Grow(b.entries, 1)[:n+1]
	if b.parser.Parse(text, &b.entries[n]) == nil {
		line.Entry = &b.entries[n]
	} else {
		b.entries = b.entries[:n]
	}
	b.lines = append(b.lines, line)
}

// empty tells whether the block is of no bytes.
func (b *block) empty() bool { return b.from == b.to }

// at returns the lines from a position on; false: the block does not begin there, nor does one of its lines.
func (b *block) at(p Position, midst bool) ([]Line, bool) {
	if b.from == p {
		return b.lines, b.midst == midst
	}
	if midst || b.lost > 0 || p.Segment != b.from.Segment || !p.Before(b.to) {
		return nil, false
	}
	for i := range b.lines {
		if b.lines[i].End == p {
			return b.lines[i+1:], true
		}
	}
	return nil, false
}
