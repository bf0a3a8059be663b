package telemetry

import (
	"context"
	"errors"
	"time"
)

// note writes down how the last attempt went, and logs what is new about that.
func (l *lane) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.status
	s.Log, s.SkippedLines, s.DroppedBytes = l.log, l.state.Skipped, l.state.Dropped
	if err == nil {
		if s.Failures > 0 {
			l.cfg.Log.Info("Telemetry goes on", "log", l.log, "failures", s.Failures)
		}
		s.Failures, s.LastError = 0, ""
		return
	}
	l.metrics.errors.WithLabelValues(causeMaster).Inc()
	if s.LastError != err.Error() {
		l.cfg.Log.Warn("Telemetry not sent, kept for later", "log", l.log, "rows", l.batch.rows(), "error", err)
	}
	s.Failures++
	s.LastError = err.Error()
}

// took counts rows that the master has.
func (l *lane) took(rows int) {
	l.metrics.rows.Add(float64(rows))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status.Rows += int64(rows)
	l.status.LastSuccess = time.Now()
}

// readFailed waits for a disk that does not read.
func (l *lane) readFailed(ctx context.Context, err error) {
	if ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return
	}
	l.metrics.errors.WithLabelValues(causeDisk).Inc()
	l.cfg.Log.Error("Telemetry cannot read the spool, tried again", "log", l.log, "error", err)
	select {
	case <-ctx.Done():
	case <-time.After(time.Second):
	}
}

// Status returns how far this log is.
func (l *lane) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status
}
