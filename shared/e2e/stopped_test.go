package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// What nginx's workers do about a supervisor that does not answer, see lua/uhd/supervisor.lua.
const askedAgainAfter = 3 * time.Second

// TestStoppedSupervisor: a supervisor that hangs changes no answer and misses nothing, and a worker that has waited for it in
// vain leaves it alone for a while. In turns it runs and hangs, under steady load; SOAK=1 has it hang for 10 minutes.
func TestStoppedSupervisor(t *testing.T) {
	const players = 8
	g, _ := startPlayersWith(t, telemetryEnv)
	turns := []turn{{false, 2 * time.Second}, {true, 8 * time.Second}, {false, 2 * time.Second}, {true, 2 * time.Second}, {false, 2 * time.Second}}
	if os.Getenv("SOAK") != "" {
		turns = []turn{{false, 2 * time.Minute}, {true, 10 * time.Minute}, {false, 2 * time.Minute}}
	}
	s := &steady{port: g.port}
	// So that nginx has to know whose streams are.
	g.add(t, "stream-rules", map[string]any{"apply_to": "user", "apply_value": "", "max_streams": 3, "action_on_exceed": "reject"})
	eventually(t, func() error {
		if s.play(t, 1, 200*time.Millisecond); g.questions(t) == 0 {
			return errors.New("nginx asks nobody")
		}
		return nil
	})
	workers := len(adminState(t, g.slave.Root).Workers)
	for _, turn := range turns {
		began, before := time.Now(), 0
		if turn.hangs {
			before = g.questions(t)
			must(t, g.slave.Signal(syscall.SIGSTOP))
		}
		took := s.play(t, players, turn.lasts)
		if !turn.hangs {
			t.Logf("it runs:  %v", took)
			continue
		}
		must(t, g.slave.Signal(syscall.SIGCONT)) // and it finds the questions of that time
		t.Logf("it hangs: %v", took)
		// A player waits for each worker once until it knows, and again after each pause; one more for the ends.
		most := workers * players * (2 + int(time.Since(began)/askedAgainAfter))
		if asked := g.allQuestions(t) - before; asked > most {
			t.Errorf("a supervisor that hung for %v was asked %d times, want at most %d", time.Since(began), asked, most)
		} else {
			t.Logf("it was asked %d times", asked)
		}
	}
	g.waitRows(t, g.media.Total().Requests+int64(s.refused))
}

type turn struct {
	hangs bool
	lasts time.Duration
}

// questions returns how often nginx's workers have asked the supervisor.
func (g *gateway) questions(t testing.TB) (n int) {
	t.Helper()
	res, err := http.Get(g.slave.URL + "/metrics")
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	must(t, err)
	for line := range strings.Lines(string(body)) {
		if rest, ok := strings.CutPrefix(line, "uhd_local_requests_total{"); ok {
			asked, err := strconv.Atoi(strings.TrimSpace(rest[strings.LastIndexByte(rest, ' ')+1:]))
			must(t, err)
			n += asked
		}
	}
	return n
}

// allQuestions is questions once all that wait at the socket are counted, as far as it can be known.
func (g *gateway) allQuestions(t testing.TB) int {
	t.Helper()
	for n := g.questions(t); ; {
		time.Sleep(50 * time.Millisecond)
		again := g.questions(t)
		if again == n {
			return n
		}
		n = again
	}
}

// steady is players that ask some forty times a second each, whatever the answers take, and know what the answer has to be.
type steady struct {
	port int

	mu      sync.Mutex
	asked   int // in all turns
	refused int
}

// latencies are those of one turn.
type latencies []time.Duration

func (l latencies) String() string {
	if len(l) == 0 {
		return "no requests"
	}
	slices.Sort(l)
	at := func(share float64) time.Duration { return l[int(share*float64(len(l)-1))].Round(10 * time.Microsecond) }
	return fmt.Sprintf("%d requests, p50 %v, p99 %v, p99.9 %v, longest %v", len(l), at(.5), at(.99), at(.999), at(1))
}

// play has players ask for that long, and returns what each answer took.
func (s *steady) play(t testing.TB, players int, lasts time.Duration) (all latencies) {
	client := &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: players}}
	defer client.CloseIdleConnections()
	end := time.Now().Add(lasts)
	var running sync.WaitGroup
	for range players {
		running.Go(func() {
			pace := time.NewTicker(25 * time.Millisecond)
			defer pace.Stop()
			for time.Now().Before(end) && !t.Failed() {
				took := s.ask(t, client)
				s.mu.Lock()
				all = append(all, took)
				s.mu.Unlock()
				<-pace.C
			}
		})
	}
	running.Wait()
	return all
}

// ask sends one request: of a playback with a token that nobody has seen, so that nginx asks whose it is; of an item
// without a token, which the media server refuses; or one that is refused by nginx, for it states no client.
func (s *steady) ask(t testing.TB, client *http.Client) time.Duration {
	s.mu.Lock()
	n := s.asked
	s.asked++
	s.mu.Unlock()
	path, want, size := fmt.Sprintf("/Items/load-%d", n), http.StatusUnauthorized, -1
	switch n % 10 {
	case 0:
		want = http.StatusForbidden
	case 1, 2, 3, 4, 5:
		path, want, size = fmt.Sprintf("/Videos/load-%d/stream.mkv?size=1000&PlaySessionId=p%d&api_key=unknown%d", n, n, n), http.StatusOK, 1000
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", s.port, path), nil)
	if err != nil {
		panic(err)
	}
	req.Host = "media.test"
	if want != http.StatusForbidden {
		req.Header.Set("Authorization", playerAuth)
	} else {
		s.mu.Lock()
		s.refused++
		s.mu.Unlock()
	}
	began := time.Now()
	res, err := client.Do(req)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return 0
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil || res.StatusCode != want || size >= 0 && len(body) != size {
		t.Errorf("%s: %s with %d bytes, want %d; %v", path, res.Status, len(body), want, err)
	}
	return time.Since(began)
}
