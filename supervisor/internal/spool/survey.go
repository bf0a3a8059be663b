package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/uhdadmin/media-gateway/supervisor/internal/durable"
)

// quietLooks is how many looks in a row a segment must not grow before it is taken for final where the kernel
// does not say: nginx flushes its buffers every second.
const quietLooks = 10

// survey brings a journal up to what is in the folder. Files may have been deleted, truncated or replaced
// by hand.
func (s *Spool) survey(j *journal) error {
	found, err := s.segments(j.log)
	if err != nil {
		return err
	}
	there := map[int64]bool{}
	for _, g := range found {
		there[g.number] = true
	}
	for _, known := range append([]segment(nil), j.segments...) {
		if !there[known.number] {
			s.metrics.vanished.WithLabelValues(j.log).Inc()
			s.cfg.Log.Warn("Segment of the spool was deleted by someone else", "segment", segmentName(j.log, known.number))
			j.forget(known.number, known.bytes)
		}
	}
	// One with a number that is not given yet was put there by someone else, who gets it overwritten.
	found = slices.DeleteFunc(found, func(g segment) bool { return g.number >= j.live })
	for i := range found {
		g := &found[i]
		if known := j.find(g.number); known != nil {
			g.final, g.quiet = known.final, known.quiet+1
			if g.bytes != known.bytes {
				g.quiet = 0
			}
		}
		if !g.final {
			g.final = s.isFinal(j, g)
		}
	}
	j.segments = found
	return s.surveyLive(j)
}

// surveyLive looks at the file being written. One that is shorter than it was, or another one, gets the next
// number: positions in the old one say nothing about it.
func (s *Spool) surveyLive(j *journal) error {
	info, err := os.Stat(s.path(fileName(j.log)))
	if errors.Is(err, fs.ErrNotExist) {
		info, err = nil, nil
	}
	if err != nil {
		return durable.Cured(err)
	}
	if was := j.info; was != nil && (info == nil || !os.SameFile(was, info) || info.Size() < was.Size()) {
		s.replaced(j)
	}
	j.info = info
	return nil
}

// replaced gives the file being written a new number: what was in it is gone, by someone else's hand.
func (s *Spool) replaced(j *journal) {
	s.metrics.vanished.WithLabelValues(j.log).Inc()
	s.cfg.Log.Warn("Log in the spool was truncated, deleted or replaced by someone else: what was not read is not reported", "log", fileName(j.log))
	old, bytes := j.live, j.size()
	j.live++
	j.forget(old, bytes)
	j.info, j.whole = nil, 0
	s.saveNumbers()
}

// isFinal tells whether nobody writes to a segment any more.
func (s *Spool) isFinal(j *journal, g *segment) bool {
	if j == s.usage {
		return true // Append has closed it
	}
	open, err := openForWriting(s.path(segmentName(j.log, g.number)))
	if err != nil {
		return g.quiet >= quietLooks // the kernel does not say
	}
	return !open
}

// openForWriting tells whether some process has the file open for writing: the kernel grants a read lease
// only when none has. Errors: no lease to be had, on some file systems or without the right to.
func openForWriting(path string) (bool, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, fmt.Errorf("open %s: %w", path, err)
	}
	defer func() { _ = unix.Close(fd) }() // gives the lease back
	_, err = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_RDLCK)
	if errors.Is(err, unix.EAGAIN) {
		return true, nil
	}
	return false, err
}
