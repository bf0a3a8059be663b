package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/uhdadmin/media-gateway/supervisor/internal/durable"
)

// Append adds lines, each with its end, to the usage log, and returns when they are on disk: all of them, or
// on an error none.
func (s *Spool) Append(lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.usage
	if j.size() >= s.cfg.Rotate {
		// Here and not in look: a usage log that has a line keeps its last one, see Last.
		if err := s.rotate(j); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(s.path(fileName(Usage)), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("append to the usage log: %w", durable.Cured(err))
	}
	if err := appendWhole(f, j.whole, lines); err != nil {
		return fmt.Errorf("append to the usage log: %w", durable.Cured(err))
	}
	j.info = nil // what a failure left may have made it longer
	if err := s.surveyLive(j); err != nil {
		return err
	}
	j.whole = j.size()
	j.wake()
	return nil
}

// appendWhole writes lines at the end of the file's whole lines, in place of what an earlier failure may have
// left there.
func appendWhole(f *os.File, whole int64, lines []byte) error {
	err := f.Truncate(whole)
	if err == nil {
		_, err = f.Write(lines)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// Last returns the newest whole line of the usage log, nil when there is none.
func (s *Spool) Last() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := []string{fileName(Usage)}
	for _, g := range slices.Backward(s.usage.segments) {
		names = append(names, segmentName(Usage, g.number))
	}
	for _, name := range names {
		line, _, err := s.lastLine(name)
		if err != nil || line != nil {
			return line, err
		}
	}
	return nil, nil
}

// mendUsage cuts off what a crash left of a line at the usage log's end: nobody has read it, and the records
// in it are in nginx still.
func (s *Spool) mendUsage() error {
	_, end, err := s.lastLine(fileName(Usage))
	if err != nil {
		return err
	}
	if s.usage.whole = end; s.usage.size() == end {
		return nil
	}
	if err := os.Truncate(s.path(fileName(Usage)), end); err != nil {
		return durable.Cured(err)
	}
	s.usage.info = nil // shorter by our own hand
	return s.surveyLive(s.usage)
}

// lastLine returns the last whole line of a file, nil without one, and where it ends, its newline included.
func (s *Spool) lastLine(name string) (line []byte, end int64, err error) {
	f, err := os.Open(s.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, durable.Cured(err)
	}
	defer func() { _ = f.Close() }()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, 0, durable.Cured(err)
	}
	from := max(0, size-2*int64(s.cfg.MaxLine)) // a line and what may be left of one
	tail := make([]byte, size-from)
	if _, err := f.ReadAt(tail, from); err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, durable.Cured(err)
	}
	newline := bytes.LastIndexByte(tail, '\n')
	if newline < 0 {
		return nil, 0, nil
	}
	begin := bytes.LastIndexByte(tail[:newline], '\n') + 1
	return tail[begin:newline], from + int64(newline) + 1, nil
}
