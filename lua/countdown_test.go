package lua_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func count(left int64) string {
	return fmt.Sprintf(`{"dimension": "ip", "value": "127.0.0.1", "action": "count", "bytes_left": %d, "reason": "quota_bandwidth", "rule_id": 7, "until": %d}`,
		left, time.Now().Add(time.Hour).Truncate(time.Hour).Unix())
}

// download reads a film and returns how many bytes came before it ended, however it did.
func (g *gateway) download(t *testing.T) int64 {
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/Videos/1/stream", g.port))
	if err != nil {
		t.Error(err)
		return 0
	}
	defer func() { _ = resp.Body.Close() }()
	n, _ := io.Copy(io.Discard, resp.Body)
	return n
}

// allDecided waits until both workers go by that version.
func (g *gateway) allDecided(t *testing.T, version int64) {
	t.Helper()
	eventually(t, func() error {
		for range 20 { // whichever worker answers
			if s := g.state(t); s.DecisionsVersion != version {
				return fmt.Errorf("a worker goes by %d", s.DecisionsVersion)
			}
		}
		return nil
	})
}

// TestCountdown: four streams on two workers end when what is left is sent, give or take what is on the way; then
// all is refused, until the supervisor says that there is more.
func TestCountdown(t *testing.T) {
	const left, film = 64 << 20, 400 << 20
	g := startFilms(t, `{"hash": "one", "default": {}}`, film, 0, true)
	g.decide(t, 1, count(left))
	g.allDecided(t, 1)
	var sent atomic.Int64
	var streams sync.WaitGroup
	for range 4 {
		streams.Go(func() { sent.Add(g.download(t)) })
	}
	streams.Wait()
	if n := sent.Load(); n < left-left/8 || n > left+left/8 {
		t.Errorf("%d MB were sent, %d were left", n>>20, left>>20)
	}
	checkRefusal(t, g.get(t, "/Items"), http.StatusTooManyRequests, "quota_bandwidth")
	if l := g.awaitLog(t, func(l logLine) bool { return l.Verdict == "reject" && l.Accounted > 0 }); l.Reason != "quota_bandwidth" || l.Rule != "7" {
		t.Errorf("a stream that was ended is logged as %+v", l)
	}
	g.decide(t, 2, count(left)) // not more than it said before: an old number
	checkRefusal(t, g.get(t, "/Items"), http.StatusTooManyRequests, "quota_bandwidth")
	g.decide(t, 3, count(2*film), `{"dimension": "device", "value": "tv", "action": "reject", "reason": "ban"}`)
	if n := g.download(t); n != film {
		t.Errorf("with more left, %d bytes came", n)
	}
	g.decide(t, 4)
	g.allDecided(t, 4)
	if a := g.get(t, "/Items?x"); a.StatusCode != http.StatusOK {
		t.Errorf("lifted: %s", a.Status)
	}
}

// TestCountdownOfRunning: a stream that runs is counted from then on, with what it has not reported.
func TestCountdownOfRunning(t *testing.T) {
	const film = 1 << 30
	g := startFilms(t, `{"hash": "one", "default": {}}`, film, 256<<10, false)
	done := make(chan int64)
	go func() { done <- g.download(t) }()
	eventually(t, func() error {
		if g.state(t).Usage.Waiting == 0 {
			return fmt.Errorf("nothing is reported")
		}
		return nil
	})
	g.decide(t, 1, count(16<<20))
	if n := <-done; n < 16<<20 || n > 16<<20+48<<20 {
		t.Errorf("it ended after %d MB", n>>20)
	}
}

func TestCountIsChecked(t *testing.T) {
	g := start(t, setup{rules: rulesOf("one", "/x")})
	a := g.admin(t, http.MethodPut, "/decisions", `{"version": 1, "decisions": [{"dimension": "ip", "value": "a", "action": "count", "reason": "quota_bandwidth"}]}`)
	if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, "bytes_left") {
		t.Errorf("%s %s", a.Status, a.body)
	}
}
