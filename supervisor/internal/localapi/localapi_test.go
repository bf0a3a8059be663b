package localapi_test

import (
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
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/uhdadmin/media-gateway/supervisor/internal/identity"
	"github.com/uhdadmin/media-gateway/supervisor/internal/localapi"
	"github.com/uhdadmin/media-gateway/supervisor/internal/mediaserver"
	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
	"github.com/uhdadmin/media-gateway/supervisor/internal/session"
)

// everyone lets all sessions in, the second one at another's expense.
type everyone struct {
	asked []session.CheckIn
	ended []session.End
}

func (e *everyone) Ended(end session.End) { e.ended = append(e.ended, end) }

func (e *everyone) CheckIn(_ context.Context, in session.CheckIn) session.Answer {
	e.asked = append(e.asked, in)
	return session.Answer{Allowed: true, ActiveCount: len(e.asked), Kick: []string{}}
}

// media is the media server of scope 2: it knows one token.
type media struct{}

func (media) Resolves(scope string) bool { return scope == "2" }

func (media) UserOf(_ context.Context, _ string, q mediaserver.Question) (mediaserver.User, time.Time, error) {
	if q == (mediaserver.Question{Token: "a-plain-token", DeviceID: "tv", Client: "TV"}) {
		return mediaserver.User{ID: "bob"}, q.Since, nil
	}
	return mediaserver.User{}, q.Since, mediaserver.ErrUnknown
}

type noNginx struct{}

func (noNginx) PushUsers(context.Context, []nginx.User) error { return nginx.ErrDown }

// desk is a server on a socket, as user owner sees it.
type desk struct {
	t        *testing.T
	path     string
	sessions everyone
	registry *prometheus.Registry
	client   *http.Client
}

func newDesk(t *testing.T, owner int) *desk {
	t.Helper()
	dir, err := os.MkdirTemp("", "uhd") // any user may enter it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, path: filepath.Join(dir, "supervisor.sock"), registry: prometheus.NewRegistry()}
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: d.path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	if err := stale.Close(); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	book, err := identity.Open(identity.Config{
		Path: filepath.Join(dir, "identities.json"), Nginx: noNginx{}, Media: media{}, AskAgain: time.Minute, Log: log, Registerer: d.registry,
	})
	if err != nil {
		t.Fatal(err)
	}
	server, err := localapi.Listen(t.Context(), localapi.Config{
		Path: d.path, Owner: owner, Sessions: &d.sessions, Identities: book, Log: log, Registerer: d.registry,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := server.Serve(ctx); err != nil {
			t.Error(err)
		}
	})
	d.client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "unix", d.path)
	}}}
	t.Cleanup(func() { d.client.CloseIdleConnections(); cancel(); running.Wait() })
	return d
}

func (d *desk) want(method, path, body string, status int, text string) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), method, "http://supervisor"+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	resp, err := d.client.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status || strings.TrimSpace(string(got)) != text && text != "*" {
		d.t.Errorf("%s %s %.100s = %d %s, %v, want %d %s", method, path, body, resp.StatusCode, got, err, status, text)
	}
}

func TestCalls(t *testing.T) {
	d := newDesk(t, os.Geteuid())
	token := strings.Repeat("0a", 32)
	d.want("GET", "/users?scope=1&token_hash="+token, "", 404, `{"error":"no such token is known"}`)
	d.want("POST", "/logins", fmt.Sprintf(`{"scope":"1","token_hash":%q,"user_id":"ann","user_name":"Ann","success":true}`, token), 204, "")
	d.want("GET", "/users?scope=1&token_hash="+token, "", 200, `{"user_id":"ann"}`)
	d.want("GET", "/users?scope=2&token_hash="+token, "", 404, `{"error":"no such token is known","resolvable":true}`)
	d.want("POST", "/users/resolve", `{"scope":"2","token":"a-plain-token","device_id":"tv","client_name":"TV"}`, 200, `{"user_id":"bob"}`)
	d.want("POST", "/users/resolve", `{"scope":"1","token":"a-plain-token","device_id":"tv","client_name":"TV"}`, 404, "*")
	d.want("POST", "/users/resolve", `{"scope":"2","token":"made up"}`, 404, `{"error":"no such token is known"}`)
	d.want("POST", "/users/resolve", `{"scope":"2"}`, 404, "*")
	d.want("POST", "/logins", `{"scope":"1","user_name":"eve","success":false}`, 204, "")
	d.want("POST", "/sessions/checkin", `{"scope":"1","play_session_id":"p","user_id":"ann","max_streams":2,"action_on_exceed":"reject"}`,
		200, `{"allowed":true,"active_count":1,"kick":[]}`)
	if in := d.sessions.asked[0]; in.Scope != "1" || in.PlaySessionID != "p" || in.UserID != "ann" || in.MaxStreams != 2 {
		t.Errorf("asked %+v", in)
	}

	d.want("POST", "/sessions/end", `{"scope":"1","play_session_id":"p","user_id":"ann","device_id":"tv","client_ip":"192.0.2.1"}`, 204, "")
	if len(d.sessions.ended) != 1 || d.sessions.ended[0].UserID != "ann" || d.sessions.ended[0].DeviceID != "tv" {
		t.Errorf("ended %+v", d.sessions.ended)
	}
	d.want("POST", "/sessions/end", `{"scope":"1"}`, 422, "*")

	// What is wrong is the caller's, and changes nothing.
	d.want("POST", "/logins", `{"scope":"1","token_hash":"a-plain-token","user_id":"ann","success":true}`,
		422, `{"error":"token_hash must be a SHA-256 in 64 lower-case hexadecimal digits"}`)
	d.want("POST", "/sessions/checkin", `{"scope":"1"}`, 422, "*")
	d.want("POST", "/sessions/checkin", `{"scope":`, 400, "*")
	d.want("POST", "/logins", `{"scope":"`+strings.Repeat("x", 20<<10)+`"}`, 413, "*")
	d.want("GET", "/logins", "", 405, "*")
	d.want("GET", "/no-such-call", "", 404, "*")

	err := testutil.GatherAndCompare(d.registry, strings.NewReader(`
# HELP uhd_logins_total Logins at media servers, by result (succeeded, failed).
# TYPE uhd_logins_total counter
uhd_logins_total{result="failed"} 1
uhd_logins_total{result="succeeded"} 1
`), "uhd_logins_total")
	if err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(d.registry, "uhd_local_request_seconds"); err != nil || n != 6 {
		t.Errorf("%d calls are timed, %v", n, err)
	}
}

// TestWhoMayConnect: nginx's workers, whose user is not ours, and no other user of the machine.
func TestWhoMayConnect(t *testing.T) {
	if path := os.Getenv("LOCALAPI_TEST_CONNECT"); path != "" {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: takes root, to be two other users")
	}
	const worker, other = 65534, 65533
	d := newDesk(t, worker)
	exe := filepath.Join(filepath.Dir(d.path), "connect") // the test's own folder is closed
	data, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(exe, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	for uid, may := range map[uint32]bool{worker: true, other: false} {
		cmd := exec.Command(exe, "-test.run=^TestWhoMayConnect$")
		cmd.Dir = "/"
		cmd.Env = []string{"LOCALAPI_TEST_CONNECT=" + d.path}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		out, err := cmd.CombinedOutput()
		if exit, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
			t.Fatal(err)
		} else if may != (exit == nil) || !may && !strings.Contains(string(out), "permission denied") {
			t.Errorf("user %d: %v: %s", uid, err, out)
		}
	}
}
