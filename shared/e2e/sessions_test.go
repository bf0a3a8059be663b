package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/standin"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

const mediaKey = "an-administrators-key"

// fleet is a master with two slaves on hosts of their own, in front of one media server.
type fleet struct {
	media  *standin.Server
	master *testbed.Master
	slaves [2]*testbed.Slave
	ports  [2]int
	rule   int64 // of streams, by user
}

// startFleet brings up a fleet that lets each user have one stream.
func startFleet(t *testing.T, onExceed string) *fleet {
	t.Helper()
	f := &fleet{media: standin.New(standin.Options{Users: map[string]string{"ann": "a", "bob": "b"}, Keys: []string{mediaKey}})}
	srv := httptest.NewServer(f.media)
	t.Cleanup(srv.Close)
	f.master = startMaster(t, shortDir(t))
	var rule struct{ ID int64 }
	must(t, f.master.Admin.Do(t.Context(), http.MethodPost, "stream-rules", map[string]any{
		"apply_to": "user", "apply_value": "", "max_streams": 1, "action_on_exceed": onExceed,
	}, &rule))
	f.rule = rule.ID
	roots := [2]string{filepath.Join(shortDir(t), "slave"), filepath.Join(shortDir(t), "slave")}
	var tokens [2]string
	for i, host := range []string{"127.0.0.1", "127.0.0.2"} {
		f.ports[i] = freePort(t)
		server, err := f.master.Admin.AddServer(t.Context(), testbed.Server{
			Name: fmt.Sprint("media", i), ServiceType: api.Jellyfin, Host: host, ServerName: "media.test",
			Upstream: strings.TrimPrefix(srv.URL, "http://"), ListenHTTP: f.ports[i], LuaRoot: filepath.Join(roots[i], "lua"),
		})
		must(t, err)
		tokens[i], err = f.master.Admin.NewToken(t.Context(), server.ID)
		must(t, err)
	}
	snapshot, err := f.master.Admin.Publish(t.Context(), "fleet")
	must(t, err)
	for i := range f.slaves {
		f.slaves[i] = startSlave(t, testbed.SlaveConfig{Root: roots[i], MasterURL: f.master.URL, Token: tokens[i], Env: []string{
			"EMBY_SERVER_URL=" + srv.URL, "EMBY_API_KEY=" + mediaKey, "SESSION_HEARTBEAT_INTERVAL=2", "QUOTA_SYNC_INTERVAL=1",
		}})
	}
	for _, host := range []string{"127.0.0.1", "127.0.0.2"} {
		d, err := f.master.Admin.WaitDistribution(within(t), snapshot, host)
		must(t, err)
		if d.Status != api.AckApplied {
			t.Fatalf("%s: %+v", host, d)
		}
	}
	return f
}

// person is somebody with a device at one of the slaves.
type person struct {
	f             *fleet
	slave         int
	device, token string
}

func (f *fleet) login(t *testing.T, slave int, name, device string) *person {
	t.Helper()
	p := &person{f: f, slave: slave, device: device}
	res := p.send(t.Context(), t, http.MethodPost, "/Users/AuthenticateByName", fmt.Sprintf(`{"Username":%q,"Pw":%q}`, name, name[:1]))
	var answer struct{ AccessToken string }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer.AccessToken == "" {
		t.Fatalf("login of %s: %s, %v", name, res.Status, err)
	}
	p.token = answer.AccessToken
	return p
}

func (p *person) send(ctx context.Context, t *testing.T, method, path, body string) *http.Response {
	t.Helper()
	res, err := oneShot.Do(p.request(ctx, t, method, path, body))
	must(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// tries asks for a film and looks at nothing but the status.
func (p *person) tries(t *testing.T, session string) (status int, err error) {
	t.Helper()
	res, err := oneShot.Do(p.request(t.Context(), t, http.MethodGet, filmPath(session), ""))
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

func filmPath(session string) string {
	return "/Videos/" + item + "/stream.mkv?size=1000000000&rate=200000&PlaySessionId=" + session
}

func (p *person) request(ctx context.Context, t *testing.T, method, path, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("http://127.0.0.1:%d%s", p.f.ports[p.slave], path), strings.NewReader(body))
	must(t, err)
	req.Host = "media.test"
	req.Header.Set("Content-Type", "application/json")
	header := fmt.Sprintf(`MediaBrowser Client="TV", Device="A device", DeviceId=%q, Version="1"`, p.device)
	if p.token != "" {
		header += fmt.Sprintf(`, Token=%q`, p.token)
	}
	req.Header.Set("Authorization", header)
	return req
}

// film is a stream that runs; done is closed when it has ended, be it by its end or by a cut.
type film struct {
	status int
	done   chan struct{}
	stop   context.CancelFunc
}

const item = "a0000000000000000000000000000001"

// plays requests a long stream, and reports it as a player does.
func (p *person) plays(t *testing.T, session string) *film {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	res := p.send(ctx, t, http.MethodGet, filmPath(session), "")
	v := &film{status: res.StatusCode, done: make(chan struct{}), stop: cancel}
	go func() { // ends with the stream
		_, _ = io.Copy(io.Discard, res.Body)
		close(v.done)
	}()
	if v.status == http.StatusOK {
		_ = p.send(t.Context(), t, http.MethodPost, "/Sessions/Playing", fmt.Sprintf(`{"ItemId":%q,"PlaySessionId":%q}`, item, session)).Body.Close()
	}
	return v
}

// ends stops a film as a player does.
func (p *person) ends(t *testing.T, v *film, session string) {
	t.Helper()
	_ = p.send(t.Context(), t, http.MethodPost, "/Sessions/Playing/Stopped", fmt.Sprintf(`{"ItemId":%q,"PlaySessionId":%q}`, item, session)).Body.Close()
	v.stop()
	<-v.done
}

func (v *film) isCut(t *testing.T, within time.Duration) {
	t.Helper()
	select {
	case <-v.done:
	case <-time.After(within):
		t.Error("the stream goes on")
	}
}

type liveSession struct {
	ID            int64
	Host          string
	PlaySessionID string `json:"play_session_id"`
	DeviceID      string `json:"device_id"`
	UserID        string `json:"user_id"`
	ItemID        string `json:"item_id"`
	ClientName    string `json:"client_name"`
	Bytes         int64
}

func (f *fleet) live(t *testing.T) []liveSession {
	t.Helper()
	var list struct{ Items []liveSession }
	must(t, f.master.Admin.Do(t.Context(), http.MethodGet, "sessions", nil, &list))
	return list.Items
}

// TestOneStreamOverTwoSlaves: the master counts for both, and hears at once that a stream has ended.
func TestOneStreamOverTwoSlaves(t *testing.T) {
	f := startFleet(t, "reject")
	tv, phone, bob := f.login(t, 0, "ann", "tv"), f.login(t, 1, "ann", "phone"), f.login(t, 1, "bob", "pc")
	first := tv.plays(t, "s1")
	if first.status != http.StatusOK {
		t.Fatalf("the first stream: %d", first.status)
	}
	if v := phone.plays(t, "s2"); v.status != http.StatusForbidden {
		t.Fatalf("a second stream on another slave: %d", v.status)
	}
	other := bob.plays(t, "s3")
	if other.status != http.StatusOK {
		t.Errorf("somebody else's stream: %d", other.status)
	}
	eventually(t, func() error {
		for _, s := range f.live(t) {
			if s.PlaySessionID == "s1" && s.DeviceID == "tv" && s.ItemID == item && s.ClientName == "TV" && s.UserID != "" && s.Bytes > 0 {
				return nil
			}
		}
		return fmt.Errorf("live sessions: %+v", f.live(t))
	})
	// The list is telemetry, too.
	eventually(t, func() error {
		var list struct {
			Items []struct {
				PlaySessionID string `json:"play_session_id"`
				ItemID        string `json:"item_id"`
			}
		}
		must(t, f.master.Admin.Do(t.Context(), http.MethodGet, "telemetry/realtime-sessions", nil, &list))
		for _, s := range list.Items {
			if s.PlaySessionID == "s1" && s.ItemID == item {
				return nil
			}
		}
		return fmt.Errorf("reported: %+v", list.Items)
	})
	tv.ends(t, first, "s1")
	began := time.Now()
	var second *film
	eventually(t, func() error {
		if second = phone.plays(t, fmt.Sprint("s2-", time.Now().UnixNano())); second.status != http.StatusOK {
			return fmt.Errorf("after the first has ended: %d", second.status)
		}
		return nil
	})
	if waited := time.Since(began); waited > 10*time.Second { // about a second; by silence it would be 90
		t.Errorf("the end was known after %v", waited)
	}

	// An admin's kick ends a transfer, and the media server tells the player.
	i := slices.IndexFunc(f.live(t), func(s liveSession) bool { return s.PlaySessionID == "s3" })
	if i < 0 {
		t.Fatalf("live sessions: %+v", f.live(t))
	}
	began = time.Now()
	must(t, f.master.Admin.Do(t.Context(), http.MethodDelete, fmt.Sprintf("sessions/%d", f.live(t)[i].ID), nil, nil))
	other.isCut(t, patience)
	t.Logf("an admin's kick took %v", time.Since(began))
	eventually(t, func() error {
		if got := f.media.Commands("pc"); len(got) != 1 || got[0] != "stop" {
			return fmt.Errorf("bob's player was told %q", got)
		}
		return nil
	})
	// The other worker hears of the kick a moment later, and ends what it has let in by then.
	eventually(t, func() error {
		if status, err := bob.tries(t, "s3"); err != nil || status != http.StatusForbidden {
			return fmt.Errorf("the kicked session came back: %d %w", status, err)
		}
		return nil
	})
}

// TestOldestStreamMakesRoom, on whichever slave it runs.
func TestOldestStreamMakesRoom(t *testing.T) {
	f := startFleet(t, "kick_oldest")
	tv, phone := f.login(t, 0, "ann", "tv"), f.login(t, 1, "ann", "phone")
	first := tv.plays(t, "s1")
	began := time.Now()
	second := phone.plays(t, "s2")
	if first.status != http.StatusOK || second.status != http.StatusOK {
		t.Fatalf("%d, then %d", first.status, second.status)
	}
	first.isCut(t, patience)
	t.Logf("a kick on the other slave took %v", time.Since(began))
	if v := tv.plays(t, "s1"); v.status != http.StatusForbidden {
		t.Errorf("the kicked session came back: %d", v.status)
	}
	eventually(t, func() error {
		if got := f.media.Commands("tv"); len(got) != 1 {
			return fmt.Errorf("the tv was told %q", got)
		}
		return nil
	})
	select {
	case <-second.done:
		t.Error("the newer stream was cut")
	default:
	}
}

// TestMasterHangs: players do not wait for it; each slave counts alone.
func TestMasterHangs(t *testing.T) {
	f := startFleet(t, "reject")
	tv, pc, phone := f.login(t, 0, "ann", "tv"), f.login(t, 0, "ann", "pc"), f.login(t, 1, "ann", "phone")
	must(t, f.master.Signal(syscall.SIGSTOP))
	defer func() { _ = f.master.Signal(syscall.SIGCONT) }()
	began := time.Now()
	if v := tv.plays(t, "s1"); v.status != http.StatusOK {
		t.Errorf("the first stream: %d", v.status)
	}
	if waited := time.Since(began); waited > 2*time.Second { // 0.3 s, on a machine that is not busy
		t.Errorf("waited %v for a master that hangs", waited)
	}
	if v := pc.plays(t, "s2"); v.status != http.StatusForbidden {
		t.Errorf("a second stream on the same slave: %d", v.status)
	}
	away := phone.plays(t, "s3")
	if away.status != http.StatusOK {
		t.Errorf("a stream on the other slave, which cannot know: %d", away.status)
	}
	// When it is back, heartbeats tell it what runs.
	must(t, f.master.Signal(syscall.SIGCONT))
	eventually(t, func() error {
		if n := len(f.live(t)); n != 2 {
			return fmt.Errorf("%d live sessions: %+v", n, f.live(t))
		}
		return nil
	})
}
