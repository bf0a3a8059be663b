package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/uhdadmin/media-gateway/supervisor/internal/durable"
)

// numbers is the file Config.State: the numbers of the two files being written, so that none is given twice
// when all segments are gone.
type numbers struct {
	Access int64 `json:"access"`
	Usage  int64 `json:"usage"`
}

// loadNumbers goes on from what is on disk and from the segments that are there, whichever is higher. A
// file that does not read is a new beginning: Follow raises numbers over those that consumers remember.
func (s *Spool) loadNumbers() error {
	var n numbers
	b, err := os.ReadFile(s.cfg.State)
	switch {
	case errors.Is(err, fs.ErrNotExist): // the first start
	case err != nil:
		return fmt.Errorf("read %s: %w", s.cfg.State, durable.Cured(err))
	default:
		if err := json.Unmarshal(b, &n); err != nil {
			s.cfg.Log.Error("Numbers of the spool are not readable and begin anew", "file", s.cfg.State, "error", err)
		}
	}
	for j, saved := range map[*journal]int64{s.access: n.Access, s.usage: n.Usage} {
		if j.segments, err = s.segments(j.log); err != nil {
			return err
		}
		if err := s.surveyLive(j); err != nil {
			return err
		}
		j.saved = saved
		j.live = max(1, saved)
		if n := len(j.segments); n > 0 {
			j.live = max(j.live, j.segments[n-1].number+1)
		}
	}
	return nil
}

// saveNumbers makes the numbers durable; false: they are not, and segments keep them meanwhile.
func (s *Spool) saveNumbers() bool {
	n := numbers{s.access.live, s.usage.live}
	b, err := json.Marshal(n)
	if err == nil {
		err = durable.WriteFile(s.cfg.State, append(b, '\n'), 0o600)
	}
	if err != nil {
		s.metrics.errors.Inc()
		s.cfg.Log.Error("Numbers of the spool are not on disk, tried again later", "error", err)
		return false
	}
	s.access.saved, s.usage.saved = n.Access, n.Usage
	return true
}
