// Package spool keeps nginx's access log from filling the disk: it rotates the log that nginx writes into
// segments, without losing a line, and drops the oldest segments when there are more bytes than allowed.
//
// A rotation is a rename and then USR1 to nginx. Workers that have not reopened the log yet go on writing
// to the renamed file, and flush their buffers into it before they do. So the newest segment may grow for a
// moment; all before it are final.
package spool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/supervisor/internal/durable"
)

// LogName is the file in the spool that nginx writes; nginx.conf has its path.
const LogName = "access.log"

// Config of a Spool. Zero values stand for the defaults.
type Config struct {
	Dir        string        // SLAVE_ROOT/spool
	Owner      int           // user id of nginx's workers: they open the log after a rotation
	MaxBytes   int64         // of the log and all segments; SPOOL_MAX_BYTES
	Rotate     int64         // bytes of the log that make a segment; 64 MiB, and at most an eighth of MaxBytes
	RotateAge  time.Duration // age that makes one; 1 h
	Interval   time.Duration // between two looks; 1 s, in which a busy slave writes some 30 MB
	Reopen     func() error  // makes nginx open its logs anew
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Spool is the log and its segments. Run does the work.
type Spool struct {
	cfg     Config
	metrics *metrics

	began   time.Time // when the log was begun, or first seen
	unheard bool      // nginx has not reopened the log since the last rotation

	mu     sync.Mutex // guards what follows
	status Status
}

// Status is what /status shows.
type Status struct {
	Bytes     int64  `json:"bytes"`    // of the log and all segments
	Segments  int    `json:"segments"` // that wait
	Dropped   int64  `json:"dropped_bytes"`
	LastError string `json:"last_error,omitempty"`
}

// Open returns the spool in cfg.Dir, which must exist.
func Open(cfg Config) (*Spool, error) {
	cfg.Rotate = cmp.Or(cfg.Rotate, min(64<<20, cfg.MaxBytes/8))
	cfg.RotateAge = cmp.Or(cfg.RotateAge, time.Hour)
	cfg.Interval = cmp.Or(cfg.Interval, time.Second)
	// The log says who plays what: it is for nginx's workers and us.
	if err := errors.Join(os.Chmod(cfg.Dir, 0o700), os.Chown(cfg.Dir, cfg.Owner, -1)); err != nil {
		return nil, fmt.Errorf("open spool: %w", durable.Cured(err))
	}
	s := &Spool{cfg: cfg, metrics: newMetrics(), began: time.Now()}
	if err := cfg.Registerer.Register(s.metrics); err != nil {
		return nil, fmt.Errorf("register spool metrics: %w", err)
	}
	return s, nil
}

// Run looks after the spool until ctx ends.
func (s *Spool) Run(ctx context.Context) error {
	tick := time.NewTicker(s.cfg.Interval)
	defer tick.Stop()
	for {
		s.report(s.look())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Status returns the spool's state as of the last look.
func (s *Spool) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// look rotates when it is time, and drops what is too much.
func (s *Spool) look() error {
	logBytes, err := sizeOf(s.path(LogName))
	if err == nil && s.due(logBytes) {
		err = s.rotate()
	}
	s.reopen()
	return errors.Join(err, s.trim())
}

func (s *Spool) due(bytes int64) bool {
	if bytes == 0 {
		s.began = time.Now() // an empty log has no age
	}
	return bytes >= s.cfg.Rotate || bytes > 0 && time.Since(s.began) >= s.cfg.RotateAge
}

// rotate makes the log the newest segment.
func (s *Spool) rotate() error {
	segments, err := s.segments()
	if err != nil {
		return err
	}
	next := segment{number: 1}
	if n := len(segments); n > 0 {
		next.number = segments[n-1].number + 1
	}
	if err := os.Rename(s.path(LogName), s.path(next.name())); err != nil {
		return fmt.Errorf("rotate the access log: %w", durable.Cured(err))
	}
	s.began, s.unheard = time.Now(), true
	s.metrics.rotations.Inc()
	return nil
}

// reopen signals nginx until the log is there again: while nginx is being started it takes no signal, and
// one that has no file left to open keeps to the segment.
func (s *Spool) reopen() {
	if !s.unheard {
		return
	}
	if _, err := os.Lstat(s.path(LogName)); err == nil {
		s.unheard = false
		return
	}
	_ = s.cfg.Reopen() // while nginx is down nobody hears it; the next one opens the log by its name
}

// trim drops the oldest segments while there are more bytes than allowed, and takes stock.
func (s *Spool) trim() error {
	segments, err := s.segments()
	if err != nil {
		return err
	}
	total, err := sizeOf(s.path(LogName))
	if err != nil {
		return err
	}
	for _, g := range segments {
		total += g.bytes
	}
	var dropped int64
	for len(segments) > 0 && total > s.cfg.MaxBytes {
		oldest := segments[0]
		if err := os.Remove(s.path(oldest.name())); err != nil {
			return fmt.Errorf("drop the oldest segment: %w", durable.Cured(err))
		}
		s.cfg.Log.Warn("Spool is over SPOOL_MAX_BYTES: its oldest requests are dropped and will not be reported",
			"segment", oldest.name(), "bytes", oldest.bytes, "spool_bytes", total)
		s.metrics.droppedSegments.Inc()
		s.metrics.droppedBytes.Add(float64(oldest.bytes))
		dropped += oldest.bytes
		total -= oldest.bytes
		segments = segments[1:]
	}
	s.metrics.bytes.Set(float64(total))
	s.metrics.segments.Set(float64(len(segments)))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Bytes, s.status.Segments = total, len(segments)
	s.status.Dropped += dropped
	return nil
}

// report logs an error once, until it is another or gone.
func (s *Spool) report(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	s.mu.Lock()
	last := s.status.LastError
	s.status.LastError = text
	s.mu.Unlock()
	if text != "" && text != last {
		s.cfg.Log.Error("Spool not looked after", "error", err)
	}
}

func (s *Spool) path(name string) string { return filepath.Join(s.cfg.Dir, name) }

// sizeOf returns the bytes of a file, 0 of one that is not there.
func sizeOf(path string) (int64, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, durable.Cured(err)
	}
	return info.Size(), nil
}
