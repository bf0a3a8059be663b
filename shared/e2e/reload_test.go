package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/standin"
)

// TestReloadsUnderLoad: 50 reloads under 200 requests per second, half of them on connections that stay
// open; not one request fails, and a slow download across all of them is exact to the byte.
func TestReloadsUnderLoad(t *testing.T) {
	const reloads = 50
	s := startScripted(t)
	generation := adminState(t, s.slave.Root).Generation

	download := s.startDownload(t)
	load := s.startLoad(t)
	for i := range reloads {
		s.publish(t, s.good(fmt.Sprintf("reload%d", i)))
		if ack := s.waitAck(t); ack.Status != api.AckApplied {
			t.Fatalf("%+v", ack)
		}
	}
	if n := load(); n == 0 {
		t.Error("no load")
	} else {
		t.Logf("%d requests through %d reloads", n, reloads)
	}
	download()
	if now := adminState(t, s.slave.Root).Generation; now != generation+reloads {
		t.Errorf("generation went from %d to %d, want %d reloads", generation, now, reloads)
	}
}

// startLoad asks 200 times per second until the returned function is called, which tells how many
// answers came.
func (s *scripted) startLoad(t testing.TB) (stop func() int64) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var answered atomic.Int64
	keepAlive := &http.Client{Timeout: patience}
	for i, client := range []*http.Client{oneShot, keepAlive, oneShot, keepAlive} {
		wg.Go(func() {
			tick := time.NewTicker(20 * time.Millisecond) // 4 clients at 50 per second
			defer tick.Stop()
			for ctx.Err() == nil {
				<-tick.C
				req, err := http.NewRequest(http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/System/Info/Public", s.port), nil)
				if err != nil {
					t.Error(err)
					return
				}
				req.Host = names[i%len(names)]
				res, err := client.Do(req)
				if err != nil {
					t.Errorf("a request failed: %v", err)
					return
				}
				_, err = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				if err != nil || res.StatusCode != http.StatusOK {
					t.Errorf("a request got %d, %v", res.StatusCode, err)
					return
				}
				answered.Add(1)
			}
		})
	}
	return func() int64 {
		cancel()
		wg.Wait()
		return answered.Load()
	}
}

// startDownload reads a film slowly until the returned function is called; then it reads on at full
// speed to the end and compares every byte.
func (s *scripted) startDownload(t testing.TB) (finish func()) {
	t.Helper()
	const size = 256 << 20 // more than all buffers on the way hold
	res := ask(t, s.port, names[0], fmt.Sprintf("/Videos/film/stream.mkv?static=true&size=%d", size))
	if res.StatusCode != http.StatusOK {
		t.Fatalf("the download got %d", res.StatusCode)
	}
	content := io.NewSectionReader(standin.NewContent("film", size), 0, size)
	hurry := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		defer func() { _ = res.Body.Close() }()
		got, want := make([]byte, 64<<10), make([]byte, 64<<10)
		slow := time.NewTicker(10 * time.Millisecond)
		defer slow.Stop()
		for {
			select {
			case <-slow.C:
			case <-hurry:
			}
			n, err := io.ReadFull(res.Body, got)
			if _, wantErr := io.ReadFull(content, want[:n]); wantErr != nil && n > 0 {
				done <- fmt.Errorf("the download is longer than the film: %w", wantErr)
				return
			}
			if !bytes.Equal(got[:n], want[:n]) {
				done <- fmt.Errorf("the download differs within 64 KiB before byte %d", size)
				return
			}
			if err != nil {
				if rest, _ := content.Seek(0, io.SeekCurrent); rest != size {
					err = fmt.Errorf("cut after %d of %d bytes: %w", rest, size, err)
				} else {
					err = nil
				}
				done <- err
				return
			}
		}
	}()
	return func() {
		close(hurry)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestRulesWithoutReload: a change of rules alone reaches every worker without a reload.
func TestRulesWithoutReload(t *testing.T) {
	s := startScripted(t)
	before := adminState(t, s.slave.Root)
	config := s.good("first")
	config.LuaConfig.BlockList = append(config.LuaConfig.BlockList, api.PathRule{Pattern: "/new", MatchType: api.MatchPrefix})
	hash := s.publish(t, config)
	if ack := s.waitAck(t); ack.Status != api.AckApplied {
		t.Fatalf("%+v", ack)
	}
	after := adminState(t, s.slave.Root)
	if after.Generation != before.Generation {
		t.Errorf("generation went from %d to %d", before.Generation, after.Generation)
	}
	if len(after.Workers) == 0 {
		t.Error("no worker reports")
	}
	for _, w := range after.Workers {
		if w.RulesHash != hash {
			t.Errorf("worker %d has rules %s, want %s", w.PID, w.RulesHash, hash)
		}
	}
	for range 20 { // whichever worker answers
		res := ask(t, s.port, names[0], "/new/thing")
		_ = res.Body.Close()
		if res.StatusCode != http.StatusForbidden {
			t.Fatalf("status %d from a worker that should know the rule", res.StatusCode)
		}
	}
}
