package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// bench is a spool whose access log the test writes in nginx's place.
type bench struct {
	*Spool
	dir, state string
	log        *os.File // as nginx has it open; nil: closed
}

func newBench(t testing.TB, cfg Config) *bench {
	t.Helper()
	b := &bench{dir: t.TempDir(), state: filepath.Join(t.TempDir(), "spool.json")}
	b.reopen(t, cfg)
	return b
}

// reopen is a start of the supervisor.
func (b *bench) reopen(t testing.TB, cfg Config) {
	t.Helper()
	cfg.Dir, cfg.State = b.dir, b.state
	cfg.Reopen = func() error {
		if b.log == nil {
			return errors.New("nginx is down")
		}
		if _, err := os.Stat(b.dir); err != nil {
			return err // nginx keeps what it has open
		}
		_ = b.log.Close()
		b.open(t)
		return nil
	}
	b.Spool = open(t, cfg)
}

func (b *bench) open(t testing.TB) {
	t.Helper()
	var err error
	b.log, err = os.OpenFile(filepath.Join(b.dir, "access.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	testbed.Must(t, err)
	t.Cleanup(func() { _ = b.log.Close() })
}

func (b *bench) write(t testing.TB, text string) {
	t.Helper()
	if b.log == nil {
		b.open(t)
	}
	_, err := b.log.WriteString(text)
	testbed.Must(t, err)
}

// rotate makes a segment that is final.
func (b *bench) rotate(t testing.TB) {
	t.Helper()
	b.mu.Lock()
	testbed.Must(t, errors.Join(b.survey(b.access), b.Spool.rotate(b.access)))
	b.mu.Unlock()
	testbed.Must(t, b.look()) // nginx reopens
	testbed.Must(t, b.look()) // and has
}

// read returns the lines that a reader has now, and what was lost before them.
func read(t testing.TB, r *Reader) (lines []string, lost int64) {
	t.Helper()
	// A reader that finds nothing waits; that it has been told to look at all there was is known by its
	// having come to wait twice.
	for {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		b, err := r.Next(ctx)
		if errors.Is(err, context.Canceled) {
			return lines, lost
		}
		testbed.Must(t, err)
		for _, line := range b.Lines {
			lines = append(lines, string(line.Text))
		}
		lost += b.Lost
		r.Done(b.To)
	}
}

func want(t testing.TB, r *Reader, lost int64, lines ...string) {
	t.Helper()
	got, gone := read(t, r)
	if !slices.Equal(got, lines) || gone != lost {
		t.Errorf("read %.80q, lost %d; want %.80q, %d", got, gone, lines, lost)
	}
}

// TestFollow: two consumers at their own pace, over rotations and a restart; a segment goes when both are done.
func TestFollow(t *testing.T) {
	b := newBench(t, Config{})
	fast, slow := b.Follow(Access, "fast", Position{}), b.Follow(Access, "slow", Position{})
	b.write(t, "a\nb\nhalf")
	want(t, fast, 0, "a", "b")
	b.write(t, " a line\n")
	want(t, fast, 0, "half a line")
	b.rotate(t)
	b.write(t, "c\n")
	want(t, fast, 0, "c")
	testbed.Must(t, b.look())
	if n := b.Status().Segments; n != 1 {
		t.Fatalf("%d segments while one consumer has not read it", n)
	}
	first, err := slow.Next(t.Context())
	testbed.Must(t, err)
	if len(first.Lines) != 2 || first.To != (Position{1, 4}) {
		t.Fatalf("%+v", first)
	}
	slow.Done(first.To)

	b.reopen(t, Config{}) // from what they remember
	fast, slow = b.Follow(Access, "fast", Position{2, 2}), b.Follow(Access, "slow", first.To)
	testbed.Must(t, b.look())
	want(t, fast, 0)
	want(t, slow, 0, "half a line", "c")
	testbed.Must(t, b.look())
	if st := b.Status(); st.Segments != 0 || st.Consumers[1].LagBytes != 0 {
		t.Errorf("%+v", st)
	}
}

// TestNumbers: they go on though all files are gone, be it by our hand and a restart or by someone else's.
func TestNumbers(t *testing.T) {
	b := newBench(t, Config{})
	r := b.Follow(Access, "c", Position{})
	b.write(t, "a\n")
	b.rotate(t)
	b.write(t, "b\n")
	want(t, r, 0, "a", "b")
	testbed.Must(t, b.look())
	testbed.Must(t, b.log.Close())
	b.log = nil
	testbed.Must(t, os.RemoveAll(b.dir))
	testbed.Must(t, os.Mkdir(b.dir, 0o755))
	b.reopen(t, Config{})
	r = b.Follow(Access, "c", Position{2, 2})
	b.write(t, "c\n")
	got, err := r.Next(t.Context())
	testbed.Must(t, err)
	if got.From.Segment <= 2 || string(got.Lines[0].Text) != "c" {
		t.Errorf("%+v", got)
	}

	testbed.Must(t, os.RemoveAll(b.state))
	b.reopen(t, Config{})
	r = b.Follow(Access, "c", Position{41, 7}) // that another disk knew
	want(t, r, 0, "c")
	if b.access.live <= 41 {
		t.Errorf("number %d", b.access.live)
	}
}

// TestMeddling: what was read is not read again, what was not is lost and said, and all after it is read.
func TestMeddling(t *testing.T) {
	path := func(b *bench, name string) string { return filepath.Join(b.dir, name) }
	for name, tt := range map[string]struct {
		do    func(*testing.T, *bench)
		lost  int64
		lines []string
	}{
		"nothing":               {func(*testing.T, *bench) {}, 0, []string{"3", "4", "5", "6"}},
		"a segment is deleted":  {func(t *testing.T, b *bench) { testbed.Must(t, os.Remove(path(b, segmentName(Access, 2)))) }, 4, []string{"3", "6"}},
		"the one being read is": {func(t *testing.T, b *bench) { testbed.Must(t, os.Remove(path(b, segmentName(Access, 1)))) }, 2, []string{"4", "5", "6"}},
		"all segments are": {func(t *testing.T, b *bench) {
			testbed.Must(t, os.RemoveAll(path(b, segmentName(Access, 1))))
			testbed.Must(t, os.RemoveAll(path(b, segmentName(Access, 2))))
		}, 6, []string{"6"}},
		"the log is truncated":  {func(t *testing.T, b *bench) { testbed.Must(t, os.Truncate(path(b, "access.log"), 0)) }, 2, []string{"3", "4", "5"}},
		"the log is deleted":    {func(t *testing.T, b *bench) { testbed.Must(t, os.Remove(path(b, "access.log"))) }, 2, []string{"3", "4", "5"}},
		"the log is moved away": {func(t *testing.T, b *bench) { testbed.Must(t, os.Rename(path(b, "access.log"), path(b, "mine.log"))) }, 2, []string{"3", "4", "5"}},
		"a segment of the future": {func(t *testing.T, b *bench) {
			testbed.Must(t, os.WriteFile(path(b, segmentName(Access, 9)), []byte("x\n"), 0o644))
		}, 0, []string{"3", "4", "5", "6"}},
		"names that are none of ours": {func(t *testing.T, b *bench) {
			testbed.Must(t, os.WriteFile(path(b, "access-x.log"), []byte("x\n"), 0o644))
		}, 0, []string{"3", "4", "5", "6"}},
		"a segment is a folder's name": {func(t *testing.T, b *bench) { testbed.Must(t, os.Mkdir(path(b, "access-1"), 0o755)) }, 0, []string{"3", "4", "5", "6"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, Config{})
			r := b.Follow(Access, "c", Position{})
			b.write(t, "1\n2\n")
			first, err := r.Next(t.Context())
			testbed.Must(t, err)
			r.Done(first.To)
			b.write(t, "3\n")
			b.rotate(t)
			b.write(t, "4\n5\n")
			b.rotate(t)
			b.write(t, "6\n")
			testbed.Must(t, b.look())
			tt.do(t, b)
			testbed.Must(t, b.look())
			got, lost := read(t, r)
			testbed.Must(t, b.look()) // nginx has reopened
			b.write(t, "7\n")
			more, after := read(t, r)
			if all := append(got, more...); !slices.Equal(all, append(tt.lines, "7")) || lost+after != tt.lost {
				t.Errorf("read %q, lost %d; want %q and 7, %d", all, lost+after, tt.lines, tt.lost)
			}
			if n := testutil.ToFloat64(b.metrics.vanished.WithLabelValues(Access)); (n > 0) != (tt.lost > 0) {
				t.Errorf("counted %v files that vanished", n)
			}
		})
	}
}

// TestTruncatedWhileRead: the reader itself notices first.
func TestTruncatedWhileRead(t *testing.T) {
	b := newBench(t, Config{})
	r := b.Follow(Access, "c", Position{})
	b.write(t, "1\n2\n")
	want(t, r, 0, "1", "2")
	testbed.Must(t, os.Truncate(filepath.Join(b.dir, "access.log"), 0))
	b.write(t, "3\n")
	want(t, r, 0, "3")
	if got := r.at; got.Segment != 2 {
		t.Errorf("a position that was given before: %+v", got)
	}
}

// TestDroppedUnderReaders: over MaxBytes the oldest go, and each consumer is told how much it missed.
func TestDroppedUnderReaders(t *testing.T) {
	b := newBench(t, Config{MaxBytes: 45})
	ahead, behind := b.Follow(Access, "ahead", Position{}), b.Follow(Access, "behind", Position{})
	line := strings.Repeat("x", 9)
	b.write(t, line+"\n")
	first, err := behind.Next(t.Context())
	testbed.Must(t, err)
	behind.Done(first.To)
	b.write(t, line+"\n")
	want(t, ahead, 0, line, line)
	b.rotate(t)
	b.write(t, line+"\n"+line+"\n")
	b.rotate(t)
	b.write(t, line+"\n")
	testbed.Must(t, b.look()) // 50 of 45
	want(t, ahead, 0, line, line, line)
	want(t, behind, 10, line, line, line)
	if st := b.Status(); st.Dropped != 20 {
		t.Errorf("%+v", st)
	}
}

// TestLineByLine: whatever a line holds, it is handed over as it is, or skipped when it is too long to be
// one; memory stays bounded.
func TestLineByLine(t *testing.T) {
	b := newBench(t, Config{MaxLine: 100 << 10})
	r := b.Follow(Access, "c", Position{})
	long, most := strings.Repeat("l", 1<<20), strings.Repeat("m", 100<<10)
	b.write(t, "a\x00\x00\n\n\n\xff\xfe\n"+long+"\nb\n"+most+"\nc\n"+most+"m\nd\n")
	want(t, r, 1<<20+1+100<<10+2, "a\x00\x00", "\xff\xfe", "b", most, "c", "d")
	b.write(t, "cut off")
	b.rotate(t)
	b.write(t, "e\n")
	want(t, r, 0, "cut off", "e")
	b.write(t, long)
	b.rotate(t)
	b.write(t, "f\n")
	want(t, r, 1<<20, "f")
	if n := testutil.ToFloat64(b.metrics.longLines.WithLabelValues(Access, "c")); n != 3 {
		t.Errorf("counted %v", n)
	}
	// A file of NULs, as after a crash of the machine.
	testbed.Must(t, b.log.Truncate(1<<28))
	before := heap()
	want(t, r, 0)
	b.write(t, "\ng\n")
	want(t, r, 1<<28-1, "g")
	if grown := int64(heap()) - int64(before); grown > 4<<20 {
		t.Errorf("%d bytes of heap more", grown)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestNotified: a waiting reader has a line long before the next look.
func TestNotified(t *testing.T) {
	b := newBench(t, Config{Interval: time.Hour})
	r, usage := b.Follow(Access, "c", Position{}), b.Follow(Usage, "c", Position{})
	b.open(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { _ = b.Run(ctx) })
	testbed.Eventually(t, "it runs", func() bool { return b.Status().Consumers != nil })
	for i := range 5 {
		b.write(t, fmt.Sprintln(i))
		got, err := r.Next(ctx)
		testbed.Must(t, err)
		if string(got.Lines[0].Text) != fmt.Sprint(i) {
			t.Errorf("%q", got.Lines[0].Text)
		}
	}
	testbed.Must(t, b.Append([]byte("u\n")))
	got, err := usage.Next(ctx)
	testbed.Must(t, err)
	if string(got.Lines[0].Text) != "u" {
		t.Errorf("%q", got.Lines[0].Text)
	}
}

// TestFinalWhenClosed: a segment that someone writes to is not left before he is done.
func TestFinalWhenClosed(t *testing.T) {
	b := newBench(t, Config{})
	r := b.Follow(Access, "c", Position{})
	b.write(t, "1\n")
	late, err := os.OpenFile(filepath.Join(b.dir, "access.log"), os.O_APPEND|os.O_WRONLY, 0)
	testbed.Must(t, err)
	b.rotate(t)
	b.write(t, "3\n")
	for range 2 * quietLooks {
		testbed.Must(t, b.look())
	}
	want(t, r, 0, "1")
	_, err = late.WriteString("2\n")
	testbed.Must(t, errors.Join(err, late.Close()))
	want(t, r, 0, "2")
	testbed.Must(t, b.look())
	want(t, r, 0, "3")
}

// TestAppend: usage lines are whole, also after a crash in the middle of one, and the last one is known as
// long as any was written.
func TestAppend(t *testing.T) {
	b := newBench(t, Config{Rotate: 10})
	r := b.Follow(Usage, "c", Position{})
	if line, err := b.Last(); line != nil || err != nil {
		t.Errorf("%q %v", line, err)
	}
	testbed.Must(t, b.Append([]byte("one\ntwo\n")))
	testbed.Must(t, b.Append([]byte("three\n")))
	want(t, r, 0, "one", "two", "three")
	testbed.Must(t, b.look())
	f, err := os.OpenFile(filepath.Join(b.dir, "usage.log"), os.O_APPEND|os.O_WRONLY, 0)
	testbed.Must(t, err)
	_, err = f.WriteString("half")
	testbed.Must(t, errors.Join(err, f.Close()))
	b.reopen(t, Config{Rotate: 10})
	r = b.Follow(Usage, "c", r.done)
	if line, err := b.Last(); string(line) != "three" || err != nil {
		t.Errorf("%q %v", line, err)
	}
	testbed.Must(t, b.Append([]byte("four\n"))) // in a file of its own
	want(t, r, 0, "four")
	for range 3 {
		testbed.Must(t, b.look())
	}
	if b.Status().Segments != 0 {
		t.Errorf("%+v", b.Status())
	}
	// A rotation with nothing after it: the line stays.
	b.mu.Lock()
	testbed.Must(t, b.Spool.rotate(b.usage))
	b.mu.Unlock()
	testbed.Must(t, b.look())
	b.reopen(t, Config{Rotate: 10})
	b.Follow(Usage, "c", r.done)
	testbed.Must(t, b.look())
	if line, err := b.Last(); string(line) != "four" || err != nil {
		t.Errorf("%q %v", line, err)
	}
}

func BenchmarkTail(b *testing.B) {
	s := newBench(b, Config{})
	line := append(bytes.Repeat([]byte("x"), 699), '\n')
	s.write(b, string(bytes.Repeat(line, 100000)))
	r := s.Follow(Access, "c", Position{})
	b.ReportAllocs()
	b.SetBytes(700)
	lines := 0
	for b.Loop() {
		if lines == 0 {
			got, err := r.Next(b.Context())
			testbed.Must(b, err)
			if lines = len(got.Lines); got.To.Offset == 70000000 {
				r.at = Position{1, 0}
				s.access.shelf.blocks = nil
			}
		}
		lines--
	}
}
