package sessions_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// modelUser is the reference: what one user plays, in the order of admission.
type modelUser struct {
	mu   sync.Mutex
	name string
	kick bool // the oldest makes room
	live []modelSession
	next int
}

type modelSession struct {
	on     int // slave
	id     string
	device string
}

const modelLimit = 3

func (u *modelUser) checkIn(s modelSession) api.CheckIn {
	in := api.CheckIn{PlaySessionID: s.id, UserID: u.name, DeviceID: s.device, ClientIP: "192.0.2.1", MaxStreams: modelLimit, ActionOnExceed: "reject"}
	if u.kick {
		in.ActionOnExceed = "kick_oldest"
	}
	return in
}

// modelSlave keeps the list that a slave's heartbeats send, as its desk does.
type modelSlave struct {
	*slave
	mu   sync.Mutex
	live map[string]api.LiveSession
}

func (s *modelSlave) put(in api.CheckIn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := liveOf(in)
	l.ServerID = s.server
	s.live[in.PlaySessionID] = l
}

func (s *modelSlave) drop(id string) (api.LiveSession, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.live[id]
	delete(s.live, id)
	return l, ok
}

func (s *modelSlave) list() []api.LiveSession {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []api.LiveSession{}
	for _, l := range s.live {
		all = append(all, l)
	}
	return all
}

// model is 2,000 users on 3 slaves, which speak to one master or two replicas of it.
type model struct {
	users   []*modelUser
	slaves  []*modelSlave
	refused atomic.Int64
	kicked  atomic.Int64
	races   atomic.Int64
}

// TestModel: users start and stop at random, one after the other and at the same instant on several slaves.
// What the master answers is what a plain list of each user's sessions says: the count never passes the
// limit, and nobody is refused who has a free stream. Heartbeats come in between, and disturb nothing.
// SOAK=1 goes on for two minutes.
func TestModel(t *testing.T) {
	onBoth(t, func(t *testing.T, databaseURL string) {
		first := newReplica(t, databaseURL)
		replicas := []*replica{first}
		if first.store.Postgres() != nil {
			replicas = append(replicas, newReplica(t, databaseURL))
		}
		m := &model{}
		for i := range 2000 {
			m.users = append(m.users, &modelUser{name: fmt.Sprintf("%032x", i), kick: i%2 == 1})
		}
		for i := range 3 {
			s := first.addSlave(t, fmt.Sprintf("203.0.113.%d", i+1)).at(replicas[i%len(replicas)])
			m.slaves = append(m.slaves, &modelSlave{slave: s, live: map[string]api.LiveSession{}})
		}
		m.run(t)
		m.compare(t, first)
		t.Logf("%d refused, %d kicked, %d races", m.refused.Load(), m.kicked.Load(), m.races.Load())
		if m.refused.Load() == 0 || m.kicked.Load() == 0 || m.races.Load() == 0 {
			t.Error("the model never came to a limit")
		}
	})
}

func (m *model) run(t *testing.T) {
	steps, deadline := int64(1500), time.Now().Add(time.Hour)
	if os.Getenv("SOAK") != "" {
		steps, deadline = 1<<62, time.Now().Add(2*time.Minute)
	}
	ctx, stop := context.WithCancel(t.Context())
	group, ctx := errgroup.WithContext(ctx)
	var workers errgroup.Group
	var taken atomic.Int64
	for range 16 {
		workers.Go(func() error {
			for taken.Add(1) <= steps && time.Now().Before(deadline) && ctx.Err() == nil {
				if err := m.step(t.Context()); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for _, s := range m.slaves {
		group.Go(func() error {
			for ctx.Err() == nil {
				var answer api.SessionHeartbeatAnswer
				err := s.ask(t.Context(), "POST", api.PathSlave+"/sessions/heartbeat", api.SessionHeartbeat{Sessions: s.list()}, &answer)
				if err != nil {
					return err
				}
				time.Sleep(50 * time.Millisecond)
			}
			return nil
		})
	}
	if err := workers.Wait(); err != nil {
		t.Error(err)
	}
	stop()
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

// step does one thing as one user, half of the time as one of the few who do most.
func (m *model) step(ctx context.Context) error {
	u := m.users[rand.IntN(len(m.users))]
	if rand.IntN(2) == 0 {
		u = m.users[rand.IntN(50)]
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	switch n := rand.IntN(10); {
	case n < 3 && len(u.live) > 0:
		return m.stop(ctx, u, rand.IntN(len(u.live)))
	case n < 5 && !u.kick:
		return m.race(ctx, u)
	default:
		return m.start(ctx, u)
	}
}

func (u *modelUser) fresh(slaves, devices int) modelSession {
	u.next++
	return modelSession{rand.IntN(slaves), fmt.Sprintf("%s-%d", u.name, u.next), fmt.Sprintf("device %d", rand.IntN(devices))}
}

func (m *model) ask(ctx context.Context, u *modelUser, s modelSession) (api.CheckInAnswer, error) {
	in := u.checkIn(s)
	in.ServerID = m.slaves[s.on].server
	var answer api.CheckInAnswer
	err := m.slaves[s.on].ask(ctx, "POST", api.PathSlave+"/sessions/checkin", in, &answer)
	if err == nil && answer.Allowed {
		m.slaves[s.on].put(in)
	}
	return answer, err
}

func (m *model) start(ctx context.Context, u *modelUser) error {
	s := u.fresh(len(m.slaves), 6)
	got, err := m.ask(ctx, u, s)
	if err != nil {
		return err
	}
	want := slices.DeleteFunc(slices.Clone(u.live), func(other modelSession) bool { return other.device == s.device })
	replaced := slices.DeleteFunc(slices.Clone(u.live), func(other modelSession) bool { return other.device != s.device })
	if len(want) >= modelLimit && !u.kick {
		if got.Allowed || got.ActiveCount != len(u.live) {
			return fmt.Errorf("%s has %d streams and is told %+v", u.name, len(u.live), got)
		}
		m.refused.Add(1)
		return nil
	}
	var kicks []string
	for len(want) >= modelLimit {
		gone := want[0]
		want = want[1:]
		m.slaves[gone.on].drop(gone.id)
		if gone.on == s.on {
			kicks = append(kicks, gone.id)
		}
		m.kicked.Add(1)
	}
	for _, gone := range replaced {
		m.slaves[gone.on].drop(gone.id)
	}
	u.live = append(want, s)
	if !got.Allowed || got.ActiveCount != len(u.live) || !slices.Equal(got.Kick, kicks) && len(got.Kick)+len(kicks) > 0 {
		return fmt.Errorf("%s should have %d streams and kick %v, and is told %+v", u.name, len(u.live), kicks, got)
	}
	return nil
}

func (m *model) stop(ctx context.Context, u *modelUser, i int) error {
	s := u.live[i]
	ended, ok := m.slaves[s.on].drop(s.id)
	if !ok {
		return fmt.Errorf("%s is not on slave %d", s.id, s.on)
	}
	u.live = slices.Delete(u.live, i, i+1)
	return m.slaves[s.on].ask(ctx, "POST", api.PathSlave+"/sessions/end", api.SessionEnds{Sessions: []api.LiveSession{ended}}, nil)
}

// race has several slaves ask at the same instant, each for a device of its own: as many get a stream as are
// free.
func (m *model) race(ctx context.Context, u *modelUser) error {
	m.races.Add(1)
	askers := 2 + rand.IntN(4)
	sessions := make([]modelSession, askers)
	answers := make([]api.CheckInAnswer, askers)
	group, ctx := errgroup.WithContext(ctx)
	for i := range sessions {
		sessions[i] = u.fresh(len(m.slaves), 6)
		sessions[i].device = "of " + sessions[i].id
		group.Go(func() (err error) {
			answers[i], err = m.ask(ctx, u, sessions[i])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	want, allowed := min(askers, max(0, modelLimit-len(u.live))), 0
	for i, a := range answers {
		if a.Allowed {
			u.live = append(u.live, sessions[i])
			allowed++
		} else {
			m.refused.Add(1)
		}
	}
	if allowed != want {
		return fmt.Errorf("%s: of %d at once %d may start, want %d: %+v", u.name, askers, allowed, want, answers)
	}
	return nil
}

// compare checks that the database holds exactly the sessions of the reference.
func (m *model) compare(t *testing.T, r *replica) {
	t.Helper()
	want := map[string]bool{}
	for _, u := range m.users {
		for _, s := range u.live {
			want[m.slaves[s.on].server+" "+s.id] = true
		}
	}
	got := map[string]bool{}
	query := store.Query{Limit: store.MaxLimit}
	for {
		page, err := r.desk.Live(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.Items {
			got[s.Scope+" "+s.PlaySessionID] = true
		}
		if query.Cursor = page.Next; query.Cursor == "" {
			break
		}
	}
	for id := range want {
		if !got[id] {
			t.Errorf("the master has forgotten %s", id)
		}
	}
	for id := range got {
		if !want[id] {
			t.Errorf("%s counts at the master", id)
		}
	}
}
