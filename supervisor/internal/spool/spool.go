// Package spool keeps what a slave has to report until it is reported: two logs of lines, access.log, which
// nginx writes, and usage.log, which the supervisor writes. Consumers follow them by position; what all have
// dealt with is deleted, and what is more than the disk may hold is dropped, oldest first, and said.
//
// A log is a file and its segments. Every file has a number, the one being written as well; numbers rise and
// never come again, so a Position names the same bytes for ever. A rotation is a rename, and for nginx USR1
// after it. Workers that have not reopened the log yet go on writing to the renamed file, and flush their
// buffers into it before they do: so a segment is final only when nobody has it open for writing any more.
package spool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/supervisor/internal/durable"
)

// The two logs. Their files are the name with ".log", segments NAME-<number>.log.
const (
	Access = "access" // written by nginx; nginx.conf has its path
	Usage  = "usage"  // written by Append
)

// Config of a Spool. Zero values stand for the defaults.
type Config struct {
	Dir        string        // SLAVE_ROOT/spool
	State      string        // a file of another folder, which keeps the numbers
	Owner      int           // user id of nginx's workers: they open the log after a rotation
	MaxBytes   int64         // of both logs and all segments; SPOOL_MAX_BYTES
	Rotate     int64         // bytes of a log that make a segment; 64 MiB, and at most an eighth of MaxBytes
	RotateAge  time.Duration // age of the access log that makes one; 1 h
	Interval   time.Duration // between two looks; 1 s, in which a busy slave writes some 30 MB
	MaxLine    int           // bytes of a line that is read; 256 KiB, longer ones are skipped
	Reopen     func() error  // makes nginx open its logs anew
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Spool is both logs. Run looks after them.
type Spool struct {
	cfg     Config
	metrics *metrics

	mu     sync.Mutex // guards what follows, and all of the journals
	access *journal
	usage  *journal
	status Status
}

// Status is what /status shows.
type Status struct {
	Bytes     int64            `json:"bytes"`    // of both logs and all segments
	Segments  int              `json:"segments"` // that wait
	Dropped   int64            `json:"dropped_bytes"`
	Consumers []ConsumerStatus `json:"consumers,omitempty"`
	LastError string           `json:"last_error,omitempty"`
}

// ConsumerStatus is how far a follower is.
type ConsumerStatus struct {
	Log        string   `json:"log"`
	Consumer   string   `json:"consumer"`
	Done       Position `json:"done"`
	LagBytes   int64    `json:"lag_bytes"`
	LagSeconds float64  `json:"lag_seconds"` // since it was last done with all there was
}

// Open returns the spool in cfg.Dir, which must exist.
func Open(cfg Config) (*Spool, error) {
	cfg.Rotate = min(cmp.Or(cfg.Rotate, 64<<20), cfg.MaxBytes/8)
	cfg.RotateAge = cmp.Or(cfg.RotateAge, time.Hour)
	cfg.Interval = cmp.Or(cfg.Interval, time.Second)
	cfg.MaxLine = cmp.Or(cfg.MaxLine, 256<<10)
	// The log says who plays what: it is for nginx's workers and us. A mode is its owner's to change: root in a
	// container may not be able to change that of others' folders, and can make them its own.
	if err := errors.Join(os.Chown(cfg.Dir, os.Geteuid(), -1), os.Chmod(cfg.Dir, 0o700), os.Chown(cfg.Dir, cfg.Owner, -1)); err != nil {
		return nil, fmt.Errorf("open spool: %w", durable.Cured(err))
	}
	s := &Spool{cfg: cfg, metrics: newMetrics(cfg.MaxBytes), access: newJournal(Access), usage: newJournal(Usage)}
	if err := s.loadNumbers(); err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	if err := s.mendUsage(); err != nil {
		cfg.Log.Error("Usage log not mended, its last line may be cut off", "error", err)
	}
	if err := cfg.Registerer.Register(s.metrics); err != nil {
		return nil, fmt.Errorf("register spool metrics: %w", err)
	}
	return s, nil
}

// gather is how long what nginx writes may wait until readers look: a busy nginx writes a hundred times a
// second, and each look of each reader has its price.
const gather = 200 * time.Millisecond

// Run looks after the spool until ctx ends.
func (s *Spool) Run(ctx context.Context) error {
	tick := time.NewTicker(s.cfg.Interval)
	defer tick.Stop()
	written := s.watch()
	defer written.close()
	gathered := time.NewTimer(0)
	defer gathered.Stop()
	var events <-chan fsnotify.Event // nil while readers wait for more to gather
	s.report(s.look())
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			s.report(s.look())
		case <-events:
			events = nil // the kernel makes one of all that happen meanwhile
			gathered.Reset(gather)
		case <-gathered.C:
			events = written.events
			s.wake()
		case err := <-written.errors:
			s.cfg.Log.Debug("Notifications about the spool were lost, looked at all the same", "error", err)
		}
	}
}

// Status returns the spool's state as of the last look.
func (s *Spool) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// look brings what is known up to what is there, rotates when it is time, and drops what is too much.
func (s *Spool) look() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := errors.Join(s.survey(s.access), s.survey(s.usage))
	if s.due() {
		err = errors.Join(err, s.rotate(s.access))
	}
	s.reopen()
	err = errors.Join(err, s.collect(s.access), s.collect(s.usage), s.trim())
	s.takeStock()
	s.access.wake() // the slow way, where notifications do not come
	s.usage.wake()
	return err
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
		s.metrics.errors.Inc()
		s.cfg.Log.Error("Spool not looked after", "error", err)
	}
}

func (s *Spool) path(name string) string { return filepath.Join(s.cfg.Dir, name) }

func (s *Spool) journal(log string) *journal {
	switch log {
	case Access:
		return s.access
	case Usage:
		return s.usage
	}
	panic("spool: there is no log " + log)
}
