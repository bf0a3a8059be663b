// Package telemetry hands the lines of the spool to the master, each once: it follows both logs, makes
// batches of whole lines, and sends them until the master has them, be that a day later.
//
//	spool → lines that are entries → batch → intent on disk → send until answered → position on disk → Done
//
// After a crash the same batch is sent under the same key, and the master knows one that it has: the intent says
// which lines the batch is of, unless it is full, which a new process finds to be so as well. nginx never waits
// for any of this.
package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/masterclient"
	"github.com/uhdadmin/media-gateway/supervisor/internal/spool"
)

// Limits of one batch, which the master sets at 1,000 rows and 1 MB before compression: a line of 256 KiB, the
// longest that the spool reads, fits on top.
const (
	maxRows  = 1000
	maxBytes = 768 << 10
)

// consumer is our name at the spool.
const consumer = "telemetry"

// master is what takes batches.
type master interface {
	Report(context.Context, masterclient.Report) (api.ReportAnswer, error)
}

// Config of a Shipper.
type Config struct {
	Spool         *spool.Spool
	Master        master
	StateDir      string        // SLAVE_ROOT/state
	FlushInterval time.Duration // longest wait for a batch to be full; TELEMETRY_FLUSH_INTERVAL
	Log           *slog.Logger
	Registerer    prometheus.Registerer
}

// Shipper hands both logs over. Run does the work.
type Shipper struct {
	metrics *metrics
	lanes   []*lane
}

// kinds are the master's endpoints for the two logs.
var kinds = map[string]string{spool.Access: "access-logs", spool.Usage: "bandwidth"}

// New begins to follow both logs, from where it was when it last ran.
func New(cfg Config) (*Shipper, error) {
	// One encoder for both: batches are small and few. Its window is a whole batch.
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<20))
	if err != nil {
		return nil, fmt.Errorf("make a zstd encoder: %w", err)
	}
	s := &Shipper{metrics: newMetrics()}
	for _, log := range []string{spool.Access, spool.Usage} {
		l := &lane{
			cfg: cfg, log: log, kind: kinds[log], encoder: encoder, metrics: s.metrics.of(log),
			path: filepath.Join(cfg.StateDir, "telemetry-"+log+".json"), maxBytes: maxBytes,
		}
		l.load()
		l.reader = cfg.Spool.Follow(log, consumer, l.state.from())
		s.lanes = append(s.lanes, l)
	}
	if err := cfg.Registerer.Register(s.metrics); err != nil {
		return nil, fmt.Errorf("register telemetry metrics: %w", err)
	}
	return s, nil
}

// Run ships until ctx ends, and then for a moment what is left: it waits on disk otherwise.
func (s *Shipper) Run(ctx context.Context) error {
	var running sync.WaitGroup
	for _, l := range s.lanes {
		running.Go(func() { l.run(ctx) })
	}
	running.Wait()
	return nil
}

// Status is what /status shows, and the master is told in heartbeats: one per log.
type Status struct {
	Log          string    `json:"log"`
	Rows         int64     `json:"rows"`          // handed over since the start
	SkippedLines int64     `json:"skipped_lines"` // since this slave was made, as the next: garbage, or refused
	DroppedBytes int64     `json:"dropped_bytes"` // never read: the spool was full, or someone deleted them
	LastSuccess  time.Time `json:"last_success,omitzero"`
	Failures     int       `json:"failures"` // attempts in a row
	LastError    string    `json:"last_error,omitempty"`
}

// Status returns how far both logs are.
func (s *Shipper) Status() []Status {
	var all []Status
	for _, l := range s.lanes {
		all = append(all, l.Status())
	}
	return all
}
