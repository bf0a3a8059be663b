package nginx

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

const streamChunks = 30

// streaming answers 30 kB over more than a second.
const streaming = `location / { content_by_lua_block {
    for i = 1, 30 do ngx.print(string.rep("x", 1000)); ngx.flush(true); ngx.sleep(0.05) end
} }`

// stream starts a download and returns how it ends, in bytes and error.
func (s *slave) stream() func() (int64, error) {
	s.t.Helper()
	resp, err := http.Get(s.url("/"))
	s.must(err)
	var wg sync.WaitGroup
	var n int64
	wg.Go(func() {
		defer func() { _ = resp.Body.Close() }()
		n, err = io.Copy(io.Discard, resp.Body)
	})
	return func() (int64, error) { wg.Wait(); return n, err }
}

func TestDrain(t *testing.T) {
	t.Run("a running transfer ends", func(t *testing.T) {
		s := newSlave(t)
		s.commit(s.stage(release{hash: "a", server: streaming}))
		_, stop := s.run(func(c *Config) { c.DrainTimeout = patience })
		result := s.stream()
		s.must(stop())
		if n, err := result(); n != streamChunks*1000 || err != nil {
			t.Errorf("got %d bytes, %v", n, err)
		}
		if left := s.left(); len(left) > 0 {
			t.Errorf("left: %+v", left)
		}
	})
	t.Run("DrainTimeout cuts", func(t *testing.T) {
		s := newSlave(t)
		s.commit(s.stage(release{hash: "a", server: strings.ReplaceAll(streaming, "30 do", "100000 do")}))
		_, stop := s.run(func(c *Config) { c.DrainTimeout = 100 * time.Millisecond })
		result := s.stream()
		s.must(stop())
		if _, err := result(); err == nil {
			t.Error("the transfer was not cut")
		}
		if left := s.left(); len(left) > 0 {
			t.Errorf("left: %+v", left)
		}
	})
}

// Reloads under load: no request fails, a download that runs across them is whole, and its old worker is
// counted until it ends.
func TestReloadUnderLoad(t *testing.T) {
	s := newSlave(t)
	long := `location /long { content_by_lua_block {
	    while not ngx.shared.session_store:get("enough") do ngx.print("x"); ngx.flush(true); ngx.sleep(0.01) end
	} }
	location /enough { content_by_lua_block { ngx.shared.session_store:set("enough", true) } }
	location / { content_by_lua_block { ngx.print("ok") } }`
	s.commit(s.stage(release{hash: "a", server: long}))
	server, _ := s.run(nil)
	download, err := http.Get(s.url("/long"))
	s.must(err)
	defer func() { _ = download.Body.Close() }()

	done := make(chan struct{})
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(5 * time.Millisecond):
				}
				if status, body, err := s.get("/"); err != nil || status != http.StatusOK || body != "ok" {
					t.Errorf("got %d %q %v", status, body, err)
				}
			}
		})
	}
	for _, hash := range []string{"b", "c", "d", "e"} {
		dir := s.stage(release{hash: hash, server: long})
		s.commit(dir)
		err = errors.Join(err, server.Reload(t.Context()), server.Verify(t.Context(), dir, hash))
	}
	close(done)
	load.Wait()
	s.must(err)
	s.eventually("one old worker is left", func() bool {
		old, err := server.OldWorkers()
		return err == nil && len(old) == 1 && old[0].RSS > 1<<20 && time.Since(old[0].Since) < patience
	})
	_, _, err = s.get("/enough")
	s.must(err)
	if _, err := io.Copy(io.Discard, download.Body); err != nil {
		t.Errorf("download: %v", err)
	}
	s.eventually("no old worker is left", func() bool { old, err := server.OldWorkers(); return err == nil && len(old) == 0 })
}
