package session_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/accesslog"
	"github.com/uhdadmin/media-gateway/supervisor/internal/mediaserver"
)

// see shows the desk a line of now.
func (f *fixture) see(members string) { f.t.Helper(); f.seeAt(f.clock(), members) }

func (f *fixture) seeAt(at time.Time, members string) {
	f.t.Helper()
	var p accesslog.Parser
	var e accesslog.Entry
	line := fmt.Sprintf(`{"timestamp":%.3f,"ip":"192.0.2.1",%s}`, float64(at.UnixMilli())/1000, members)
	if err := p.Parse([]byte(line), &e); err != nil {
		f.t.Fatalf("%s: %v", line, err)
	}
	f.See(&e)
}

// Lines of ann's tv.
const (
	record  = `"scope":"1","user_id":"ann","device_id":"tv","client_name":"TV","verdict":"allow","bytes":1000`
	request = `"scope":"1","user_id":"ann","device_id":"tv","client_name":"TV","verdict":"allow","method":"GET","status":206,"bytes_sent":1500,"accounted":1000,"request_time":5`
	report  = `"scope":"1","user_id":"ann","device_id":"tv","verdict":"allow","method":"POST","status":204`
	a       = `,"play_session_id":"a","item_id":"f1"`
	b       = `,"play_session_id":"b","item_id":"f2"`
)

func (f *fixture) wantLive(n int, why string) {
	f.t.Helper()
	if got := f.Count(); got != n {
		f.t.Errorf("%s: %d live, want %d", why, got, n)
	}
}

// TestWithoutCheckIn: playbacks that no limit applies to are known by what is sent.
func TestWithoutCheckIn(t *testing.T) {
	f := newFixture(t)
	f.see(record + a)
	f.see(request + a)
	f.wantLive(1, "a stream")
	f.see(`"scope":"1","user_id":"bob","device_id":"tv","verdict":"allow","bytes":7` + a)
	f.wantLive(2, "the same id of somebody else")
	f.see(`"scope":"1","verdict":"reject","method":"GET","status":403,"bytes_sent":500,"device_id":"pc"` + b)
	f.see(`"scope":"1","verdict":"allow","method":"GET","status":404,"bytes_sent":500,"device_id":"pc"` + b)
	f.see(`"scope":"1","verdict":"allow","method":"HEAD","status":200,"bytes_sent":500,"device_id":"pc"` + b)
	f.see(report + `,"playback":{"event":"start","position_ticks":0,"is_paused":false}` + b)
	f.see(`"scope":"1","verdict":"allow","method":"GET","status":200,"bytes_sent":500,"device_id":"pc","play_session_id":"","item_id":""`)
	f.wantLive(2, "what sends no stream")
	f.seeAt(f.clock().Add(-2*time.Minute), `"scope":"1","verdict":"allow","device_id":"pc","bytes":7`+b)
	f.wantLive(2, "an old line")
	f.see(`"scope":"1","verdict":"allow","method":"GET","status":200,"bytes_sent":500,"device_id":"pc","play_session_id":"","item_id":"f9"`)
	f.see(`"scope":"1","verdict":"allow","device_id":"","bytes":7,"play_session_id":"","item_id":"f9"`)
	f.wantLive(3, "a stream without a play session")

	f.run()
	f.wasTold("heartbeat ann/a:false:1500 bob/a:false:7 /item f9:false:507")
	f.wasTold("realtime ann/a:false:1500 bob/a (2):false:7 /item f9:false:507")
}

// TestUnheard: while signs of life cannot come in nobody ends for want of them, and after that as ever.
func TestUnheard(t *testing.T) {
	f := newFixture(t)
	f.see(record + a)
	for range 5 {
		f.pass(60 * time.Second)
		f.Unheard()
	}
	f.wantLive(1, "a full disk")
	f.pass(91 * time.Second)
	f.Unheard()
	f.wantLive(0, "silent while it could be heard")
}

// TestUserKnownLater: a session does not become a second one when its token's user is found out.
func TestUserKnownLater(t *testing.T) {
	f := newFixture(t)
	f.see(`"scope":"1","device_id":"tv","verdict":"allow","bytes":1` + a)
	f.see(record + a)
	f.run()
	f.wasTold("heartbeat ann/a:false:1001")
}

// TestReports: a player's word about its own playback is taken, about others' it is not.
func TestReports(t *testing.T) {
	f := newFixture(t)
	f.want(play("a", "tv"), true, 1)
	f.see(report + `,"playback":{"event":"progress","position_ticks":1,"is_paused":true}` + a)
	f.run()
	f.wasTold("heartbeat ann/a:true:0")
	stop := `,"playback":{"event":"stop","position_ticks":1,"is_paused":false}` + a
	f.see(`"scope":"1","user_id":"eve","device_id":"tv","method":"POST","status":204,"verdict":"allow"` + stop)
	f.see(`"scope":"2","user_id":"ann","device_id":"tv","method":"POST","status":204,"verdict":"allow"` + stop)
	f.wantLive(1, "others' reports")
	f.see(report + stop)
	f.wantLive(0, "its own report")
	f.wasTold("end ann/a:true:0")
	// What was under way comes to its end, and is not a new playback.
	f.see(request + a)
	f.wantLive(0, "the tail of a playback")
	f.pass(20 * time.Second)
	f.see(record + a)
	f.wantLive(0, "a longer tail")
	f.pass(11 * time.Second)
	f.see(record + a)
	f.wantLive(1, "a playback that goes on")
}

// TestEndedBySocket: nginx's workers tell at once what a player reported.
func TestEndedBySocket(t *testing.T) {
	f := newFixture(t)
	f.want(play("a", "tv"), true, 1)
	end := ended("a", "ann")
	end.UserID = "eve"
	f.Ended(end)
	f.wantLive(1, "another's")
	f.Ended(ended("a", "ann"))
	f.wantLive(0, "its own")
	f.run()
	f.wasTold("end ann/a:false:0")
	f.want(play("b", "tv"), true, 1)
	failed := ended("b", "ann")
	failed.Failed = true
	f.Ended(failed)
	f.see(record + b)
	f.wantLive(1, "a second try")
}

// TestReplaced: a new play session of a device takes the old one's place, unless that one goes on beside it.
func TestReplaced(t *testing.T) {
	f := newFixture(t)
	f.run()
	f.want(play("a", "tv"), true, 1)
	f.want(play("b", "tv"), true, 1)
	f.wasTold("end ann/a:false:0")
	f.want(play("c", "phone"), true, 2)
	var asked api.CheckIn
	f.setMaster(func(in api.CheckIn) api.CheckInAnswer {
		asked = in
		return api.CheckInAnswer{Allowed: true, ActiveCount: 3}
	})
	f.want(play("a", "tv"), true, 3) // nginx asks again: it goes on
	if !asked.Beside {
		t.Error("the master was not told that it goes on beside")
	}
	f.wantLive(3, "side by side")
	f.want(play("d", "tablet"), true, 3)
	if asked.Beside {
		t.Error("a new one is beside nothing")
	}
}

// TestBegunAgain: the end of a playback that has begun again is no news.
func TestBegunAgain(t *testing.T) {
	f := newFixture(t)
	f.want(play("a", "tv"), true, 1)
	f.want(play("b", "phone"), true, 2)
	f.Ended(ended("a", "ann"))
	gone := ended("b", "ann")
	gone.DeviceID = "phone"
	f.Ended(gone)
	f.want(play("a", "tv"), true, 1)
	f.run()
	f.wasTold("end ann/b:false:0")
}

// TestKick: what the master kicks ends here and at the media server, once.
func TestKick(t *testing.T) {
	f := newFixture(t)
	in := play("a", "tv")
	in.ItemID = "f1"
	f.want(in, true, 1)
	kick := api.Kick{Scope: "1", PlaySessionID: "a", Until: f.clock().Add(time.Minute)}
	f.mu.Lock()
	f.answer.Kicks = []api.Kick{kick, {Scope: "1", PlaySessionID: "old", Until: f.now}}
	f.mu.Unlock()
	f.run()
	f.wasTold("heartbeat") // empty after the kick
	f.Desk.Kick([]api.Kick{kick})
	f.mu.Lock()
	defer f.mu.Unlock()
	if want := []mediaserver.Playback{{Scope: "1", PlaySessionID: "a", DeviceID: "tv", UserID: "ann", ItemID: "f1"}}; !slices.Equal(f.stopped, want) {
		t.Errorf("the media server was told to stop %+v, want %+v", f.stopped, want)
	}
	if !slices.Equal(f.kicked, []string{"1/a"}) {
		t.Errorf("kicked %q", f.kicked)
	}
}

// TestCut: a transfer that nginx cuts is over, and one that it kicks is stopped at the media server.
func TestCut(t *testing.T) {
	f := newFixture(t)
	cut := func(id, reason string, status int) {
		f.see(fmt.Sprintf(`"scope":"1","user_id":"ann","device_id":"tv","verdict":"reject","reason":%q,"method":"GET","status":%d,"bytes_sent":5000,"play_session_id":%q,"item_id":"f1"`, reason, status, id))
	}
	f.want(play("a", "tv"), true, 1)
	cut("a", "rate_limited", 429)
	f.wantLive(1, "a request that was refused")
	cut("a", "quota_bandwidth", 206)
	f.wantLive(0, "cut by a quota")
	f.want(play("b", "tv"), true, 1)
	cut("b", "kicked", 200)
	f.wantLive(0, "kicked by nginx")
	if len(f.stopped) != 1 || f.stopped[0].PlaySessionID != "b" {
		t.Errorf("the media server was told to stop %+v", f.stopped)
	}
}

// TestClipped: names of any length take no more room than they need.
func TestClipped(t *testing.T) {
	f := newFixture(t)
	in := play("a", strings.Repeat("d", 16<<10))
	in.DeviceName = in.DeviceID
	f.want(in, true, 1)
	f.run()
	f.wasTold("heartbeat ann/a:false:0")
	f.want(in, true, 1) // the same
}

// TestLeaves: when it ends, the master hears that there is nothing any more.
func TestLeaves(t *testing.T) {
	f := newFixture(t)
	f.want(play("a", "tv"), true, 1)
	stop := f.run()
	f.wasTold("heartbeat ann/a:false:0")
	stop()
	f.wasTold("heartbeat")
}

// TestMasterWithoutHeartbeats gets the one it knows.
func TestMasterWithoutHeartbeats(t *testing.T) {
	f := newFixture(t)
	f.want(play("a", "tv"), true, 1)
	f.mu.Lock()
	f.fail = notFound()
	f.mu.Unlock()
	f.run()
	f.wasTold("realtime ann/a:false:0")
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.told); n != 2 {
		t.Errorf("told %q", f.told)
	}
}
