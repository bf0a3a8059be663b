package session_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/masterclient"
	"github.com/uhdadmin/media-gateway/supervisor/internal/mediaserver"
	"github.com/uhdadmin/media-gateway/supervisor/internal/session"
)

var discard = slog.New(slog.DiscardHandler)

// fixture is a desk with a clock of its own, the kicks it made, and a master that the test plays.
type fixture struct {
	*session.Desk
	t      testing.TB
	master func(context.Context, api.CheckIn) (api.CheckInAnswer, error)
	asked  atomic.Int64

	mu      sync.Mutex
	now     time.Time
	kicked  []string
	told    []string // calls of the master, as text
	stopped []mediaserver.Playback
	fail    error
	answer  api.SessionHeartbeatAnswer
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{t: t, now: time.Unix(1_700_000_000, 0), master: away}
	var err error
	f.Desk, err = session.NewDesk(session.Config{
		Master: master{f}, Kicks: f, Media: f, Interval: 20 * time.Millisecond, Now: f.clock, Log: discard, Registerer: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func away(context.Context, api.CheckIn) (api.CheckInAnswer, error) {
	return api.CheckInAnswer{}, errors.New("connection refused")
}

func (f *fixture) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fixture) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

func (f *fixture) Kick(scope, id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kicked = append(f.kicked, scope+"/"+id)
}

func (f *fixture) KickUntil(scope, id string, _ time.Time) { f.Kick(scope, id) }

func (f *fixture) Stop(p mediaserver.Playback) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped = append(f.stopped, p)
}

func (f *fixture) Kicked(scope, id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Contains(f.kicked, scope+"/"+id)
}

// master is the fixture in its other part: CheckIn of the desk has another signature.
type master struct{ *fixture }

func (m master) CheckIn(ctx context.Context, in api.CheckIn) (api.CheckInAnswer, error) {
	m.asked.Add(1)
	return m.master(ctx, in)
}

func (m master) SessionHeartbeat(_ context.Context, beat api.SessionHeartbeat) (api.SessionHeartbeatAnswer, error) {
	return m.answer, m.tell("heartbeat", beat.Sessions)
}

func (m master) EndSessions(_ context.Context, ends api.SessionEnds) error {
	return m.tell("end", ends.Sessions)
}

func (m master) RealtimeHeartbeat(_ context.Context, beat api.RealtimeHeartbeat) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	text := "realtime"
	for _, s := range beat.Sessions {
		text += fmt.Sprintf(" %s/%s:%v:%d", s.UserID, s.SessionID, s.IsPaused, s.Bytes)
	}
	m.told = append(m.told, text)
	return m.fail
}

// tell notes a report as "call user/session …", with bytes.
func (f *fixture) tell(call string, sessions []api.LiveSession) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range sessions {
		call += fmt.Sprintf(" %s/%s:%v:%d", s.UserID, s.PlaySessionID, s.IsPaused, s.Bytes)
	}
	f.told = append(f.told, call)
	return f.fail
}

// wasTold waits until the master was told exactly this.
func (f *fixture) wasTold(want string) {
	f.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		f.mu.Lock()
		told := slices.Clone(f.told)
		f.mu.Unlock()
		if slices.Contains(told, want) {
			return
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("the master was told %q, not %q", told, want)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// run returns a function that ends Run and waits for it.
func (f *fixture) run() (stop func()) {
	ctx, cancel := context.WithCancel(f.t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = f.Run(ctx) })
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	f.t.Cleanup(stop)
	return stop
}

func (f *fixture) setMaster(decide func(api.CheckIn) api.CheckInAnswer) {
	f.master = func(_ context.Context, in api.CheckIn) (api.CheckInAnswer, error) { return decide(in), nil }
}

func notFound() error {
	return &masterclient.StatusError{Problem: &api.Problem{Status: http.StatusNotFound}}
}

func ended(id, user string) session.End {
	return session.End{Scope: "1", PlaySessionID: id, UserID: user, DeviceID: "tv", ClientIP: "192.0.2.1"}
}

// play is the check-in of one user's session on a device.
func play(id, device string) session.CheckIn {
	return session.CheckIn{
		Scope: "1", PlaySessionID: id, UserID: "ann", DeviceID: device, ClientIP: "192.0.2.1",
		MaxStreams: 2, ActionOnExceed: "reject",
	}
}

func (f *fixture) want(in session.CheckIn, allowed bool, active int, kick ...string) session.Answer {
	f.t.Helper()
	got := f.CheckIn(f.t.Context(), in)
	if got.Allowed != allowed || got.ActiveCount != active || !slices.Equal(got.Kick, kick) || got.Kick == nil {
		f.t.Errorf("check-in of %s: %+v, want allowed %v, %d active, kick %v", in.PlaySessionID, got, allowed, active, kick)
	}
	return got
}

// TestAlone: without a master each may start, as far as this package is asked, and owners are told apart.
func TestAlone(t *testing.T) {
	f := newFixture(t)
	f.want(play("a", "tv"), true, 1)
	f.want(play("b", "phone"), true, 2)
	f.want(play("a", "tv"), true, 2) // known
	other := play("a", "tv")
	other.Scope = "2"
	f.want(other, true, 1) // another media server is another matter
	stranger := play("a", "tv")
	stranger.UserID = ""
	f.want(stranger, true, 1) // counted for the address
	if n := f.Count(); n != 4 {
		t.Errorf("%d live", n)
	}
}

// TestEnds: 90 s without a sign of life, and not before.
func TestEnds(t *testing.T) {
	f := newFixture(t)
	f.want(play("a", "tv"), true, 1)
	f.want(play("b", "phone"), true, 2)
	f.pass(89 * time.Second)
	f.see(`"scope":"1","play_session_id":"a","item_id":"f","user_id":"ann","device_id":"tv","bytes":1`)
	f.see(`"scope":"2","play_session_id":"b","item_id":"","user_id":"ann","device_id":"phone","bytes":1`) // of another media server
	if n := f.Count(); n != 2 {
		t.Errorf("%d live after 89 s", n)
	}
	f.pass(time.Second)
	f.want(play("c", "tablet"), true, 2)
}

// TestAtOnce: the requests with which a player begins are one session.
func TestAtOnce(t *testing.T) {
	f := newFixture(t)
	var players sync.WaitGroup
	for i := range 50 {
		players.Go(func() {
			if !f.CheckIn(t.Context(), play(fmt.Sprint(i/2), fmt.Sprint("tv", i/2))).Allowed {
				t.Error("refused")
			}
		})
	}
	players.Wait()
	if n := f.Count(); n != 25 {
		t.Errorf("%d sessions, want 25", n)
	}
}

// TestMasterDecides, over the limit that this slave would set, and its kicks are carried out here.
func TestMasterDecides(t *testing.T) {
	f := newFixture(t)
	var asked api.CheckIn
	f.master = func(_ context.Context, in api.CheckIn) (api.CheckInAnswer, error) {
		asked = in
		return api.CheckInAnswer{Allowed: true, ActiveCount: 5, Kick: []string{"elsewhere"}}, nil
	}
	f.want(play("a", "tv"), true, 5, "elsewhere")
	if asked.ServerID != "1" || asked.PlaySessionID != "a" || asked.UserID != "ann" || asked.MaxStreams != 2 || asked.ActionOnExceed != "reject" || asked.ClientIP != "192.0.2.1" {
		t.Errorf("asked %+v", asked)
	}
	f.want(play("a", "tv"), true, 1) // known: not asked again
	if n := f.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	f.master = func(context.Context, api.CheckIn) (api.CheckInAnswer, error) {
		return api.CheckInAnswer{ActiveCount: 5}, nil
	}
	if got := f.want(play("b", "phone"), false, 5); got.Reason != api.ReasonStreamLimit {
		t.Errorf("reason %q", got.Reason)
	}
}

// TestMasterKicksHere: a session of this slave that the master kicks takes no place any more.
func TestMasterKicksHere(t *testing.T) {
	f := newFixture(t)
	f.want(play("a", "tv"), true, 1)
	f.master = func(context.Context, api.CheckIn) (api.CheckInAnswer, error) {
		return api.CheckInAnswer{Allowed: true, ActiveCount: 1, Kick: []string{"a"}}, nil
	}
	f.want(play("b", "phone"), true, 1, "a")
	if n := f.Count(); n != 1 {
		t.Errorf("%d live", n)
	}
	if got := f.want(play("a", "tv"), false, 1); got.Reason != api.ReasonKicked {
		t.Errorf("reason %q: the kicked one must not kick in turn", got.Reason)
	}
}

// TestBounded: more sessions than any slave has are not kept.
func TestBounded(t *testing.T) {
	f := newFixture(t)
	for i := range 20_001 {
		in := play(fmt.Sprint(i), "tv")
		in.UserID = fmt.Sprint(i)
		f.CheckIn(t.Context(), in)
	}
	if n := f.Count(); n != 20_000 {
		t.Errorf("%d live", n)
	}
}

// TestMasterWithoutCheckIns is asked once in five minutes.
func TestMasterWithoutCheckIns(t *testing.T) {
	f := newFixture(t)
	f.master = func(context.Context, api.CheckIn) (api.CheckInAnswer, error) {
		return api.CheckInAnswer{}, notFound()
	}
	f.want(play("a", "tv"), true, 1)
	f.want(play("b", "phone"), true, 2)
	if n := f.asked.Load(); n != 1 {
		t.Errorf("asked %d times, want 1", n)
	}
	f.pass(5 * time.Minute)
	f.want(play("c", "tv"), true, 1) // and the others have ended
	if n := f.asked.Load(); n != 2 {
		t.Errorf("asked %d times, want 2", n)
	}
}

// TestSlowMaster: a player does not wait for it.
func TestSlowMaster(t *testing.T) {
	f := newFixture(t)
	var allowed time.Duration
	f.master = func(ctx context.Context, _ api.CheckIn) (api.CheckInAnswer, error) {
		deadline, _ := ctx.Deadline()
		allowed = time.Until(deadline)
		<-ctx.Done()
		return api.CheckInAnswer{}, ctx.Err()
	}
	f.want(play("a", "tv"), true, 1)
	if allowed <= 0 || allowed > 250*time.Millisecond {
		t.Errorf("the master had %s", allowed)
	}
}
