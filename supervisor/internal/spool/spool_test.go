package spool

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/uhdadmin/media-gateway/shared/testbed"
)

const patience = time.Minute

var logName = fileName(Access)

// reachable is a folder that nginx's workers may enter.
func reachable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "uhd")
	testbed.Must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	testbed.Must(t, os.Chmod(dir, 0o755))
	return dir
}

func open(t testing.TB, cfg Config) *Spool {
	t.Helper()
	cfg.Log, cfg.Registerer = slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	cfg.Owner = cmp.Or(cfg.Owner, os.Geteuid())
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, 1<<30)
	if cfg.State == "" {
		cfg.State = filepath.Join(t.TempDir(), "spool.json")
	}
	if cfg.Reopen == nil {
		cfg.Reopen = func() error { return nil }
	}
	s, err := Open(cfg)
	testbed.Must(t, err)
	return s
}

// workers returns the user id that the test's nginx gives its workers, and the directive for it.
func workers() (uid int, directive string) {
	if os.Geteuid() == 0 {
		return 65534, "user nobody nogroup;"
	}
	return os.Geteuid(), ""
}

// TestNoLineIsLost: while players hammer an nginx that buffers its log as ours does, and the log is rotated dozens of
// times, each request has its line, once.
func TestNoLineIsLost(t *testing.T) {
	if _, err := exec.LookPath("nginx"); err != nil {
		t.Skip("SKIPPED: there is no nginx on PATH")
	}
	root := reachable(t)
	uid, user := workers()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	testbed.Must(t, err)
	address := ln.Addr().String()
	testbed.Must(t, ln.Close())
	dir := filepath.Join(root, "spool")
	testbed.Must(t, os.Mkdir(dir, 0o755))
	conf := filepath.Join(root, "nginx.conf")
	testbed.Must(t, os.WriteFile(conf, fmt.Appendf(nil, `%s
pid %[2]s/pid; error_log stderr warn; worker_processes 2;
events {}
http {
    log_format uhd escape=json '{"n":"$arg_n","ua":"$http_user_agent"}';
    access_log %[2]s/spool/access.log uhd buffer=8k flush=1s;
    client_body_temp_path %[2]s/tmp; proxy_temp_path %[2]s/tmp; fastcgi_temp_path %[2]s/tmp; uwsgi_temp_path %[2]s/tmp; scgi_temp_path %[2]s/tmp;
    keepalive_requests 100000;
    server { listen %[3]s reuseport; location / { return 204; } }
}
`, user, root, address), 0o644))
	cmd := exec.Command("nginx", "-e", "stderr", "-c", conf, "-g", "daemon off;")
	var said bytes.Buffer
	cmd.Stderr = &said
	testbed.Must(t, cmd.Start())
	exited := make(chan struct{})
	go func() { defer close(exited); _ = cmd.Wait() }()
	quit := sync.OnceFunc(func() { _ = cmd.Process.Signal(syscall.SIGQUIT); <-exited })
	defer quit()
	testbed.Eventually(t, "nginx answers", func() bool {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})

	s := open(t, Config{
		Dir: dir, Owner: uid, MaxBytes: 1 << 30, Rotate: 48 << 10, Interval: 10 * time.Millisecond,
		Reopen: func() error { return cmd.Process.Signal(syscall.SIGUSR1) },
	})
	// The one follower reads slowly at first; what it is done with is deleted under its feet.
	const players, each = 8, 3000
	seen, size := map[string]int{}, int64(0)
	reader := s.Follow(Access, "test", Position{})
	following, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	var follower sync.WaitGroup
	follower.Go(func() {
		for len(seen) < players*each {
			b, err := reader.Next(following)
			if err != nil {
				t.Errorf("%d lines: %v", len(seen), err)
				return
			}
			for _, line := range b.Lines {
				seen[string(line.Text)]++
				size += int64(len(line.Text)) + 1
			}
			if b.Lost > 0 {
				t.Errorf("lost %d bytes before %+v", b.Lost, b.From)
			}
			reader.Done(b.To)
		}
	})

	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) })

	var load sync.WaitGroup
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: players}}
	var failed atomic.Int64
	for p := range players {
		load.Go(func() {
			for i := range each {
				resp, err := client.Get(fmt.Sprintf("http://%s/?n=%d", address, p*each+i))
				if err != nil {
					failed.Add(1)
					continue
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		})
	}
	load.Wait()
	client.CloseIdleConnections()
	follower.Wait()
	testbed.Eventually(t, "all but the newest segment are deleted", func() bool {
		segments, err := s.segments(Access)
		testbed.Must(t, err)
		return len(segments) <= 1
	})
	cancel()
	running.Wait()
	quit()
	if failed.Load() > 0 {
		t.Fatalf("%d requests failed: %s", failed.Load(), said.String())
	}
	rotations := testutil.ToFloat64(s.metrics.rotations.WithLabelValues(Access))
	if rotations < 3 {
		t.Errorf("%v rotations only", rotations)
	}
	if len(seen) != players*each {
		t.Errorf("%d distinct lines, want %d", len(seen), players*each)
	}
	for line, n := range seen {
		if n != 1 || !strings.HasSuffix(line, "}") {
			t.Errorf("%d times %q", n, line)
		}
	}
	if text := said.String(); strings.Contains(text, "[emerg]") || strings.Contains(text, "[alert]") {
		t.Error(text)
	}
	t.Logf("%d requests, %d bytes, %v rotations", len(seen), size, rotations)
}

// TestRotatesByAge, but not what is empty.
func TestRotatesByAge(t *testing.T) {
	dir := t.TempDir()
	var reopened int
	s := open(t, Config{
		Dir: dir, Owner: os.Geteuid(), MaxBytes: 1 << 30, RotateAge: time.Nanosecond,
		Reopen: func() error { reopened++; return os.WriteFile(filepath.Join(dir, logName), nil, 0o644) },
	})
	testbed.Must(t, s.look()) // there is no log yet
	if reopened != 1 {
		t.Error("nginx was not told that it has no log")
	}
	testbed.Must(t, os.WriteFile(filepath.Join(dir, logName), nil, 0o644))
	testbed.Must(t, s.look())
	if s.Status().Segments != 0 {
		t.Error("rotated an empty log")
	}
	testbed.Must(t, os.WriteFile(filepath.Join(dir, logName), []byte("line\n"), 0o644))
	testbed.Must(t, s.look())
	testbed.Must(t, s.look())
	if got := s.Status(); got.Segments != 1 || got.Bytes != 5 || reopened != 2 {
		t.Errorf("%+v, reopened %d times", got, reopened)
	}
}

// TestReopensUntilHeard: an nginx that is being started takes no signal.
func TestReopensUntilHeard(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, logName)
	down, asked := errors.New("nginx is down"), 0
	s := open(t, Config{
		Dir: dir, Owner: os.Geteuid(), MaxBytes: 1 << 20, Rotate: 1,
		Reopen: func() error {
			if asked++; asked < 3 {
				return down
			}
			return os.WriteFile(log, nil, 0o644)
		},
	})
	testbed.Must(t, os.WriteFile(log, []byte("line\n"), 0o644))
	for range 6 {
		testbed.Must(t, s.look())
	}
	if asked != 3 {
		t.Errorf("asked %d times, want 3", asked)
	}
}

// TestDropsOldest when there is more than allowed, and counts it; numbers go on from what is there.
func TestDropsOldest(t *testing.T) {
	dir := t.TempDir()
	for n := int64(7); n <= 10; n++ {
		testbed.Must(t, os.WriteFile(filepath.Join(dir, segmentName(Access, n)), bytes.Repeat([]byte("x"), 100), 0o644))
	}
	testbed.Must(t, os.WriteFile(filepath.Join(dir, "access-notes.log"), []byte("not ours"), 0o644))
	log := filepath.Join(dir, logName)
	testbed.Must(t, os.WriteFile(log, bytes.Repeat([]byte("y"), 100), 0o644))
	s := open(t, Config{
		Dir: dir, Owner: os.Geteuid(), MaxBytes: 250, Rotate: 100,
		Reopen: func() error { return os.WriteFile(log, nil, 0o644) },
	})
	testbed.Must(t, s.look())
	got, err := s.segments(Access)
	testbed.Must(t, err)
	if len(got) != 2 || got[0].number != 10 || got[1].number != 11 {
		t.Errorf("segments %+v, want 10 and 11", got)
	}
	if st := s.Status(); st.Dropped != 300 || st.Bytes != 200 {
		t.Errorf("%+v", st)
	}
	if n := testutil.ToFloat64(s.metrics.droppedBytes.WithLabelValues(Access)); n != 300 {
		t.Errorf("counted %v bytes", n)
	}
	if _, err := os.Stat(filepath.Join(dir, "access-notes.log")); err != nil {
		t.Error("another's file is gone")
	}
}
