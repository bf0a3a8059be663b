package telemetry

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/uhdadmin/media-gateway/shared/testbed"
	"github.com/uhdadmin/media-gateway/supervisor/internal/masterclient"
	"github.com/uhdadmin/media-gateway/supervisor/internal/spool"
)

// ledger is a master that takes batches as ours does: whole, and once per key.
type ledger struct {
	*httptest.Server
	mu       sync.Mutex
	keys     map[string]bool
	rows     map[string]int // by the row's n
	sizes    []int          // rows of each batch
	refusals int
	again    int // batches that it had
	// rule may answer in place of the ledger: a status, or 0 to take the batch. Called with mu held.
	rule func(r *http.Request, rows []row) (status int, header map[string]string)
	cut  func() bool // whether the answer to a batch that was taken is lost on its way; called with mu held
	dead string      // beginning of the paths that a killed slave asks for
}

type row struct {
	N   int    `json:"n"`
	Log string `json:"-"`
}

func newLedger(t testing.TB) *ledger {
	l := &ledger{keys: map[string]bool{}, rows: map[string]int{}}
	l.Server = httptest.NewServer(l)
	t.Cleanup(l.Close)
	return l
}

func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "zstd" {
		d, err := zstd.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		defer d.Close()
		body = d
	}
	var doc struct{ Entries []row }
	if err := json.NewDecoder(body).Decode(&doc); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead != "" && strings.HasPrefix(r.URL.Path, l.dead) {
		panic(http.ErrAbortHandler)
	}
	if l.rule != nil {
		if status, header := l.rule(r, doc.Entries); status != 0 {
			l.refusals++
			for name, value := range header {
				w.Header().Set(name, value)
			}
			http.Error(w, `{"title":"no"}`, status)
			return
		}
	}
	key := r.Header.Get("Idempotency-Key")
	duplicate := l.keys[key]
	if !duplicate {
		l.keys[key] = true
		l.sizes = append(l.sizes, len(doc.Entries))
		for _, row := range doc.Entries {
			l.rows[filepath.Base(r.URL.Path)+"/"+strconv.Itoa(row.N)]++
		}
	} else {
		l.again++
	}
	if l.cut != nil && l.cut() {
		panic(http.ErrAbortHandler) // the answer is lost on its way
	}
	_, _ = fmt.Fprintf(w, `{"accepted":%d,"duplicate":%t}`, len(doc.Entries), duplicate)
}

func (l *ledger) set(rule func(*http.Request, []row) (int, map[string]string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rule = rule
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.rows)
}

// wantOnce fails unless the rows from..to of access-logs are there, each once, but for the missing ones.
func (l *ledger) wantOnce(t *testing.T, from, to int, missing ...int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	gone := map[int]bool{}
	for _, n := range missing {
		gone[n] = true
	}
	wrong := 0
	for n := from; n < to; n++ {
		want := 1
		if gone[n] {
			want = 0
		}
		if got := l.rows["access-logs/"+strconv.Itoa(n)]; got != want {
			if wrong++; wrong < 5 {
				t.Errorf("row %d came %d times, want %d", n, got, want)
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d rows are wrong", wrong)
	}
}

// slave is a spool and what ships it, on one root.
type slave struct {
	root    string
	master  string
	flush   time.Duration
	segment int64

	spool   *spool.Spool
	shipper *Shipper
	stop    func()
	log     bytes.Buffer
}

func (s *slave) path(names ...string) string {
	return filepath.Join(append([]string{s.root}, names...)...)
}

func newSlave(t testing.TB, l *ledger) *slave {
	s := &slave{root: t.TempDir(), master: l.URL, flush: 20 * time.Millisecond}
	testbed.Must(t, os.MkdirAll(s.path("spool"), 0o755))
	testbed.Must(t, os.MkdirAll(s.path("state"), 0o755))
	return s
}

// start begins as a process does; stop ends it in order. A kill is a start without a stop.
func (s *slave) start(t testing.TB) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(&s.log, nil))
	registry := prometheus.NewRegistry()
	var err error
	s.spool, err = spool.Open(spool.Config{
		Dir: s.path("spool"), State: s.path("state", "spool.json"), Owner: os.Geteuid(), MaxBytes: 1 << 30,
		Rotate: s.segment, Interval: 5 * time.Millisecond, Log: log, Registerer: registry,
		Reopen: func() error { return os.WriteFile(s.path("spool", "access.log"), nil, 0o644) },
	})
	testbed.Must(t, err)
	client, err := masterclient.New(masterclient.Config{Base: s.master, Token: "uhd_test"})
	testbed.Must(t, err)
	s.shipper, err = New(Config{
		Spool: s.spool, Master: client, StateDir: s.path("state"), FlushInterval: s.flush, Log: log, Registerer: registry,
	})
	testbed.Must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.spool.Run(ctx) })
	running.Go(func() { _ = s.shipper.Run(ctx) })
	s.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(s.stop)
}

// write adds lines n = from..to to the access log, as nginx does.
func (s *slave) write(t testing.TB, from, to int) {
	t.Helper()
	f, err := os.OpenFile(s.path("spool", "access.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	testbed.Must(t, err)
	for n := from; n < to; n++ {
		_, err := f.WriteString(entry(n))
		testbed.Must(t, err)
	}
	testbed.Must(t, f.Close())
}

func entry(n int) string {
	return fmt.Sprintf(`{"timestamp":%d.5,"n":%d,"ip":"203.0.113.%d","uri":"/Videos/%d/stream.mkv","user_agent":"Infuse/7.6"}`+"\n", 1700000000+n, n, n%256, n%50)
}

func (s *slave) state(t *testing.T) state {
	t.Helper()
	b, err := os.ReadFile(s.path("state", "telemetry-access.json"))
	testbed.Must(t, err)
	var st state
	testbed.Must(t, json.Unmarshal(b, &st))
	return st
}

// TestOnce: rows written, some while the slave is down, are at the master once, in batches of 1,000 where
// there are that many; usage goes to its own endpoint.
func TestOnce(t *testing.T) {
	l := newLedger(t)
	s := newSlave(t, l)
	s.write(t, 0, 3500)
	s.start(t)
	testbed.Eventually(t, "3,500 rows", func() bool { return l.count() == 3500 })
	testbed.Must(t, s.spool.Append([]byte(`{"epoch":"e","seq":1,"timestamp":1,"n":1,"bytes":5}`+"\n")))
	s.write(t, 3500, 3600)
	testbed.Eventually(t, "100 rows and a usage record", func() bool { return l.count() == 3601 })
	s.stop()
	s.write(t, 3600, 3700)
	s.start(t)
	testbed.Eventually(t, "100 rows more", func() bool { return l.count() == 3701 })
	l.wantOnce(t, 0, 3700)
	if l.rows["bandwidth/1"] != 1 {
		t.Error("the usage record did not come")
	}
	if l.sizes[0] != 1000 || l.sizes[1] != 1000 {
		t.Errorf("batches of %v rows", l.sizes)
	}
	st := s.shipper.Status()[0]
	if st.Rows != 100 || st.Failures != 0 || st.LastSuccess.IsZero() {
		t.Errorf("%+v", st)
	}
}

// TestKilled: the process ends between the master's taking a batch and its answer, again and again, while more
// rows come: each is there once.
func TestKilled(t *testing.T) {
	l := newLedger(t)
	s := newSlave(t, l)
	s.segment = 300 << 10
	const lives, each = 15, 700
	for life := range lives {
		alive := fmt.Sprintf("/life%d/", life)
		l.mu.Lock()
		l.cut = func() bool {
			if len(l.rows) > life*each {
				l.dead = alive // it reaches nobody any more; what it has on disk stays
			}
			return l.dead == alive
		}
		l.mu.Unlock()
		s.master = l.URL + strings.TrimSuffix(alive, "/")
		s.write(t, life*each, life*each+each/3)
		s.start(t)
		s.write(t, life*each+each/3, (life+1)*each)
		testbed.Eventually(t, "killed", func() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.dead == alive })
		s.stop()
	}
	l.mu.Lock()
	l.cut = nil
	l.mu.Unlock()
	s.master = l.URL
	s.start(t)
	testbed.Eventually(t, "all rows", func() bool { return l.count() == lives*each })
	l.wantOnce(t, 0, lives*each)
}

// TestKilledBetweenNotes: full batches are not noted one by one. A process that is killed after many makes the same ones
// again, whatever lies between their lines, and none of their rows comes twice.
func TestKilledBetweenNotes(t *testing.T) {
	l := newLedger(t)
	s := newSlave(t, l)
	s.flush = time.Hour
	s.segment = 500 << 10
	for n := 0; n < 12_000; n += 500 {
		s.write(t, n, n+500)
		f, err := os.OpenFile(s.path("spool", "access.log"), os.O_APPEND|os.O_WRONLY, 0)
		testbed.Must(t, err)
		_, err = f.WriteString("\n\n{\n" + strings.Repeat("x", n*50) + "\n\x00\n")
		testbed.Must(t, errors.Join(err, f.Close()))
	}
	s.start(t)
	testbed.Eventually(t, "full batches", func() bool { return l.count() >= 11_000 })
	noted, err := os.ReadFile(s.path("state", "telemetry-access.json"))
	testbed.Must(t, err)
	l.mu.Lock()
	l.rule = func(*http.Request, []row) (int, map[string]string) { return http.StatusServiceUnavailable, nil }
	l.mu.Unlock()
	s.stop()
	testbed.Must(t, os.WriteFile(s.path("state", "telemetry-access.json"), noted, 0o600)) // as a kill leaves it
	l.set(nil)
	s.flush = time.Millisecond
	s.start(t)
	testbed.Eventually(t, "all rows", func() bool { return l.count() == 12_000 })
	testbed.Eventually(t, "done", func() bool {
		st := s.spool.Status()
		return len(st.Consumers) > 0 && st.Consumers[0].LagBytes == 0
	})
	l.wantOnce(t, 0, 12_000)
	l.mu.Lock()
	defer l.mu.Unlock()
	t.Logf("%d batches came again", l.again)
}

// TestMasterAway: everything is kept while the master is away, refuses the token, or does not know the endpoint
// yet, and it is asked at its own pace.
func TestMasterAway(t *testing.T) {
	for _, status := range []int{401, 403, 404, 405, 408, 429, 500, 502, 503} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			l := newLedger(t)
			l.set(func(*http.Request, []row) (int, map[string]string) { return status, nil })
			s := newSlave(t, l)
			s.start(t)
			s.write(t, 0, 50)
			testbed.Eventually(t, "refusals", func() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.refusals >= 2 })
			testbed.Eventually(t, "status tells", func() bool { st := s.shipper.Status()[0]; return st.Failures > 0 && st.LastError != "" })
			if n := testutil.ToFloat64(s.shipper.metrics.errors.WithLabelValues(spool.Access, causeMaster)); n == 0 {
				t.Error("no metric")
			}
			l.set(nil)
			testbed.Eventually(t, "the rows", func() bool { return l.count() == 50 })
			l.wantOnce(t, 0, 50)
		})
	}
}

// TestRetryAfter: a master that says when is asked then.
func TestRetryAfter(t *testing.T) {
	l := newLedger(t)
	var first, second time.Time
	l.rule = func(*http.Request, []row) (int, map[string]string) {
		if first.IsZero() {
			first = time.Now()
			return http.StatusTooManyRequests, map[string]string{"Retry-After": "2"}
		}
		second = cmp.Or(second, time.Now())
		return 0, nil
	}
	s := newSlave(t, l)
	s.write(t, 0, 5)
	s.start(t)
	testbed.Eventually(t, "the rows", func() bool { return l.count() == 5 })
	if pause := second.Sub(first); pause < 2*time.Second {
		t.Errorf("asked again after %v", pause)
	}
}

// TestRefusedRows: a row that the master does not take is found, counted and skipped; all others arrive.
func TestRefusedRows(t *testing.T) {
	poison := map[int]bool{0: true, 500: true, 501: true, 999: true}
	l := newLedger(t)
	l.rule = func(_ *http.Request, rows []row) (int, map[string]string) {
		for _, r := range rows {
			if poison[r.N] {
				return http.StatusUnprocessableEntity, nil
			}
		}
		return 0, nil
	}
	s := newSlave(t, l)
	s.write(t, 0, 2000)
	s.start(t)
	testbed.Eventually(t, "all other rows", func() bool { return l.count() == 1996 })
	l.wantOnce(t, 0, 2000, 0, 500, 501, 999)
	testbed.Eventually(t, "counted", func() bool { return s.shipper.Status()[0].SkippedLines == 4 })
	if n := testutil.ToFloat64(s.shipper.metrics.skipped.WithLabelValues(spool.Access, causeRefused)); n != 4 {
		t.Errorf("counted %v", n)
	}
	if st := s.state(t); st.Skipped != 4 {
		t.Errorf("on disk: %+v", st)
	}
}

// TestRefusesAll: a master that takes no row at all is no reason to throw them away.
func TestRefusesAll(t *testing.T) {
	l := newLedger(t)
	l.rule = func(*http.Request, []row) (int, map[string]string) { return http.StatusBadRequest, nil }
	s := newSlave(t, l)
	s.write(t, 0, 1000)
	s.start(t)
	testbed.Eventually(t, "status tells", func() bool { return strings.Contains(s.shipper.Status()[0].LastError, "refuses every row") })
	l.set(nil)
	testbed.Eventually(t, "all rows", func() bool { return l.count() == 1000 })
	l.wantOnce(t, 0, 1000)
	if n := s.shipper.Status()[0].SkippedLines; n != 0 {
		t.Errorf("skipped %d", n)
	}
}

// TestTooLarge: batches are halved until they pass, and begin smaller then.
func TestTooLarge(t *testing.T) {
	l := newLedger(t)
	asked := 0
	l.rule = func(_ *http.Request, rows []row) (int, map[string]string) {
		asked++
		if len(rows) > 300 {
			return http.StatusRequestEntityTooLarge, nil
		}
		return 0, nil
	}
	s := newSlave(t, l)
	s.write(t, 0, 20000)
	s.start(t)
	testbed.Eventually(t, "all rows", func() bool { return l.count() == 20000 })
	l.wantOnce(t, 0, 20000)
	if asked > 20000/300*4 {
		t.Errorf("%d requests", asked)
	}
}

// TestOlderMaster: one that does not know zstd gets the rows as they are, from then on at once.
func TestOlderMaster(t *testing.T) {
	l := newLedger(t)
	packed := 0
	l.rule = func(r *http.Request, _ []row) (int, map[string]string) {
		if r.Header.Get("Content-Encoding") != "" {
			packed++
			return http.StatusUnsupportedMediaType, nil
		}
		return 0, nil
	}
	s := newSlave(t, l)
	s.write(t, 0, 5000)
	s.start(t)
	testbed.Eventually(t, "all rows", func() bool { return l.count() == 5000 })
	l.wantOnce(t, 0, 5000)
	if packed != 1 {
		t.Errorf("%d batches were sent compressed", packed)
	}
}

// TestGarbage: lines that are no entries are counted and skipped, also when there is nothing else.
func TestGarbage(t *testing.T) {
	l := newLedger(t)
	s := newSlave(t, l)
	s.start(t)
	garbage := []string{
		"\n", "{\n", "null\n", strings.Repeat("\x00", 5000) + "\n", "\xff\xfe\n", entry(1)[:40] + entry(2), "[]\n",
		strings.Repeat("x", 1<<20) + "\n", `{"n":7} trailing` + "\n", "{\"n\":8,\"uri\":\"\x01\"}\n",
	}
	testbed.Must(t, os.WriteFile(s.path("spool", "access.log"), []byte(strings.Join(garbage, "")), 0o644))
	testbed.Eventually(t, "garbage alone is dealt with", func() bool { return s.shipper.Status()[0].SkippedLines == 8 })
	s.write(t, 0, 10)
	testbed.Eventually(t, "the rows after it", func() bool { return l.count() == 10 })
	l.wantOnce(t, 0, 10)
	if st := s.shipper.Status()[0]; st.SkippedLines != 8 || st.DroppedBytes != 1<<20+1 {
		t.Errorf("%+v", st)
	}
}

// TestLastRows: a stop hands over what is there, though its time has not come.
func TestLastRows(t *testing.T) {
	l := newLedger(t)
	s := newSlave(t, l)
	s.flush = time.Hour
	s.start(t)
	s.write(t, 0, 5)
	testbed.Eventually(t, "read", func() bool {
		return testutil.ToFloat64(s.shipper.metrics.rows.WithLabelValues(spool.Access)) == 0 && len(s.spool.Status().Consumers) > 0 && s.spool.Status().Consumers[0].LagBytes > 0
	})
	s.stop()
	l.wantOnce(t, 0, 5)
}

// TestStateLost: a state that does not read, or cannot be written, does not stop telemetry.
func TestStateLost(t *testing.T) {
	l := newLedger(t)
	s := newSlave(t, l)
	testbed.Must(t, os.WriteFile(s.path("state", "telemetry-access.json"), []byte("\x00\x00"), 0o600))
	s.write(t, 0, 10)
	s.start(t)
	testbed.Eventually(t, "the rows", func() bool { return l.count() == 10 })
	testbed.Must(t, os.RemoveAll(s.path("state")))
	s.write(t, 10, 20)
	testbed.Eventually(t, "the rows after it", func() bool { return l.count() == 20 })
	if n := testutil.ToFloat64(s.shipper.metrics.errors.WithLabelValues(spool.Access, causeDisk)); n == 0 {
		t.Error("no metric")
	}
}
