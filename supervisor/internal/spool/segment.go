package spool

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uhdadmin/media-gateway/supervisor/internal/durable"
)

// segment is a part of a log that its writer has done with, or is about to. Numbers, not times, say which
// is older: clocks go back.
type segment struct {
	number  int64
	bytes   int64
	written time.Time // last, as the file system says
	final   bool      // nobody writes to it any more
	quiet   int       // looks in a row at which it had not grown
}

const suffix = ".log"

func fileName(log string) string { return log + suffix }

func segmentName(log string, number int64) string {
	return fmt.Sprintf("%s-%012d%s", log, number, suffix)
}

// segments lists those of a log that are there, oldest first.
func (s *Spool) segments(log string) ([]segment, error) {
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("list the spool: %w", durable.Cured(err))
	}
	var found []segment
	for _, e := range entries {
		number, ok := numberOf(log, e.Name())
		if !ok {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list the spool: %w", durable.Cured(err))
		}
		found = append(found, segment{number: number, bytes: info.Size(), written: info.ModTime()})
	}
	slices.SortFunc(found, func(a, b segment) int { return cmp.Compare(a.number, b.number) })
	return found, nil
}

func numberOf(log, name string) (int64, bool) {
	digits, ok := strings.CutPrefix(name, log+"-")
	if !ok {
		return 0, false
	}
	if digits, ok = strings.CutSuffix(digits, suffix); !ok || len(digits) != 12 {
		return 0, false
	}
	number, err := strconv.ParseInt(digits, 10, 64)
	return number, err == nil && number > 0
}
