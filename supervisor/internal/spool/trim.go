package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/uhdadmin/media-gateway/supervisor/internal/durable"
)

// collect deletes the segments that every follower is done with. Where nobody follows, all are kept.
func (s *Spool) collect(j *journal) error {
	if len(j.readers) == 0 {
		return nil
	}
	for len(j.segments) > 0 {
		oldest := j.segments[0]
		if !oldest.final || oldest.bytes > 0 && !j.doneWith(oldest) {
			return nil
		}
		// The newest lines of a log stay readable after a start: Last is asked for them.
		if len(j.segments) == 1 && j.size() == 0 {
			return nil
		}
		if err := s.remove(j, oldest); err != nil {
			return fmt.Errorf("delete a segment that is dealt with: %w", err)
		}
		j.segments = j.segments[1:]
	}
	return nil
}

func (j *journal) doneWith(g segment) bool {
	for _, r := range j.readers {
		if r.done.Before(Position{g.number, g.bytes}) {
			return false
		}
	}
	return true
}

// remove deletes a segment, or empties it while it is all that keeps its number from being used again.
func (s *Spool) remove(j *journal, g segment) error {
	path := s.path(segmentName(j.log, g.number))
	err := os.Remove
	if g.number >= j.saved && !s.saveNumbers() {
		err = func(path string) error { return os.Truncate(path, 0) }
	}
	if err := err(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return durable.Cured(err)
	}
	return nil
}

// trim drops the oldest segments while there are more bytes than allowed. Of the two logs' oldest, that is
// the one which was written to first.
func (s *Spool) trim() error {
	for s.bytes() > s.cfg.MaxBytes {
		j := s.access
		if len(j.segments) == 0 || len(s.usage.segments) > 0 && s.usage.segments[0].written.Before(j.segments[0].written) {
			j = s.usage
		}
		if len(j.segments) == 0 {
			return nil // what is left is being written, and becomes a segment soon
		}
		oldest := j.segments[0]
		if err := s.remove(j, oldest); err != nil {
			return fmt.Errorf("drop the oldest segment: %w", err)
		}
		s.cfg.Log.Warn("Spool is over SPOOL_MAX_BYTES: its oldest lines are dropped and will not be reported",
			"segment", segmentName(j.log, oldest.number), "bytes", oldest.bytes, "spool_bytes", s.bytes())
		s.metrics.droppedSegments.WithLabelValues(j.log).Inc()
		s.metrics.droppedBytes.WithLabelValues(j.log).Add(float64(oldest.bytes))
		s.status.Dropped += oldest.bytes
		j.forget(oldest.number, oldest.bytes)
	}
	return nil
}

// bytes of both logs and all segments, as last seen.
func (s *Spool) bytes() int64 { return s.access.bytes() + s.usage.bytes() }

func (j *journal) bytes() int64 {
	total := j.size()
	for _, g := range j.segments {
		total += g.bytes
	}
	return total
}

// takeStock writes down what /status and the metrics show.
func (s *Spool) takeStock() {
	s.status.Bytes, s.status.Segments, s.status.Consumers = s.bytes(), 0, nil
	for _, j := range []*journal{s.access, s.usage} {
		s.metrics.bytes.WithLabelValues(j.log).Set(float64(j.bytes()))
		s.metrics.segments.WithLabelValues(j.log).Set(float64(len(j.segments)))
		s.status.Segments += len(j.segments)
		for _, r := range j.readers {
			lag := j.lag(r.done)
			if lag == 0 {
				r.caughtUp = time.Now()
			}
			seconds := time.Since(r.caughtUp).Seconds()
			s.metrics.lagBytes.WithLabelValues(j.log, r.consumer).Set(float64(lag))
			s.metrics.lagSeconds.WithLabelValues(j.log, r.consumer).Set(seconds)
			s.status.Consumers = append(s.status.Consumers, ConsumerStatus{j.log, r.consumer, r.done, lag, seconds})
		}
	}
}

// lag returns how many bytes lie after p.
func (j *journal) lag(p Position) int64 {
	var lag int64
	files := append([]segment(nil), j.segments...)
	for _, g := range append(files, segment{number: j.live, bytes: j.size()}) {
		switch {
		case g.number > p.Segment:
			lag += g.bytes
		case g.number == p.Segment:
			lag += max(0, g.bytes-p.Offset)
		}
	}
	return lag
}
