package sessions_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/publish"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// want checks a check-in in, and what the answer says.
func (s *slave) want(t *testing.T, in api.CheckIn, allowed bool, active int, kick ...string) api.CheckInAnswer {
	t.Helper()
	got := s.checkIn(t, in)
	if got.Allowed != allowed || got.ActiveCount != active || !slices.Equal(got.Kick, kick) && len(got.Kick)+len(kick) > 0 {
		t.Errorf("check-in of %s: %+v; want allowed %v, %d active, kick %v", in.PlaySessionID, got, allowed, active, kick)
	}
	return got
}

// pair is a master with two slaves.
func pair(t *testing.T, databaseURL string) (r *replica, a, b *slave) {
	t.Helper()
	r = newReplica(t, databaseURL)
	return r, r.addSlave(t, "203.0.113.1"), r.addSlave(t, "203.0.113.2")
}

func TestOverSlaves(t *testing.T) {
	onBoth(t, func(t *testing.T, databaseURL string) {
		_, a, b := pair(t, databaseURL)
		a.want(t, play("1", "tv"), true, 1)
		a.want(t, play("1", "tv"), true, 1) // the other requests of the same start
		second := play("2", "phone")
		second.UserID = "aNN1" // the same person in another writing
		got := b.want(t, second, true, 2)
		if got.MaxAllowed != 2 || len(got.ActiveSessions) != 1 || got.ActiveSessions[0].PlaySessionID != "1" || got.ActiveSessions[0].DeviceName != "tv" {
			t.Errorf("%+v", got)
		}
		if got := a.want(t, play("3", "tablet"), false, 2); got.Reason != api.ReasonStreamLimit {
			t.Errorf("%+v", got)
		}
		a.want(t, play("4", "tv"), true, 2) // the next episode on the TV, whose old stream does not count
		b.want(t, play("5", "tv"), true, 2) // and on, over the other slave
		b.end(t, liveOf(second))
		a.want(t, play("3", "tablet"), true, 2)
		other := play("1", "tv")
		other.UserID = "bob"
		b.want(t, other, true, 1)
	})
}

// TestKickOldest: the oldest makes room. Its slave is told in the answer when it asked itself, else by its
// limits, at once; there and in heartbeats, and the kicked one is refused when it tries again.
func TestKickOldest(t *testing.T) {
	onBoth(t, func(t *testing.T, databaseURL string) {
		r, a, b := pair(t, databaseURL)
		kicking := func(id, device string) api.CheckIn {
			in := play(id, device)
			in.ActionOnExceed = "kick_oldest"
			return in
		}
		a.want(t, kicking("1", "tv"), true, 1)
		b.want(t, kicking("2", "phone"), true, 2)
		b.want(t, kicking("3", "tablet"), true, 2) // kicks on the other slave
		waitFor(t, "the other slave hears of the kick", func() bool { return len(a.limits(t).Kicks) == 1 })
		kick := a.limits(t).Kicks[0]
		if kick.Scope != a.server || kick.PlaySessionID != "1" || time.Until(kick.Until) < 9*time.Minute {
			t.Errorf("%+v", kick)
		}
		if kicks := b.limits(t).Kicks; len(kicks) != 0 {
			t.Errorf("a slave hears of another's kicks: %+v", kicks)
		}
		if got := a.want(t, kicking("1", "tv"), false, 2); got.Reason != api.ReasonKicked {
			t.Errorf("the kicked one is told %+v", got)
		}
		b.want(t, kicking("4", "pc"), true, 2, "2")
		if kicks := a.beat(t, liveOf(play("1", "tv"))); len(kicks) != 1 || kicks[0].PlaySessionID != "1" {
			t.Errorf("the heartbeat of the kicked one is answered by %+v", kicks)
		}
		r.ahead.Store(int64(11 * time.Minute))
		a.want(t, kicking("1", "tv"), true, 1) // it has been long, and the others have fallen silent
	})
}

// TestEnds: 90 s after the last sign of life, and not before.
func TestEnds(t *testing.T) {
	r, a, b := pair(t, "sqlite://"+t.TempDir()+"/master.db")
	first, second := play("1", "tv"), play("2", "phone")
	a.want(t, first, true, 1)
	b.want(t, second, true, 2)
	r.ahead.Store(int64(60 * time.Second))
	a.beat(t, liveOf(first))
	r.ahead.Store(int64(89 * time.Second))
	b.want(t, play("3", "pc"), false, 2)
	r.ahead.Store(int64(91 * time.Second)) // b is silent
	b.want(t, play("3", "pc"), true, 2)
	idle := liveOf(first)
	idle.IdleSeconds = 80
	r.ahead.Store(int64(140 * time.Second))
	a.beat(t, idle) // its list still has it; its last byte is old
	r.ahead.Store(int64(151 * time.Second))
	b.want(t, play("4", "tablet"), true, 2)
	if silent, err := r.store.ForgetSessions(t.Context(), r.now()); err != nil || silent != 2 {
		t.Errorf("%d forgotten that fell silent, %v", silent, err)
	}
	if n, err := r.store.CountSessions(t.Context(), r.now()); err != nil || n != 2 {
		t.Errorf("%d live, %v", n, err)
	}
}

// TestHeartbeatIsComplete: what is missing has ended, but for what the list may not know of yet; what is new
// counts, for its slave has let it in.
func TestHeartbeatIsComplete(t *testing.T) {
	onBoth(t, func(t *testing.T, databaseURL string) {
		r, a, b := pair(t, databaseURL)
		a.want(t, play("1", "tv"), true, 1)
		b.want(t, play("2", "phone"), true, 2)
		a.beat(t) // was on its way when 1 checked in
		b.want(t, play("3", "pc"), false, 2)
		r.ahead.Store(int64(11 * time.Second))
		a.beat(t)
		b.want(t, play("3", "pc"), true, 2)
		x, y := liveOf(play("x", "dev x")), liveOf(play("y", "dev y"))
		x.Bytes, y.IsPaused = 1<<40, true
		a.beat(t, x, y, x)
		b.want(t, play("4", "tablet"), false, 4) // above the limit: the master was away
		page, err := r.desk.Live(t.Context(), store.Query{Where: map[string]string{"host": "203.0.113.1"}})
		if err != nil || len(page.Items) != 2 {
			t.Fatalf("%+v, %v", page, err)
		}
		for _, p := range page.Items {
			if p.PlaySessionID == "x" && p.Bytes != 1<<40 || p.PlaySessionID == "y" && !p.IsPaused {
				t.Errorf("%+v", p)
			}
		}
	})
}

// TestGhosts: a list that was on its way when a session ended does not bring it back; one that goes on for
// longer than what was on its way has not ended.
func TestGhosts(t *testing.T) {
	r, a, b := pair(t, "sqlite://"+t.TempDir()+"/master.db")
	first := play("1", "tv")
	a.want(t, first, true, 1)
	a.end(t, liveOf(first))
	a.beat(t, liveOf(first))
	b.want(t, play("2", "phone"), true, 1)
	b.want(t, play("3", "phone"), true, 1) // replaces
	r.ahead.Store(int64(31 * time.Second))
	b.beat(t, liveOf(play("2", "phone")), liveOf(play("3", "phone"))) // both go on
	a.want(t, first, false, 2)
	beside := play("2", "phone")
	beside.Beside = true
	b.want(t, beside, true, 2) // known
	b.end(t, liveOf(beside))
	b.want(t, beside, true, 2)
	a.want(t, play("4", "pc"), false, 2)
	b.want(t, play("5", "phone"), true, 1) // a new one replaces both
}

// TestOwners: whose token nobody knows is counted by device, else by address, of one media server.
func TestOwners(t *testing.T) {
	_, a, b := pair(t, "sqlite://"+t.TempDir()+"/master.db")
	in := play("1", "tv")
	in.UserID, in.MaxStreams = "", 1
	a.want(t, in, true, 1)
	in.PlaySessionID = "2"
	a.want(t, in, true, 1) // its next
	b.want(t, in, true, 1) // of another media server
	in.DeviceID = ""
	a.want(t, in, true, 1) // of the address
	in.PlaySessionID, in.ClientIP = "3", "192.0.2.2"
	a.want(t, in, true, 1)
}

// TestRules: stream rules hold beside the profile's limit, over all slaves; disabled ones do not.
func TestRules(t *testing.T) {
	onBoth(t, func(t *testing.T, databaseURL string) {
		r, a, b := pair(t, databaseURL)
		rule := func(by, value string, limit int) *library.StreamRule {
			row := library.NewStreamRule()
			row.ApplyTo, row.ApplyValue, row.MaxStreams = by, value, limit
			if err := r.store.StreamRules.Create(t.Context(), &row); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the rule holds", func() bool {
				return slices.ContainsFunc(a.limits(t).StreamRules, func(r api.StreamRule) bool { return r.ID == row.ID })
			})
			return &row
		}
		person := rule("user", "ANN-1", 1)
		a.want(t, play("1", "tv"), true, 1)
		if got := b.want(t, play("2", "phone"), false, 1); got.MaxAllowed != 1 {
			t.Errorf("%+v", got)
		}
		if err := r.store.StreamRules.Delete(t.Context(), person.ID, 0); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the rule is gone", func() bool { return len(a.limits(t).StreamRules) == 0 })
		b.want(t, play("2", "phone"), true, 2)

		rule("ip", "", 3)
		of := func(id, user, device, address string) api.CheckIn {
			in := play(id, device)
			in.UserID, in.ClientIP = user, address
			return in
		}
		a.want(t, of("3", "bob", "bob's", "192.0.2.1"), true, 1)
		b.want(t, of("4", "carol", "carol's", "192.0.2.1"), false, 0) // the household's fourth
		b.want(t, of("4", "carol", "carol's", "192.0.2.9"), true, 1)
		b.want(t, of("5", "carol", "carol's", "192.0.2.1"), false, 1) // and its replacement does not move in
		rule("device", "shared", 1)
		a.want(t, of("6", "dave", "shared", "192.0.2.20"), true, 1)
		b.want(t, of("7", "erin", "shared", "192.0.2.21"), false, 0)
	})
}

// TestPublishedLimit goes before the slave's word, which may be older.
func TestPublishedLimit(t *testing.T) {
	r, a, _ := pair(t, "sqlite://"+t.TempDir()+"/master.db")
	_, err := r.store.Profiles.Update(t.Context(), 1, 0, func(p *library.Profile) error {
		p.ConcurrentStreams.MaxStreams = 1
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	a.want(t, play("1", "tv"), true, 1)
	a.want(t, play("2", "phone"), true, 2) // not published yet
	a.want(t, play("3", "pc"), false, 2)
	if _, err := r.pub.Publish(t.Context(), publish.Request{}); err != nil {
		t.Fatal(err)
	}
	a.end(t, liveOf(play("1", "tv")))
	if got := a.want(t, play("3", "pc"), false, 1); got.MaxAllowed != 1 {
		t.Errorf("%+v", got)
	}
}

// TestAdminKick: the slave that waits for its version hears of it at once.
func TestAdminKick(t *testing.T) {
	onBoth(t, func(t *testing.T, databaseURL string) {
		r, a, b := pair(t, databaseURL)
		if _, err := r.pub.Publish(t.Context(), publish.Request{}); err != nil {
			t.Fatal(err)
		}
		var was, other api.Version
		a.version(t, "limits=&wait=30", &was) // at once: it has none
		b.version(t, "limits=&wait=30", &other)
		a.want(t, play("1", "tv"), true, 1)
		page, err := r.desk.Live(t.Context(), store.Query{})
		if err != nil || len(page.Items) != 1 {
			t.Fatalf("%+v, %v", page, err)
		}
		heard := make(chan time.Time, 1)
		go func() {
			defer close(heard)
			var is api.Version
			if a.version(t, fmt.Sprintf("hash=%s&current=%d&limits=%s&wait=30", was.ConfigHash, was.Version, was.LimitsRevision), &is); is.LimitsRevision != was.LimitsRevision && !is.HasUpdate {
				heard <- time.Now()
			}
		}()
		waitFor(t, "the slave waits", func() bool { return r.metric(t, "uhd_slaves_waiting") == 1 })
		kicked := time.Now()
		if _, err := r.desk.Kick(t.Context(), page.Items[0].ID, "shared account"); err != nil {
			t.Fatal(err)
		}
		if at, ok := <-heard; !ok || at.Sub(kicked) > 2*time.Second {
			t.Errorf("heard after %s (%v)", at.Sub(kicked), ok)
		}
		if kicks := a.limits(t).Kicks; len(kicks) != 1 || kicks[0].Reason != "shared account" {
			t.Errorf("%+v", kicks)
		}
		if _, err := r.desk.Kick(t.Context(), page.Items[0].ID, ""); err == nil {
			t.Error("kicked twice")
		}
		var same api.Version
		if b.version(t, "limits="+other.LimitsRevision, &same); same.LimitsRevision != other.LimitsRevision {
			t.Error("another slave is woken by the kick")
		}
	})
}

func (s *slave) version(t *testing.T, query string, into *api.Version) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.ask(ctx, "GET", api.PathMediaSlave+"/config/version?"+query, nil, into); err != nil {
		t.Error(err)
	}
}

// TestReplicasAgree: one replica's revision is the other's, so that a slave which asks them in turn is not
// woken in turn; a kick at one is heard of at the other.
func TestReplicasAgree(t *testing.T) {
	onBoth(t, func(t *testing.T, databaseURL string) {
		r, a, _ := pair(t, databaseURL)
		if r.store.Postgres() == nil {
			t.Skip("SQLite has one process")
		}
		second := newReplica(t, databaseURL)
		a.want(t, play("1", "tv"), true, 1)
		page, err := second.desk.Live(t.Context(), store.Query{})
		if err != nil || len(page.Items) != 1 {
			t.Fatalf("%+v, %v", page, err)
		}
		if _, err := second.desk.Kick(t.Context(), page.Items[0].ID, ""); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "both know of the kick", func() bool {
			return len(a.limits(t).Kicks) == 1 && len(a.at(second).limits(t).Kicks) == 1
		})
		if here, there := a.limits(t).Revision, a.at(second).limits(t).Revision; here != there {
			t.Errorf("%s here, %s there", here, there)
		}
	})
}
