// Package session is where playbacks check in: nginx's workers ask once for each that is new to them, and the
// master, which sees all slaves, says whether it may start and which others have to make room. What is live here
// is told to the master: endings at once, the whole list from time to time, whatever was missed.
//
// When the master offers no check-ins or does not answer in time, the answer is yes, and nginx's own count
// decides: it knows of each byte, stop and failure at once, all workers share it, and it is asked in any
// case. A second count here could only be an older one, and lock players out for streams that have ended.
//
// Playbacks that no limit applies to do not check in. They are known by what the logs say of them; so is what
// has been sent, what is paused, and that a player has reported the end.
package session

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/mediaserver"
)

const (
	// EndsAfter is how long a session counts after its last sign of life.
	EndsAfter = 90 * time.Second
	// masterTimeout bounds the question to the master; nginx waits 300 ms in all.
	masterTimeout = 250 * time.Millisecond
	// notOfferedFor is how long a call is left alone that the master does not know.
	notOfferedFor = 5 * time.Minute
)

// CheckIn is a playback that wants to start.
type CheckIn struct {
	Scope          string `json:"scope"` // the media server
	PlaySessionID  string `json:"play_session_id"`
	UserID         string `json:"user_id"` // the token's; "" when it is not known
	DeviceID       string `json:"device_id"`
	DeviceName     string `json:"device_name"`
	ItemID         string `json:"item_id"`
	ClientName     string `json:"client_name"`
	ClientIP       string `json:"client_ip"`
	MaxStreams     int    `json:"max_streams"`      // that the profile and rules allow the user; 0: no limit
	ActionOnExceed string `json:"action_on_exceed"` // reject or kick_oldest
}

// maxText bounds what is kept of what clients state.
const maxText = 256

// clipped returns the check-in with texts of bounded length. What tells sessions apart is not longer in any server.
func (in CheckIn) clipped() CheckIn {
	for _, text := range []*string{&in.UserID, &in.DeviceID, &in.DeviceName, &in.ItemID, &in.ClientName, &in.ClientIP} {
		*text = (*text)[:min(len(*text), maxText)]
	}
	return in
}

// Answer says whether it may.
type Answer struct {
	Allowed     bool     `json:"allowed"`
	ActiveCount int      `json:"active_count"` // of the same user, or address where the user is not known; with this one when it may start
	Kick        []string `json:"kick"`         // play sessions that had to make room
	Reason      string   `json:"reason,omitempty"`
}

// End is a playback that was reported stopped, or did not come about.
type End struct {
	Scope         string `json:"scope"`
	PlaySessionID string `json:"play_session_id"`
	UserID        string `json:"user_id"`
	DeviceID      string `json:"device_id"`
	ClientIP      string `json:"client_ip"`
	Failed        bool   `json:"failed"` // the media server did not send it: a second try is a new playback
}

// Master is who decides and is told; see masterclient.
type Master interface {
	CheckIn(ctx context.Context, in api.CheckIn) (api.CheckInAnswer, error)
	SessionHeartbeat(ctx context.Context, beat api.SessionHeartbeat) (api.SessionHeartbeatAnswer, error)
	EndSessions(ctx context.Context, ends api.SessionEnds) error
	RealtimeHeartbeat(ctx context.Context, beat api.RealtimeHeartbeat) error
}

// Kicks are the sessions that must not go on; see decision.
type Kicks interface {
	Kick(scope, session string)
	KickUntil(scope, session string, until time.Time)
	Kicked(scope, session string) bool
}

// Stopper has the media server itself stop a playback; see mediaserver.
type Stopper interface {
	Stop(p mediaserver.Playback)
}

// Config of a Desk.
type Config struct {
	Master     Master
	Kicks      Kicks
	Media      Stopper          // nil: nobody is told of kicks but nginx
	Interval   time.Duration    // between two heartbeats
	Now        func() time.Time // nil: time.Now
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Desk is where playbacks check in. Its methods may be called from any goroutine.
type Desk struct {
	cfg       Config
	metrics   *metrics
	endings   chan struct{} // there is something in ends
	checkIns  offer
	heartbeat offer
	ending    offer
	realtime  offer

	mu    sync.Mutex // guards what follows
	table *table
	ends  []api.LiveSession // that the master has not been told of
}

// NewDesk returns a Desk at which nobody has checked in.
func NewDesk(cfg Config) (*Desk, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	d := &Desk{cfg: cfg, table: newTable(), endings: make(chan struct{}, 1)}
	d.metrics = newMetrics(d)
	if err := cfg.Registerer.Register(d.metrics); err != nil {
		return nil, fmt.Errorf("register session metrics: %w", err)
	}
	return d, nil
}

// CheckIn decides. A session that has checked in before goes on, unless it was kicked.
func (d *Desk) CheckIn(ctx context.Context, in CheckIn) Answer {
	in = in.clipped()
	if d.cfg.Kicks.Kicked(in.Scope, in.PlaySessionID) {
		return d.note(Answer{ActiveCount: d.active(in), Kick: []string{}, Reason: api.ReasonKicked}, byLocal)
	}
	known, beside := d.renew(in)
	if known {
		return d.note(Answer{Allowed: true, ActiveCount: d.active(in), Kick: []string{}}, byLocal)
	}
	verdict, ok := d.askMaster(ctx, in, beside)
	if !ok {
		return d.note(Answer{Allowed: true, ActiveCount: d.register(in, beside), Kick: []string{}}, byLocal)
	}
	return d.note(d.follow(in, beside, verdict), byMaster)
}

// follow does here what the master has decided for all slaves.
func (d *Desk) follow(in CheckIn, beside bool, verdict api.CheckInAnswer) Answer {
	answer := Answer{Allowed: verdict.Allowed, ActiveCount: verdict.ActiveCount, Kick: []string{}, Reason: verdict.Reason}
	for _, id := range verdict.Kick {
		d.cfg.Kicks.Kick(in.Scope, id)
		d.kicked(in.Scope, id)
		answer.Kick = append(answer.Kick, id)
	}
	if answer.Allowed {
		d.register(in, beside)
	} else {
		answer.Reason = cmp.Or(answer.Reason, api.ReasonStreamLimit)
	}
	return answer
}

// Kick ends what the master wants to end, here and at the media server. What has been kicked before is left at
// that: the master names a kick until it has lapsed.
func (d *Desk) Kick(kicks []api.Kick) {
	for _, k := range kicks {
		if !d.cfg.Now().Before(k.Until) || d.cfg.Kicks.Kicked(k.Scope, k.PlaySessionID) {
			continue
		}
		d.cfg.Log.Info("Playback kicked by the master", "server_id", k.Scope, "play_session_id", k.PlaySessionID, "until", k.Until, "reason", k.Reason)
		d.cfg.Kicks.KickUntil(k.Scope, k.PlaySessionID, k.Until)
		d.metrics.kicks.Inc()
		d.kicked(k.Scope, k.PlaySessionID)
	}
}

// kicked ends the sessions of this name.
func (d *Desk) kicked(scope, id string) {
	for _, s := range d.endNamed(scope, id, func(*live) bool { return true }) {
		d.stop(s)
	}
}

// stop has the media server tell the player as well.
func (d *Desk) stop(s *live) {
	if d.cfg.Media != nil {
		d.cfg.Media.Stop(mediaserver.Playback{
			Scope: s.Scope, PlaySessionID: s.PlaySessionID, DeviceID: s.DeviceID, UserID: s.UserID, ItemID: s.ItemID,
		})
	}
}

// Ended says that a player has reported the end of its own playback.
func (d *Desk) Ended(e End) {
	over := d.endNamed(e.Scope, e.PlaySessionID, func(s *live) bool {
		return s.belongsTo(e.UserID, e.DeviceID, e.ClientIP)
	})
	if !e.Failed {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range over {
		delete(d.table.over, ended{s.owner, s.PlaySessionID})
	}
}

// belongsTo reports whether somebody may say that a session has ended: its user, or where it has none who is at
// the same address with the same device.
func (s *live) belongsTo(userID, deviceID, ip string) bool {
	if s.UserID != "" {
		return s.UserID == userID
	}
	return s.ClientIP == ip && s.DeviceID == deviceID
}

// endNamed ends the sessions of a name that which picks, and returns them.
func (d *Desk) endNamed(scope, id string, which func(*live) bool) (over []*live) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.table.named(scope, id) {
		if which(s) {
			d.table.end(s, d.cfg.Now())
			d.report(s)
			over = append(over, s)
		}
	}
	return over
}

// Count returns how many sessions are live on this slave.
func (d *Desk) Count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.expire()
	return d.table.order.Len()
}

// renew takes the check-in of a session that is there for a sign of life. beside: it was over, and goes on beside
// the one that replaced it.
func (d *Desk) renew(in CheckIn) (known, beside bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.expire()
	s := d.table.find(ownerOf(in), in.PlaySessionID)
	if s != nil {
		d.table.touch(s, d.cfg.Now())
	}
	_, beside = d.table.over[ended{ownerOf(in), in.PlaySessionID}]
	return s != nil, beside
}

// register adds the session, unless another request of it was quicker, and returns its owner's count.
func (d *Desk) register(in CheckIn, beside bool) (active int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.cfg.Now()
	d.expire()
	s := d.table.find(ownerOf(in), in.PlaySessionID)
	if s != nil {
		d.table.touch(s, now)
	} else {
		s = d.start(in, now, now, beside)
	}
	return len(d.table.owners[s.owner])
}

// start adds a session. Needs the lock.
func (d *Desk) start(in CheckIn, began, seen time.Time, beside bool) *live {
	s := &live{CheckIn: in, owner: ownerOf(in), started: began, seen: seen}
	if !beside {
		d.replace(s)
	}
	d.table.add(s)
	d.takeBack(s)
	return s
}

// replace ends the sessions that a new one of the same device takes the place of. Needs the lock.
func (d *Desk) replace(by *live) {
	var replaced []*live
	for _, s := range d.table.owners[by.owner] {
		if s.sameDevice(by) {
			replaced = append(replaced, s)
		}
	}
	for _, s := range replaced {
		d.table.end(s, d.cfg.Now())
		d.report(s)
	}
}

// expire ends what has been silent for too long. Needs the lock.
func (d *Desk) expire() {
	for _, s := range d.table.expire(d.cfg.Now()) {
		d.report(s)
	}
}

// active returns how many sessions the owner of a check-in has.
func (d *Desk) active(in CheckIn) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.expire()
	return len(d.table.owners[ownerOf(in)])
}
