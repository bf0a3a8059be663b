package telemetry

import (
	"slices"

	"github.com/uhdadmin/media-gateway/supervisor/internal/spool"
)

// batch is consecutive lines of one segment, as the body of a request. Its memory is used again.
type batch struct {
	from, to spool.Position
	lines    int   // as the spool has them
	garbage  int   // of those: no entries
	lost     int64 // bytes before its end that nobody can read any more
	body     []byte
	ends     []int // where each row ends in body
}

const (
	bodyHead = `{"entries":[`
	bodyTail = `]}`
)

func (b *batch) reset() {
	*b = batch{body: append(b.body[:0], bodyHead...), ends: b.ends[:0]}
}

func (b *batch) rows() int { return len(b.ends) }

// full tells whether the batch takes no more lines. It goes by the lines alone, not by how they were read.
func (b *batch) full(maxBytes int) bool { return b.lines >= maxRows || len(b.body) >= maxBytes }

// add takes the first line that is left of got, which follows those that it has.
func (b *batch) add(got *spool.Batch) {
	line := &got.Lines[0]
	b.to = line.End
	b.lines++
	b.lost += got.Lost
	got.Lines, got.From, got.Lost = got.Lines[1:], line.End, 0
	if line.Entry == nil {
		b.garbage++
		return
	}
	if len(b.ends) > 0 {
		b.body = append(b.body, ',')
	}
	b.body = append(b.body, line.Text...)
	b.ends = append(b.ends, len(b.body))
}

// whole returns all rows as a body, until rows are added.
func (b *batch) whole() []byte { return append(b.body, bodyTail...) }

// part returns rows i to j as a body of their own.
func (b *batch) part(i, j int) []byte {
	if i == 0 && j == b.rows() {
		return b.whole()
	}
	begin := len(bodyHead)
	if i > 0 {
		begin = b.ends[i-1] + 1 // after the comma
	}
	return slices.Concat([]byte(bodyHead), b.body[begin:b.ends[j-1]], []byte(bodyTail))
}
