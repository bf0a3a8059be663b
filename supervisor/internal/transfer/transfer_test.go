package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/uhdadmin/media-gateway/shared/testbed"
	"github.com/uhdadmin/media-gateway/supervisor/internal/accesslog"
	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
	"github.com/uhdadmin/media-gateway/supervisor/internal/spool"
)

// keeper is nginx's side, as lua/uhd/usage.lua does it; the end-to-end tests have the real one.
type keeper struct {
	epoch   string
	first   int64 // lowest number that is kept
	records []string
	closed  bool
	fail    error // instead of an answer
}

func (k *keeper) add(records ...string) { k.records = append(k.records, records...) }

func (k *keeper) Usage(_ context.Context, q nginx.UsageQuery) (nginx.Usage, error) {
	if k.fail != nil {
		return nginx.Usage{}, k.fail
	}
	k.closed = k.closed || q.Close
	for q.Epoch == k.epoch && k.first <= q.After && len(k.records) > 0 {
		k.first++
		k.records = k.records[1:]
	}
	answer := nginx.Usage{Epoch: k.epoch}
	for i, r := range k.records[:min(len(k.records), q.Limit)] {
		if strings.HasPrefix(r, "{") {
			r = fmt.Sprintf(`{"seq":%d,%s`, k.first+int64(i), r[1:])
		}
		answer.Usage = append(answer.Usage, json.RawMessage(r))
	}
	return answer, nil
}

func line(n int) string {
	return fmt.Sprintf(`{"timestamp":17.5,"request_id":"r","scope":"7","play_session_id":"p%d","bytes":%d}`, n, n)
}

type side struct {
	*Collector
	spool   *spool.Spool
	dir     string
	seen    []string
	unheard int
}

func (s *side) Count() int { return 0 }

func (s *side) See(e *accesslog.Entry) {
	s.seen = append(s.seen, fmt.Sprintf("%s/%s", e.Scope, e.PlaySessionID))
}

func (s *side) Unheard() { s.unheard++ }

// start is a start of the supervisor on dir.
func start(t *testing.T, k *keeper, dir string) *side {
	t.Helper()
	s := &side{dir: dir}
	testbed.Must(t, os.MkdirAll(filepath.Join(dir, "spool"), 0o755))
	log := slog.New(slog.DiscardHandler)
	var err error
	s.spool, err = spool.Open(spool.Config{
		Dir: filepath.Join(dir, "spool"), State: filepath.Join(dir, "spool.json"), Owner: os.Geteuid(), MaxBytes: 1 << 30, Rotate: 1000,
		Reopen: func() error { return nil }, Log: log, Registerer: prometheus.NewRegistry(),
	})
	testbed.Must(t, err)
	s.Collector, err = New(Config{
		Nginx: k, Spool: s.spool, Sessions: s, Log: log, Registerer: prometheus.NewRegistry(),
	})
	testbed.Must(t, err)
	return s
}

// kept returns the bytes of all records in the usage log, in order.
func (s *side) kept(t *testing.T) (bytes []int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.dir, "spool", "usage*.log"))
	testbed.Must(t, err)
	for i, file := range files { // segments come before the log itself
		if i == 0 && len(files) > 1 && !strings.Contains(file, "usage-") {
			t.Fatal(files)
		}
		text, err := os.ReadFile(file)
		testbed.Must(t, err)
		for line := range strings.Lines(string(text)) {
			var r struct {
				Epoch string
				Bytes int
			}
			testbed.Must(t, json.Unmarshal([]byte(line), &r))
			if r.Epoch == "" {
				t.Errorf("no epoch in %s", line)
			}
			bytes = append(bytes, r.Bytes)
		}
	}
	return bytes
}

func (s *side) wantKept(t *testing.T, n int) {
	t.Helper()
	got := s.kept(t)
	if len(got) != n {
		t.Fatalf("%d records are kept, want %d: %v", len(got), n, got)
	}
	for i, bytes := range got {
		if bytes != i+1 {
			t.Fatalf("record %d: %v", i, got)
		}
	}
}

func (s *side) takeAll(t *testing.T) {
	t.Helper()
	for {
		taken, err := s.take(t.Context(), false)
		testbed.Must(t, err)
		if taken == 0 {
			return
		}
	}
}

// TestOnce: whatever fails or starts anew in between, each record is kept once, in order.
func TestOnce(t *testing.T) {
	k := &keeper{epoch: "e1", first: 1}
	dir := t.TempDir()
	s := start(t, k, dir)
	for n := 1; n <= 30; n++ {
		k.add(line(n))
	}
	s.takeAll(t)
	s.wantKept(t, 30)
	if len(k.records) != 0 {
		t.Errorf("nginx keeps %d records that are on disk", len(k.records))
	}
	if len(s.seen) != 30 || s.seen[0] != "7/p1" {
		t.Errorf("signs of life: %v", s.seen)
	}

	k.add(line(31))
	_, err := s.take(t.Context(), false) // on disk, and not confirmed
	testbed.Must(t, err)
	s = start(t, k, dir)
	k.add(line(32))
	s.takeAll(t)
	s.wantKept(t, 32)

	k.fail = errors.New("nginx is down")
	if _, err := s.take(t.Context(), false); err == nil {
		t.Error("no error")
	}
	*k = keeper{epoch: "e2", first: 1} // it was started anew
	k.add(line(33), line(34))
	s.takeAll(t)
	s.wantKept(t, 34)
	*k = keeper{epoch: "e3", first: 1} // with this side down as well
	k.add(line(35))
	s = start(t, k, dir)
	s.takeAll(t)
	s.wantKept(t, 35)
}

// TestFullDisk: what does not get on disk stays with nginx, and is a sign of life all the same, once.
func TestFullDisk(t *testing.T) {
	k := &keeper{epoch: "e", first: 1}
	s := start(t, k, t.TempDir())
	k.add(line(1))
	s.takeAll(t)
	blocked := filepath.Join(s.dir, "spool", "usage.log")
	testbed.Must(t, os.Rename(blocked, blocked+".aside"))
	testbed.Must(t, os.Mkdir(blocked, 0o755))
	k.add(line(2))
	for range 2 {
		if _, err := s.take(t.Context(), false); err == nil {
			t.Error("no error")
		}
	}
	if n := testutil.ToFloat64(s.metrics.errors); n != 2 {
		t.Errorf("counted %v", n)
	}
	if s.unheard != 2 {
		t.Errorf("sessions heard %d times that signs of life do not come in", s.unheard)
	}
	testbed.Must(t, os.Remove(blocked))
	testbed.Must(t, os.Rename(blocked+".aside", blocked))
	s.takeAll(t)
	s.wantKept(t, 2)
	if !slices.Equal(s.seen, []string{"7/p1", "7/p2"}) {
		t.Errorf("signs of life: %v", s.seen)
	}
	*k = keeper{epoch: "of another nginx", first: 1}
	k.add(line(3))
	s.takeAll(t)
	if s.wantKept(t, 3); len(s.seen) != 3 || s.unheard != 2 {
		t.Errorf("signs of life: %v, not heard %d", s.seen, s.unheard)
	}
}

// TestGarbage: a record that is no entry neither stops the others nor comes for ever.
func TestGarbage(t *testing.T) {
	k := &keeper{epoch: "e", first: 1}
	s := start(t, k, t.TempDir())
	k.add(line(1), `{"timestamp":-1}`, "{\"timestamp\":1,\n\"bytes\":1}", line(2))
	s.takeAll(t)
	s.wantKept(t, 2)
	if len(k.records) != 0 || testutil.ToFloat64(s.metrics.garbage) != 2 {
		t.Errorf("nginx keeps %q; %v were counted", k.records, testutil.ToFloat64(s.metrics.garbage))
	}
}

// TestClose takes all there is, and makes nginx keep no more.
func TestClose(t *testing.T) {
	k := &keeper{epoch: "e", first: 1}
	s := start(t, k, t.TempDir())
	for n := 1; n <= 3*perCall; n++ {
		k.add(line(n))
	}
	s.Close(t.Context())
	s.wantKept(t, 3*perCall)
	if !k.closed || len(k.records) != 0 {
		t.Errorf("closed: %v, %d records are left", k.closed, len(k.records))
	}
}

// TestPace: nginx is asked as often as someone needs, and seldom while nothing plays.
func TestPace(t *testing.T) {
	s := start(t, &keeper{epoch: "e", first: 1}, t.TempDir())
	if p := s.pause(0); p != seldom {
		t.Errorf("at rest: %v", p)
	}
	if p := s.pause(1); p != often {
		t.Errorf("while records come: %v", p)
	}
	s.SetPace(50 * time.Millisecond)
	if p := s.pause(0); p != 50*time.Millisecond {
		t.Errorf("near a limit: %v", p)
	}
	s.SetPace(time.Hour)
	if p := s.pause(1); p != often {
		t.Errorf("a pace that is slower than our own: %v", p)
	}
}
