package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// wire is what came over a player's connections: what nginx has sent to it.
type wire struct{ requests, header, body int64 }

// viewer is a player with a connection of its own, which counts each byte that comes.
type viewer struct {
	port   int
	device string
	conn   net.Conn
	in     *bufio.Reader
	got    wire
}

// get asks for a path. A kept connection that the server has closed meanwhile is opened anew.
func (v *viewer) get(path string) error {
	if v.conn != nil {
		err := v.try(path)
		if err == nil || !errors.Is(err, errNoAnswer) {
			return err
		}
	}
	conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", v.port), patience)
	if err != nil {
		return err
	}
	v.close()
	v.conn, v.in = conn, bufio.NewReaderSize(conn, 64<<10)
	return v.try(path)
}

var errNoAnswer = errors.New("no answer came")

func (v *viewer) try(path string) error {
	if err := v.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	request := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: media.test\r\nAuthorization: MediaBrowser Client=\"%s\", Device=\"x\", DeviceId=\"%s\", Version=\"10.11.5\"\r\n\r\n",
		path, playerName, v.device)
	if _, err := io.WriteString(v.conn, request); err != nil {
		return errNoAnswer
	}
	var length int64
	for first := true; ; first = false {
		line, err := v.in.ReadString('\n')
		if err != nil && first && line == "" {
			return errNoAnswer
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if first && !strings.Contains(line, " 200 ") {
			return fmt.Errorf("%s: %s", path, line)
		}
		v.got.header += int64(len(line))
		if line == "\r\n" {
			break
		}
		if name, value, _ := strings.Cut(line, ":"); strings.EqualFold(name, "Content-Length") {
			if length, err = strconv.ParseInt(strings.TrimSpace(value), 10, 64); err != nil {
				return err
			}
		}
	}
	n, err := io.CopyN(io.Discard, v.in, length)
	v.got.body += n
	v.got.requests++
	return err
}

func (v *viewer) close() {
	if v.conn != nil {
		_ = v.conn.Close()
	}
}

// audience is many viewers, of which each looks around and watches something, over and over.
type audience struct {
	viewers  []*viewer
	answered atomic.Int64
	failure  atomic.Value
	pause    sync.RWMutex // held for reading while a request is under way
	ended    chan struct{}
	running  sync.WaitGroup
}

func startAudience(port, viewers int) *audience {
	a := &audience{ended: make(chan struct{})}
	for i := range viewers {
		v := &viewer{port: port, device: fmt.Sprintf("viewer%d", i)}
		a.viewers = append(a.viewers, v)
		a.running.Go(func() {
			defer v.close()
			for n := i; ; n++ {
				select {
				case <-a.ended:
					return
				default:
					a.ask(v, n)
				}
			}
		})
	}
	return a
}

// ask sends one request; every fifth is a stream of two seconds, and one in a hundred one that has much to
// send.
func (a *audience) ask(v *viewer, n int) {
	a.pause.RLock()
	defer a.pause.RUnlock()
	path := "/System/Info/Public"
	switch {
	case n%100 == 0:
		path = fmt.Sprintf("/Videos/film%d/stream.mkv?size=%d&rate=%d&PlaySessionId=%s-%d", n%7, 24<<20, 12<<20, v.device, n)
	case n%5 == 0:
		path = fmt.Sprintf("/Videos/film%d/stream.mkv?size=%d&rate=%d&PlaySessionId=%s-%d", n%7, 200_000, 100_000, v.device, n)
	}
	if err := v.get(path); err != nil {
		a.failure.Store(err)
		return
	}
	a.answered.Add(1)
}

func (a *audience) stop() {
	close(a.ended)
	a.running.Wait()
}

// waitFor waits until so many requests were answered.
func (a *audience) waitFor(t testing.TB, answered int64) {
	t.Helper()
	last, since := int64(-1), time.Now()
	for {
		now := a.answered.Load()
		if err := a.failure.Load(); err != nil {
			t.Fatalf("after %d requests: %v", now, err)
		}
		if now >= answered {
			return
		}
		if now != last {
			last, since = now, time.Now()
		}
		if time.Since(since) > patience {
			t.Fatalf("%d of %d requests were answered, and no more are", now, answered)
		}
		time.Sleep(5 * time.Millisecond) // between two looks at a condition
	}
}

// without does something while no request is under way.
func (a *audience) without(do func()) {
	a.pause.Lock()
	defer a.pause.Unlock()
	do()
}

// usageOf reads a slave's counters of the month from Redis, by dimension and value.
func usageOf(t testing.TB, server *testbed.RedisServer, root, dimension, value string) (requests, bytes int64) {
	t.Helper()
	id, err := os.ReadFile(filepath.Join(root, "state", "slave-id"))
	must(t, err)
	client := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer func() { _ = client.Close() }()
	prefix := "uhd:{" + strings.TrimSpace(string(id)) + "}:usage:monthly:"
	for _, month := range []string{time.Now().UTC().Format("2006-01"), time.Now().UTC().AddDate(0, 0, -1).Format("2006-01")} {
		fields, err := client.HGetAll(t.Context(), prefix+month).Result()
		if err != nil {
			return 0, 0 // it is away; the caller looks again
		}
		for subject, count := range fields {
			parts := strings.SplitN(subject, " ", 3)
			if parts[0] != dimension || parts[2] != value {
				continue
			}
			var r, b int64
			_, err := fmt.Sscan(count, &r, &b)
			must(t, err)
			requests, bytes = requests+r, bytes+b
		}
		if month == time.Now().UTC().AddDate(0, 0, -1).Format("2006-01") {
			break // the same month
		}
	}
	return requests, bytes
}

// restartSlave starts the supervisor again, with the same settings.
func (g *gateway) restartSlave(t testing.TB, env []string) {
	t.Helper()
	g.slave = startSlave(t, testbed.SlaveConfig{Root: g.slave.Root, MasterURL: g.master.URL, Token: g.token, Env: env})
	must(t, g.slave.WaitReady(within(t)))
}

// restartNginx has nginx end by itself, as gracefully as it does, and waits for the one that the supervisor starts.
// What nginx knows of transfers goes with it, so that the supervisor has to have that before; the two seconds that
// an nginx which dies under streams costs are not what this is about.
func (g *gateway) restartNginx(t testing.TB) {
	t.Helper()
	admin := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(g.slave.Root, "run", "admin.sock"))
	}}}
	eventually(t, func() error {
		res, err := admin.Get("http://nginx/state")
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		var state struct{ Usage struct{ Waiting int } }
		if err := json.NewDecoder(res.Body).Decode(&state); err != nil || state.Usage.Waiting > 0 {
			return fmt.Errorf("%d records wait in nginx, %w", state.Usage.Waiting, err)
		}
		return nil
	})
	before := nginxMaster(t, g.slave)
	must(t, syscall.Kill(before, syscall.SIGQUIT))
	eventually(t, func() error {
		if syscall.Kill(before, 0) == nil {
			return errors.New("nginx has not ended")
		}
		res, err := oneShot.Get(fmt.Sprintf("http://127.0.0.1:%d/nothing", g.port))
		if err != nil {
			return err
		}
		_ = res.Body.Close()
		if res.StatusCode == http.StatusServiceUnavailable {
			return errors.New("nginx has no rules yet")
		}
		return nil
	})
}

// slaveStatus is what these tests read of a slave's /status.
type slaveStatus struct {
	Limits string `json:"limits_revision"`
	Usage  struct {
		Exhausted, Close int
	} `json:"usage"`
	Decisions struct {
		Version, Pushed int64
	} `json:"decisions"`
}

// waitStatus waits until the slave's status is as wanted, and nginx has the decisions of it.
func (g *gateway) waitStatus(t testing.TB, what string, wanted func(slaveStatus) bool) {
	t.Helper()
	eventually(t, func() error {
		res, err := http.Get(g.slave.URL + "/status")
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		var s slaveStatus
		if err := json.NewDecoder(res.Body).Decode(&s); err != nil {
			return err
		}
		if !wanted(s) || s.Decisions.Version != s.Decisions.Pushed {
			return fmt.Errorf("not yet: %s: %+v", what, s)
		}
		return nil
	})
}

// addLimit adds a rate limit rule and returns its id.
func (g *gateway) addLimit(t testing.TB, rule map[string]any) int64 {
	t.Helper()
	var made struct{ ID int64 }
	must(t, g.master.Admin.Do(t.Context(), http.MethodPost, "rate-limit-rules", rule, &made))
	return made.ID
}

// userID returns whose a token is, as counters name it.
func (g *gateway) userID(t testing.TB, token string) string {
	t.Helper()
	res := g.send(t, http.MethodGet, "/Users/Me?api_key="+token, nil)
	var me struct{ ID string }
	if err := json.NewDecoder(res.Body).Decode(&me); err != nil || me.ID == "" {
		t.Fatalf("/Users/Me: %s, %v", res.Status, err)
	}
	return strings.ReplaceAll(strings.ToLower(me.ID), "-", "")
}

// waitWaiting waits until a slave's version check waits at the master.
func (g *gateway) waitWaiting(t testing.TB) {
	t.Helper()
	eventually(t, func() error {
		res, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", g.master.MetricsPort))
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "uhd_") && strings.Contains(line, "waiting") && strings.HasSuffix(line, " 1\n") {
				return nil
			}
		}
		return errors.New("no version check waits")
	})
}
