package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/uhdadmin/media-gateway/supervisor/internal/durable"
)

// due tells whether the access log is to become a segment.
func (s *Spool) due() bool {
	j := s.access
	if j.size() == 0 {
		j.began = time.Now() // an empty log has no age
	}
	return j.size() >= s.cfg.Rotate || j.size() > 0 && time.Since(j.began) >= s.cfg.RotateAge
}

// rotate makes the file being written the newest segment. Its number stays; the next file has the next one.
func (s *Spool) rotate(j *journal) error {
	name := s.path(segmentName(j.log, j.live))
	if err := os.Rename(s.path(fileName(j.log)), name); err != nil {
		return fmt.Errorf("rotate the %s log: %w", j.log, durable.Cured(err))
	}
	// A lease, which tells that writers are gone, is for the file's owner.
	_ = os.Chown(name, os.Geteuid(), -1) // where it cannot be had, time tells
	j.segments = append(j.segments, segment{number: j.live, bytes: j.size(), written: time.Now(), final: j == s.usage})
	j.live++
	j.info, j.whole, j.began = nil, 0, time.Now()
	s.metrics.rotations.WithLabelValues(j.log).Inc()
	s.saveNumbers()
	return nil
}

// reopen signals nginx until its log is there: while nginx is being started it takes no signal, and one that
// has no file left to open keeps to the old one.
func (s *Spool) reopen() {
	if _, err := os.Lstat(s.path(fileName(Access))); errors.Is(err, fs.ErrNotExist) {
		_ = s.cfg.Reopen() // while nginx is down nobody hears it; the next one opens the log by its name
	}
}
