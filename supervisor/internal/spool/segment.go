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

	"github.com/uhdadmin/media-gateway/supervisor/internal/durable"
)

// segment is a part of the access log that nginx has done with, or is about to. Numbers, not times, say
// which is older: clocks go back.
type segment struct {
	number int64
	bytes  int64
}

const (
	prefix = "access-"
	suffix = ".log"
)

func (g segment) name() string { return fmt.Sprintf("%s%012d%s", prefix, g.number, suffix) }

// segments lists what is there, oldest first.
func (s *Spool) segments() ([]segment, error) {
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("list the spool: %w", durable.Cured(err))
	}
	var found []segment
	for _, e := range entries {
		number, ok := numberOf(e.Name())
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
		found = append(found, segment{number, info.Size()})
	}
	slices.SortFunc(found, func(a, b segment) int { return cmp.Compare(a.number, b.number) })
	return found, nil
}

func numberOf(name string) (int64, bool) {
	digits, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return 0, false
	}
	if digits, ok = strings.CutSuffix(digits, suffix); !ok || len(digits) != 12 {
		return 0, false
	}
	number, err := strconv.ParseInt(digits, 10, 64)
	return number, err == nil
}
