package usage

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"time"

	"github.com/uhdadmin/media-gateway/shared/period"
	"github.com/uhdadmin/media-gateway/supervisor/internal/durable"
)

// snapshot is a file of all counters, written as a whole:
//
//	{"format":1,"access":{…},"usage":{…},"periods":[{"kind":"daily","key":"2026-11-22"},…]}
//	"user 1 3f2a…" 0 12 34567 1 12 34567     subject, then of each period: its place in periods, requests, bytes
//	end 1                                    how many subjects there are
type snapshot struct {
	path string

	last  Positions // what the file is of, once written by this process
	any   bool
	begun time.Time     // of the last write
	took  time.Duration // and how long
	must  bool          // the next save is the last
}

const snapshotFormat = 1

type snapshotHead struct {
	Format int `json:"format"`
	Positions
	Periods []redisName `json:"periods"`
}

func (s *snapshot) touched([]uint32)       {}
func (s *snapshot) remade([]period.Period) {}

// dutyCycle bounds how much of the time is spent writing: a large file is written less often.
const dutyCycle = 50

func (s *snapshot) save(_ context.Context, c *Counter) (Positions, error) {
	if !s.must && time.Since(s.begun) < dutyCycle*s.took {
		return s.last, nil
	}
	s.begun = time.Now()
	c.mu.Lock()
	if s.any && c.book.at == s.last {
		c.mu.Unlock()
		return s.last, nil
	}
	b := c.book.clone()
	c.mu.Unlock()
	if err := durable.WriteStream(s.path, 0o600, b.write); err != nil {
		return Positions{}, fmt.Errorf("save usage to disk: %w", err)
	}
	s.last, s.any, s.took = b.at, true, time.Since(s.begun)
	return b.at, nil
}

func (b *book) write(to io.Writer) error {
	w := bufio.NewWriterSize(to, 64<<10)
	head := snapshotHead{Format: snapshotFormat, Positions: b.at}
	for _, t := range b.tables {
		head.Periods = append(head.Periods, redisName{t.Kind, t.Key})
	}
	if err := json.NewEncoder(w).Encode(head); err != nil {
		return err
	}
	var line []byte
	written := 0
	for n, s := range b.subjects {
		line = strconv.AppendQuote(line[:0], string(s))
		named := len(line)
		for i, t := range b.tables {
			if row := t.get(uint32(n)); row.changed != 0 {
				for _, v := range [...]int64{int64(i), row.Requests, row.Bytes} {
					line = strconv.AppendInt(append(line, ' '), v, 10)
				}
			}
		}
		if len(line) == named {
			continue
		}
		written++
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(w, "end %d\n", written); err != nil {
		return err
	}
	return w.Flush()
}

// load reads the file. nil: there is none.
func (s *snapshot) load(zone *time.Location) (*book, error) {
	f, err := os.Open(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read usage from disk: %w", durable.Cured(err))
	}
	defer func() { _ = f.Close() }()
	b, err := readBook(f, zone)
	if err != nil {
		return nil, fmt.Errorf("read usage from disk: %s: %w", s.path, err)
	}
	return b, nil
}

func readBook(from io.Reader, zone *time.Location) (*book, error) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	var head snapshotHead
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &head) != nil || head.Format != snapshotFormat {
		return nil, errors.New("its first line is not one of this format")
	}
	b := newBook(zone)
	b.at = head.Positions
	tables := make([]*table, 0, len(head.Periods))
	for _, name := range head.Periods {
		p, err := period.Parse(name.Kind, name.Key, zone)
		if err != nil {
			return nil, err
		}
		tables = append(tables, b.open(p))
	}
	for count := 0; lines.Scan(); count++ {
		line := lines.Bytes()
		if end, ok := bytes.CutPrefix(line, []byte("end ")); ok {
			if string(end) != strconv.Itoa(count) {
				return nil, fmt.Errorf("it has %d subjects and says %s", count, end)
			}
			return b, nil
		}
		if err := b.readLine(string(line), tables); err != nil {
			return nil, fmt.Errorf("line %d: %w", count+2, err)
		}
	}
	return nil, errors.Join(errors.New("it ends early"), lines.Err())
}

func (b *book) readLine(line string, tables []*table) error {
	quoted, err := strconv.QuotedPrefix(line)
	if err != nil {
		return err
	}
	name, err := strconv.Unquote(quoted)
	if err != nil {
		return err
	}
	n, ok := b.number([]byte(name))
	if !ok {
		return errors.New("too many subjects")
	}
	rest := line[len(quoted):]
	for len(rest) > 0 {
		var v [3]int64
		for i := range v {
			if v[i], rest, err = nextNumber(rest); err != nil {
				return err
			}
		}
		if v[0] < 0 || v[0] >= int64(len(tables)) {
			return fmt.Errorf("there is no period %d", v[0])
		}
		b.set(tables[v[0]], n, Count{v[1], v[2]})
	}
	return nil
}

// nextNumber reads a space and a number.
func nextNumber(s string) (n int64, rest string, err error) {
	end := 1
	for end < len(s) && s[end] != ' ' {
		end++
	}
	if len(s) < 2 || s[0] != ' ' {
		return 0, "", errors.New("a number is missing")
	}
	n, err = strconv.ParseInt(s[1:end], 10, 64)
	return n, s[end:], err
}
