package spool

import (
	"context"
	"errors"
	"fmt"
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

// Batch is whole lines of one file, at least one.
type Batch struct {
	Lines    []Line // valid until the next call of Next, as all that they hold
	From, To Position
	Lost     int64 // bytes before To that nobody can read any more: dropped, deleted, or of lines that are too long
}

// Reader follows one log for one consumer. Next is for one goroutine, Done for any.
type Reader struct {
	spool    *Spool
	journal  *journal
	consumer string
	changed  chan struct{}

	// What the goroutine of Next alone uses.
	file   *os.File
	number int64  // of file
	held   *block // whose lines were handed over; nil: none
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
	r.release()
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

// release gives up the lines that were handed over.
func (r *Reader) release() {
	if r.held != nil {
		r.journal.shelf.put(r.held)
		r.held = nil
	}
}

// Next returns the next lines. It waits for them until ctx ends. Other errors are the disk's: the same call may
// succeed later.
func (r *Reader) Next(ctx context.Context) (Batch, error) {
	for {
		r.release()
		state, end := r.look()
		if state == gone {
			r.advance()
			continue
		}
		var lines []Line
		var err error
		r.held, lines, err = r.journal.shelf.get(r.at, r.long, func(b *block) error { return r.fill(b, end, state == final) })
		switch {
		case err != nil:
			return Batch{}, fmt.Errorf("read the %s log: %w", r.journal.log, err)
		case r.held != nil:
			if b := r.take(lines); len(b.Lines) > 0 {
				return b, nil
			}
		case state == final: // and was before the read that found its end
			r.advance()
		default:
			if err := r.wait(ctx); err != nil {
				return Batch{}, err
			}
		}
	}
}

// take moves over the block at hand.
func (r *Reader) take(lines []Line) Batch {
	b := Batch{Lines: lines, From: r.at, To: r.held.to}
	r.at, r.long = r.held.to, r.held.long
	r.skipped(r.held.tooLong)
	s := r.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	r.read = r.at
	r.lost += r.held.lost
	if len(lines) > 0 {
		b.Lost, r.lost = r.lost, 0
	}
	return b
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

// skipped counts lines that are too long.
func (r *Reader) skipped(lines int) {
	if lines > 0 {
		r.spool.metrics.longLines.WithLabelValues(r.journal.log, r.consumer).Add(float64(lines))
	}
}

// look asks the books about the file at hand: what becomes of it, and how far it may be read.
func (r *Reader) look() (state state, end int64) {
	s := r.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	j := r.journal
	end = math.MaxInt64
	if j == s.usage && r.at.Segment == j.live {
		end = j.whole
	}
	return j.stateOf(r.at.Segment), end
}

// fill reads what comes next and before end.
func (r *Reader) fill(b *block, end int64, final bool) error {
	b.reset(r.at, r.long)
	if err := r.open(); err != nil || r.file == nil {
		return err
	}
	if err := b.read(r.file, r.at, r.long, end, final, r.spool.cfg.MaxLine); err != nil || !b.empty() {
		return err
	}
	return r.checkLength()
}

// checkLength finds out whether a file at whose end the reader is was truncated by hand.
func (r *Reader) checkLength() error {
	info, err := r.file.Stat()
	if err != nil || info.Size() >= r.at.Offset {
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
	if r.long { // it ended with its file
		r.skipped(1)
	}
	s := r.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	r.at = Position{Segment: r.journal.after(r.at.Segment)}
	r.read = r.at
	r.long = false
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
