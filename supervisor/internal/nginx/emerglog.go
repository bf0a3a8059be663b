package nginx

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// logMark is a place in emerg.log.
type logMark int64

// emergLine is `2024/01/31 12:00:00 [emerg] 17#17: message`; the pid tells the master's own lines from
// those of `nginx -t`, which opens the same log.
var emergLine = regexp.MustCompile(`^\S+ \S+ \[emerg\] (\d+)#\d+: (?:\*\d+ )?(.*)$`)

// resetEmergLog empties emerg.log for a new master. nginx appends, so an old worker that still has the
// file open does no harm.
func (s *Server) resetEmergLog() error {
	if err := os.WriteFile(s.paths.emergLog, nil, 0o644); err != nil {
		return fmt.Errorf("empty nginx's emerg log: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mark = 0
	return nil
}

// markEmergLog makes emergLines leave out what has been written so far.
func (s *Server) markEmergLog() {
	info, err := os.Stat(s.paths.emergLog)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mark = 0
	if err == nil {
		s.mark = logMark(info.Size())
	}
}

// emergLines returns the messages that the master pid has written since the mark.
func (s *Server) emergLines(pid int) []string {
	s.mu.Lock()
	mark := s.mark
	s.mu.Unlock()
	b, err := readFrom(s.paths.emergLog, int64(mark))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return []string{"emerg log unreadable: " + err.Error()} // no proof that there is nothing
	}
	// A last line without its end is still being written.
	if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
		b = b[:i]
	} else {
		b = nil
	}
	var messages []string
	for line := range strings.Lines(string(b)) {
		m := emergLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m != nil && m[1] == strconv.Itoa(pid) {
			messages = append(messages, m[2])
		}
	}
	return messages
}

func readFrom(path string, offset int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.NewSectionReader(f, offset, 1<<20))
}

// refused reports whether these lines say that nginx gave up a reload. A port in use is tried five times
// before "still could not bind()".
func refused(lines []string) bool {
	for _, line := range lines {
		if !strings.HasPrefix(line, "bind() to ") {
			return true
		}
	}
	return false
}
