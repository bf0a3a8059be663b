package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"time"
)

// Position is a place between two lines of a log: all lines before it are dealt with.
type Position struct {
	Segment int64 `json:"segment"`
	Offset  int64 `json:"offset"` // bytes
}

// Before tells whether p comes before q.
func (p Position) Before(q Position) bool {
	return p.Segment < q.Segment || p.Segment == q.Segment && p.Offset < q.Offset
}

// Batch is whole lines of one file, as they stand there: they may be no JSON, hold NULs and invalid UTF-8,
// and the last one of a segment may be cut off.
type Batch struct {
	Lines    [][]byte // without their ends; valid until the next call of Next
	From, To Position
	Lost     int64 // bytes before From that nobody can read any more: dropped, deleted, or in a line without end
}

// Reader follows one log for one consumer. Next is for one goroutine, Done for any.
type Reader struct {
	spool    *Spool
	journal  *journal
	consumer string
	changed  chan struct{}

	// What the goroutine of Next alone uses.
	file   *os.File
	number int64 // of file
	buf    []byte
	lines  [][]byte
	head   int // of buf: what is unread begins
	tail   int // and ends
	at     Position
	long   bool // in the middle of a line that is too long

	// Spool.mu guards these.
	read     Position // as at, of the last batch
	done     Position
	lost     int64
	caughtUp time.Time
}

// Follow returns a reader of a log from a position on; the zero one is the oldest line there is. From then
// on the log's segments are kept until the consumer is Done with them. All consumers of a log begin before
// any of them is Done with a position.
func (s *Spool) Follow(log, consumer string, from Position) *Reader {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.journal(log)
	// A position beyond what there is comes from an older life of this disk, or of the file being written.
	if from.Segment > j.live {
		j.live = from.Segment + 1
		s.saveNumbers()
	} else if from.Segment == j.live && from.Offset > j.size() {
		s.replaced(j)
		_ = s.surveyLive(j) // the next look says what is wrong
	}
	r := &Reader{
		spool: s, journal: j, consumer: consumer, changed: make(chan struct{}, 1),
		at: from, read: from, done: from, caughtUp: time.Now(),
	}
	j.readers = append(j.readers, r)
	s.metrics.longLines.WithLabelValues(log, consumer) // a count that begins at 1 is not seen to rise
	return r
}

// Done says that all before p is dealt with, durably.
func (r *Reader) Done(p Position) {
	s := r.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.done.Before(p) {
		r.done = p
	}
}

// Close ends the reader: the log no longer waits for it.
func (r *Reader) Close() error {
	s := r.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range r.journal.readers {
		if other == r {
			r.journal.readers = append(r.journal.readers[:i:i], r.journal.readers[i+1:]...)
			break
		}
	}
	return r.close()
}

// Next returns the next lines, at least one and at most maxLines of maxBytes together; a single line may be
// longer. It waits for them until ctx ends. Other errors are the disk's: the same call may succeed later.
func (r *Reader) Next(ctx context.Context, maxLines, maxBytes int) (Batch, error) {
	for {
		state, end, lost := r.look()
		if state == gone {
			r.advance()
			continue
		}
		if b, ok := r.cut(maxLines, maxBytes, lost); ok {
			return b, nil
		}
		n, err := r.fill(end)
		if err != nil {
			return Batch{}, fmt.Errorf("read the %s log: %w", r.journal.log, err)
		}
		if n > 0 {
			continue
		}
		if state == final { // and was before the read that found its end
			if b, ok := r.rest(lost); ok {
				return b, nil
			}
			r.advance()
			continue
		}
		if err := r.wait(ctx); err != nil {
			return Batch{}, err
		}
	}
}

// wait returns when there may be more to read. An end of ctx does not hide what is there already.
func (r *Reader) wait(ctx context.Context) error {
	select {
	case <-r.changed:
		return nil
	default:
	}
	select {
	case <-r.changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// look asks the books about the file at hand: what becomes of it, how far it may be read, and what was lost.
func (r *Reader) look() (state state, end, lost int64) {
	s := r.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	j := r.journal
	end = math.MaxInt64
	if j == s.usage && r.at.Segment == j.live {
		end = j.whole
	}
	return j.stateOf(r.at.Segment), end, r.lost
}

// cut takes whole lines out of the buffer.
func (r *Reader) cut(maxLines, maxBytes int, lost int64) (Batch, bool) {
	b := Batch{Lines: r.lines[:0]}
	for size := 0; len(b.Lines) < maxLines; {
		unread := r.buf[r.head:r.tail]
		end := bytes.IndexByte(unread, '\n')
		if end < 0 || len(b.Lines) > 0 && size+end > maxBytes {
			break
		}
		if r.long || end > r.spool.cfg.MaxLine {
			if len(b.Lines) > 0 {
				break
			}
			r.skipped()
			lost = r.takeUp(end + 1)
			continue
		}
		if len(b.Lines) == 0 {
			b.From = r.at
		}
		if end > 0 {
			b.Lines = append(b.Lines, unread[:end:end])
			size += end
		}
		r.move(end + 1)
	}
	r.lines = b.Lines
	return r.hand(b, lost)
}

// rest takes what is left at the end of a final segment: a line that was cut off, for its writer was.
func (r *Reader) rest(lost int64) (Batch, bool) {
	n := r.tail - r.head
	if n == 0 {
		return Batch{}, false
	}
	if r.long || n > r.spool.cfg.MaxLine {
		r.skipped()
		r.takeUp(n)
		return Batch{}, false
	}
	b := Batch{Lines: append(r.lines[:0], r.buf[r.head:r.tail:r.tail]), From: r.at}
	r.lines = b.Lines
	r.move(n)
	return r.hand(b, lost)
}

// hand makes a batch of lines the last one that was read.
func (r *Reader) hand(b Batch, lost int64) (Batch, bool) {
	if len(b.Lines) == 0 {
		return b, false
	}
	b.To, b.Lost = r.at, lost
	s := r.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	r.read = r.at
	r.lost -= lost
	return b, true
}

func (r *Reader) move(n int) {
	r.head += n
	r.at.Offset += int64(n)
}

// skipped counts a line that is too long.
func (r *Reader) skipped() {
	r.long = false
	r.spool.metrics.longLines.WithLabelValues(r.journal.log, r.consumer).Inc()
}

// takeUp moves over bytes that are no line, and returns what is lost by now.
func (r *Reader) takeUp(n int) int64 {
	r.move(n)
	s := r.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	r.lost += int64(n)
	r.read = r.at
	return r.lost
}

// readSize is how much a reader asks the kernel for.
const readSize = 64 << 10

// fill reads what comes after the buffer's content and before end. It returns 0 when there is nothing.
func (r *Reader) fill(end int64) (int, error) {
	if err := r.open(); err != nil || r.file == nil {
		return 0, err
	}
	r.makeRoom()
	from := r.at.Offset + int64(r.tail-r.head)
	room := min(int64(len(r.buf)-r.tail), max(0, end-from))
	n, err := r.file.ReadAt(r.buf[r.tail:r.tail+int(room)], from)
	r.tail += n
	if n > 0 {
		return n, nil
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	return 0, r.checkLength()
}

// makeRoom moves the unread to the buffer's front and, for a line that does not fit, makes it longer. One
// longer than a line may be is dropped as it comes.
func (r *Reader) makeRoom() {
	if r.head == r.tail {
		r.head, r.tail = 0, 0
	}
	if len(r.buf)-r.tail >= readSize/4 {
		return
	}
	if r.tail-r.head > r.spool.cfg.MaxLine {
		r.long = true
		r.takeUp(r.tail - r.head)
		r.head, r.tail = 0, 0
		return
	}
	to := r.buf
	if r.tail-r.head > len(r.buf)-readSize/4 {
		to = make([]byte, min(2*len(r.buf), r.spool.cfg.MaxLine)+readSize)
	}
	r.tail = copy(to, r.buf[r.head:r.tail])
	r.buf, r.head = to, 0
}

// checkLength finds out whether a file at whose end the reader is was truncated by hand.
func (r *Reader) checkLength() error {
	info, err := r.file.Stat()
	if err != nil || info.Size() >= r.at.Offset+int64(r.tail-r.head) {
		return err
	}
	s := r.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.at.Segment == r.journal.live {
		s.replaced(r.journal)
		return s.surveyLive(r.journal)
	}
	return nil
}

// open opens the file at hand, under the lock that rotations take. It leaves file nil while there is none.
func (r *Reader) open() error {
	if r.file != nil && r.number == r.at.Segment {
		return nil
	}
	if err := r.close(); err != nil {
		return err
	}
	s, j := r.spool, r.journal
	s.mu.Lock()
	defer s.mu.Unlock()
	name := fileName(j.log)
	if r.at.Segment < j.live {
		name = segmentName(j.log, r.at.Segment)
	}
	f, err := os.Open(s.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		if g := j.find(r.at.Segment); g != nil { // the next look would find out as well
			return s.survey(j)
		}
		return nil
	}
	if err != nil {
		return err
	}
	r.file, r.number = f, r.at.Segment
	if r.buf == nil {
		r.buf = make([]byte, readSize)
	}
	return nil
}

func (r *Reader) close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}

// advance goes on with the next file.
func (r *Reader) advance() {
	s := r.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	r.at = Position{Segment: r.journal.after(r.at.Segment)}
	r.read = r.at
	r.head, r.tail, r.long = 0, 0, false
}

// missed notes that a file went, as it does whenever one is taken out of the books. Spool.mu is held.
func (r *Reader) missed(number, bytes int64) {
	switch {
	case number > r.read.Segment:
		r.lost += bytes
	case number == r.read.Segment:
		r.lost += max(0, bytes-r.read.Offset)
	}
}
