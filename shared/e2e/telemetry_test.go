package e2e

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the master's database is read as it is

	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// telemetryEnv makes a slave report within a second, and its logs short.
var telemetryEnv = []string{"TELEMETRY_FLUSH_INTERVAL=1", "SPOOL_SEGMENT_BYTES=1048576"}

// TestTelemetrySoak: through half of all requests the master is away; the supervisor is killed five times and
// nginx reloaded ten times under load, the log is rotated throughout. Then the master has a row for each request
// that the media server got and for each that was refused, none twice. SOAK=1 sends 2 million.
func TestTelemetrySoak(t *testing.T) {
	total := int64(100_000)
	if os.Getenv("SOAK") != "" {
		total = 2_000_000
	}
	g, _ := startPlayersWith(t, telemetryEnv)
	stop(t, g.master.Process)

	l := startLoad(t, g.port, 8)
	step := total / 20
	for i := int64(1); i <= 20; i++ {
		l.waitFor(t, i*step)
		switch {
		case i%4 == 2: // 5 of 20
			g.killUnder(t, l)
		case i%2 == 1: // 10 of 20
			must(t, syscall.Kill(nginxMaster(t, g.slave), syscall.SIGHUP))
		}
		if i == 10 {
			g.restartMaster(t, g.master.Dir)
		}
	}
	l.stop()
	if failed := l.failed.Load(); failed > 0 {
		t.Errorf("%d requests failed, the last with %v", failed, l.lastError.Load())
	}
	want := g.media.Total().Requests + l.refused.Load()
	t.Logf("%d requests answered, of which %d refused; the media server got %d", l.answered.Load(), l.refused.Load(), g.media.Total().Requests)
	g.waitRows(t, want)
	t.Logf("supervisor: %v of CPU and %.1f MB since its last start", cpuTime(t, g.slave.PID()), float64(residentBytes(t, g.slave.PID()))/(1<<20))
	if rotations := g.waitMetric(t, `uhd_spool_rotations_total{log="access"}`); rotations == "0" {
		t.Error("the log was never rotated")
	}
}

// TestBytesOfTransfers: while streams run, a supervisor is killed and another one takes over. All bytes that the
// access log tells of are in the sums of bandwidth, once.
func TestBytesOfTransfers(t *testing.T) {
	g, _ := startPlayersWith(t, telemetryEnv)
	const streams, size = 4, 60 << 20
	var players sync.WaitGroup
	for i := range streams {
		res := g.send(t, http.MethodGet, fmt.Sprintf("/Videos/film/stream.mkv?size=%d&rate=%d&PlaySessionId=p%d", size, 12<<20, i), nil)
		players.Go(func() {
			if n, err := io.Copy(io.Discard, res.Body); n != size {
				t.Errorf("%d bytes of a stream, %v", n, err)
			}
		})
	}
	eventually(t, func() error {
		if info, err := os.Stat(filepath.Join(g.slave.Root, "spool", "usage.log")); err != nil || info.Size() == 0 {
			return fmt.Errorf("nothing is known of running transfers: %w", err)
		}
		return nil
	})
	must(t, g.slave.Signal(syscall.SIGKILL))
	<-g.slave.Done()
	players.Wait() // on the nginx that was left behind
	g.slave = startSlave(t, testbed.SlaveConfig{Root: g.slave.Root, MasterURL: g.master.URL, Token: g.token, Env: telemetryEnv})
	must(t, g.slave.WaitReady(within(t)))

	g.waitRows(t, streams)
	db := g.telemetryDB(t)
	eventually(t, func() error {
		var logged, accounted, summed int64
		must(t, db.QueryRowContext(t.Context(), "SELECT sum(bytes_sent), sum(accounted) FROM access_logs").Scan(&logged, &accounted))
		must(t, db.QueryRowContext(t.Context(), "SELECT sum(bytes) FROM bandwidth").Scan(&summed))
		if logged < streams*size || accounted < logged/2 || accounted == logged {
			t.Fatalf("%d bytes are logged, %d were reported before", logged, accounted)
		}
		if summed != logged {
			return fmt.Errorf("%d bytes are logged, %d summed up", logged, summed)
		}
		return nil
	})
}

// TestMeddledLogs: what cannot be a line is counted and skipped, what is odd arrives, and a log that someone empties is
// gone on with. The supervisor lives through it.
func TestMeddledLogs(t *testing.T) {
	g, _ := startPlayersWith(t, telemetryEnv)
	log := filepath.Join(g.slave.Root, "spool", "access.log")
	ask := func(path string, header ...string) {
		t.Helper()
		res := g.send(t, http.MethodGet, path, nil, header...)
		_, _ = io.Copy(io.Discard, res.Body)
	}
	ask("/Items/load-1")
	ask("/Items/load-2%FF%FE%00x", "User-Agent", "\xff\xfe \"quoted\" \\")
	g.waitRows(t, 2)

	f, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	garbage := "\n{\"timestamp\":17\n" + strings.Repeat("\x00", 9000) + "\n\xff\xfe\xfd\nnull\n" + strings.Repeat("x", 1<<20) + "\n{}\n"
	_, err = f.WriteString(garbage)
	must(t, errors.Join(err, f.Close()))
	ask("/Items/load-3")
	g.waitRows(t, 3)
	if n := g.waitMetric(t, `uhd_telemetry_skipped_lines_total{cause="garbage",log="access"}`); n != "5" {
		t.Errorf("%s lines of garbage are counted", n)
	}
	if n := g.waitMetric(t, `uhd_spool_long_lines_total{consumer="telemetry",log="access"}`); n != "1" {
		t.Errorf("%s long lines are counted", n)
	}

	must(t, os.Truncate(log, 0))
	ask("/Items/load-4")
	g.waitRows(t, 4)
	must(t, os.Remove(log))
	eventually(t, func() error { _, err := os.Stat(log); return err })
	ask("/Items/load-5")
	g.waitRows(t, 5)
	select {
	case <-g.slave.Done():
		t.Error("the supervisor has ended")
	default:
	}
}

// BenchmarkLogWork is what a request costs the supervisor, all of it: reading its line for telemetry, usage and sessions,
// counting, and sending it to the master. The process's CPU time, and the most memory it ever held.
func BenchmarkLogWork(b *testing.B) {
	g, _ := startPlayersWith(b, []string{"TELEMETRY_FLUSH_INTERVAL=5"})
	l := startLoad(b, g.port, 8)
	l.waitFor(b, 5000) // what a start costs is over
	before, answered := cpuTime(b, g.slave.PID()), l.answered.Load()
	b.ResetTimer()
	l.waitFor(b, answered+int64(b.N))
	used := cpuTime(b, g.slave.PID()) - before
	answered = l.answered.Load() - answered
	b.StopTimer()
	l.stop()
	b.ReportMetric(float64(used.Microseconds())/float64(answered), "cpu-µs/request")
	b.ReportMetric(float64(memoryOf(b, g.slave.PID(), "VmHWM:"))/(1<<20), "MB-peak")
}

// telemetryDB opens the master's database to read it.
func (g *gateway) telemetryDB(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(g.master.Dir, "master-telemetry.db")+"?mode=ro&_pragma=busy_timeout(10000)")
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// waitRows waits until the master has that many rows of access logs, and checks that none is there twice.
func (g *gateway) waitRows(t testing.TB, want int64) {
	t.Helper()
	db := g.telemetryDB(t)
	var rows int64
	last, since := int64(-1), time.Now()
	for rows < want {
		must(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM access_logs").Scan(&rows))
		if rows != last {
			last, since = rows, time.Now()
		}
		if time.Since(since) > patience { // as long as rows come, there may be more
			t.Fatalf("%d of %d rows, and no more come; the slave printed:\n%s", rows, want, g.slave.Log)
		}
		time.Sleep(50 * time.Millisecond) // between two looks at a condition
	}
	must(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM access_logs").Scan(&rows))
	if rows != want {
		t.Errorf("%d rows, want %d", rows, want)
	}
	// The load asks for each path once.
	var paths, ofLoad int64
	must(t, db.QueryRowContext(t.Context(), "SELECT count(DISTINCT uri), count(*) FROM access_logs WHERE uri LIKE '%/load%'").Scan(&paths, &ofLoad))
	if paths != ofLoad {
		t.Errorf("%d rows of %d different requests", ofLoad, paths)
	}
}

// killUnder kills the supervisor while requests come; nginx goes on alone. It is started again in a moment
// without any, for it ends the nginx that it finds.
func (g *gateway) killUnder(t testing.TB, l *load) {
	t.Helper()
	must(t, g.slave.Signal(syscall.SIGKILL))
	<-g.slave.Done()
	l.waitFor(t, l.answered.Load()+500)
	l.pause.Lock()
	defer l.pause.Unlock()
	g.slave = startSlave(t, testbed.SlaveConfig{Root: g.slave.Root, MasterURL: g.master.URL, Token: g.token, Env: telemetryEnv})
	must(t, g.slave.WaitReady(within(t)))
}

// load is players that ask, each as soon as it has an answer and for another path each time, over kept connections.
type load struct {
	asked                     atomic.Int64 // in order of their paths
	answered, refused, failed atomic.Int64
	lastError                 atomic.Value
	pause                     sync.RWMutex // held for reading while a request is under way
	stop                      func()
}

func startLoad(t testing.TB, port, players int) *load {
	t.Helper()
	l := &load{}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: players}}
	ended := make(chan struct{})
	var running sync.WaitGroup
	for p := range players {
		random := rand.New(rand.NewPCG(uint64(p), 4))
		running.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
					l.ask(client, port, random)
				}
			}
		})
	}
	l.stop = sync.OnceFunc(func() { close(ended); running.Wait(); client.CloseIdleConnections() })
	t.Cleanup(l.stop)
	return l
}

// ask sends one request; one in ten is refused, for it states no client.
func (l *load) ask(client *http.Client, port int, random *rand.Rand) {
	l.pause.RLock()
	defer l.pause.RUnlock()
	path := []string{"/Items/load-%d", "/Items/load-%d/Images/Primary?api_key=secret", "/Videos/load/hls1/main/%d.ts?PlaySessionId=p1"}[random.IntN(3)]
	path = fmt.Sprintf(path, l.asked.Add(1))
	req, err := http.NewRequest(http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", port, path), nil)
	if err != nil {
		panic(err)
	}
	req.Host = "media.test"
	if random.IntN(10) > 0 {
		req.Header.Set("Authorization", playerAuth)
	}
	res, err := client.Do(req)
	if err != nil {
		l.failed.Add(1)
		l.lastError.Store(err)
		return
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if res.StatusCode == http.StatusForbidden {
		l.refused.Add(1)
	}
	l.answered.Add(1)
}

// waitFor waits until so many requests were answered.
func (l *load) waitFor(t testing.TB, answered int64) {
	t.Helper()
	last, since := int64(-1), time.Now()
	for {
		now := l.answered.Load()
		if now >= answered {
			return
		}
		if now != last {
			last, since = now, time.Now()
		}
		if time.Since(since) > patience {
			t.Fatalf("%d of %d requests were answered, and no more are; %d failed, the last with %v", now, answered, l.failed.Load(), l.lastError.Load())
		}
		time.Sleep(5 * time.Millisecond) // between two looks at a condition
	}
}
