package spool

import (
	"io/fs"
	"time"
)

// journal is one of the two logs. Spool.mu guards it.
type journal struct {
	log      string
	live     int64     // number of the file being written
	saved    int64     // the highest number that is on disk as taken
	segments []segment // oldest first, all below live

	info  fs.FileInfo // of the file being written, as last seen; nil: it was not there
	whole int64       // of the usage log: bytes of it that Append has finished
	began time.Time   // when it was begun, or first seen

	readers []*Reader
	shelf   shelf // has a lock of its own
}

func newJournal(log string) *journal { return &journal{log: log, live: 1, began: time.Now()} }

// size is that of the file being written, as last seen.
func (j *journal) size() int64 {
	if j.info == nil {
		return 0
	}
	return j.info.Size()
}

// state is what a reader has to know about a file.
type state int

const (
	growing state = iota // it may get more lines
	final
	gone
)

func (j *journal) stateOf(number int64) state {
	if number >= j.live {
		return growing
	}
	if g := j.find(number); g != nil {
		if g.final {
			return final
		}
		return growing
	}
	return gone
}

func (j *journal) find(number int64) *segment {
	for i := range j.segments {
		if j.segments[i].number == number {
			return &j.segments[i]
		}
	}
	return nil
}

// after returns the number of the oldest file that is newer than number.
func (j *journal) after(number int64) int64 {
	for _, g := range j.segments {
		if g.number > number {
			return g.number
		}
	}
	return j.live
}

// forget takes a file out of the books that went before its time, and tells the readers what they missed.
func (j *journal) forget(number, bytes int64) {
	for i, g := range j.segments {
		if g.number == number {
			j.segments = append(j.segments[:i:i], j.segments[i+1:]...)
			break
		}
	}
	for _, r := range j.readers {
		r.missed(number, bytes)
	}
	j.wake()
}

// wake makes the readers look.
func (j *journal) wake() {
	for _, r := range j.readers {
		select {
		case r.changed <- struct{}{}:
		default:
		}
	}
}
