package telemetry

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/uhdadmin/media-gateway/supervisor/internal/durable"
	"github.com/uhdadmin/media-gateway/supervisor/internal/spool"
)

// state is the file state/telemetry-LOG.json.
type state struct {
	ID      string         `json:"id"`   // drawn once; keys of two slaves never meet
	Done    spool.Position `json:"done"` // the master has all before it
	Intent  *intent        `json:"intent,omitempty"`
	Skipped int64          `json:"skipped_lines"`
	Dropped int64          `json:"dropped_bytes"`
}

// intent is a batch that may have been sent.
type intent struct {
	From spool.Position `json:"from"`
	To   spool.Position `json:"to"`
}

// follow returns where a batch begins whose first line is read from a position on: where the one before it
// ended, whatever is between, or with its segment.
func (s *state) follow(first spool.Position) spool.Position {
	if first.Segment == s.Done.Segment {
		return s.Done
	}
	return spool.Position{Segment: first.Segment}
}

// key is the Idempotency-Key of the intent's batch.
func (s *state) key(log string) string {
	in := s.Intent
	return fmt.Sprintf("%s-%s-%d-%d-%d", s.ID, log, in.From.Segment, in.From.Offset, in.To.Offset)
}

// from is where reading begins.
func (s *state) from() spool.Position {
	if s.Intent != nil {
		return s.Intent.From
	}
	return s.Done
}

// load reads what is known. A file that does not read must not keep a slave from serving: all that is in the
// spool is sent then, some of it perhaps a second time.
func (l *lane) load() {
	b, err := os.ReadFile(l.path)
	if err == nil {
		err = json.Unmarshal(b, &l.state)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.cfg.Log.Error("Telemetry does not know what it has sent and begins anew", "file", l.path, "error", err)
		l.state = state{}
	}
	if l.state.ID == "" {
		l.state.ID = strings.ToLower(rand.Text())
	}
}

// save makes the state durable. Where it cannot, the disk is full or broken: batches are sent all the same,
// for the rows are in danger there, and a crash may then repeat one.
func (l *lane) save() {
	b, err := json.Marshal(&l.state)
	if err == nil {
		err = durable.WriteFile(l.path, append(b, '\n'), 0o600)
	}
	if err != nil {
		l.metrics.errors.WithLabelValues(causeDisk).Inc()
	}
	l.stale, l.saved = err != nil, time.Now()
	if l.failing == l.stale {
		return
	}
	if l.failing = l.stale; err != nil {
		l.cfg.Log.Error("Telemetry cannot note what it sends, a crash may repeat a batch", "log", l.log, "error", err)
	} else {
		l.cfg.Log.Info("Telemetry notes what it sends again", "log", l.log)
	}
}
