// Package session is where playbacks check in: nginx's workers ask once for each that is new to them, and the
// master, which sees all slaves, says whether it may start and which others have to make room.
//
// When the master offers no check-ins or does not answer in time, the answer is yes, and nginx's own count
// decides: it knows of each byte, stop and failure at once, all workers share it, and it is asked in any
// case. A second count here could only be an older one, and lock players out for streams that have ended.
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
)

const (
	// EndsAfter is how long a session counts after its last sign of life.
	EndsAfter = 90 * time.Second
	// masterTimeout bounds the question to the master; nginx waits 300 ms in all.
	masterTimeout = 250 * time.Millisecond
	// notOfferedFor is how long a master that knows no check-in is not asked again.
	notOfferedFor = 5 * time.Minute
)

// Reasons of a refusal, unless the master gives one.
const (
	ReasonLimit  = "stream_limit"
	ReasonKicked = "kicked"
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

// Answer says whether it may.
type Answer struct {
	Allowed     bool     `json:"allowed"`
	ActiveCount int      `json:"active_count"` // of the same user, or address where the user is not known; with this one when it may start
	Kick        []string `json:"kick"`         // play sessions that had to make room
	Reason      string   `json:"reason,omitempty"`
}

// Master is asked first; see masterclient.
type Master interface {
	CheckIn(ctx context.Context, in api.CheckIn) (api.CheckInAnswer, error)
}

// Kicks are the sessions that must not go on; see decision.
type Kicks interface {
	Kick(scope, session string)
	Kicked(scope, session string) bool
}

// Config of a Desk.
type Config struct {
	Master     Master
	Kicks      Kicks
	Now        func() time.Time // nil: time.Now
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Desk is where playbacks check in. Its methods may be called from any goroutine.
type Desk struct {
	cfg     Config
	metrics *metrics

	mu       sync.Mutex // guards what follows
	table    *table
	askAgain time.Time // the master does not offer check-ins until then
}

// NewDesk returns a Desk at which nobody has checked in.
func NewDesk(cfg Config) (*Desk, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	d := &Desk{cfg: cfg, table: newTable()}
	d.metrics = newMetrics(d)
	if err := cfg.Registerer.Register(d.metrics); err != nil {
		return nil, fmt.Errorf("register session metrics: %w", err)
	}
	return d, nil
}

// CheckIn decides. A session that has checked in before goes on, unless it was kicked.
func (d *Desk) CheckIn(ctx context.Context, in CheckIn) Answer {
	if d.cfg.Kicks.Kicked(in.Scope, in.PlaySessionID) {
		return d.note(Answer{ActiveCount: d.active(in), Kick: []string{}, Reason: ReasonKicked}, byLocal)
	}
	if d.renew(in) {
		return d.note(Answer{Allowed: true, ActiveCount: d.active(in), Kick: []string{}}, byLocal)
	}
	verdict, ok := d.askMaster(ctx, in)
	if !ok {
		return d.note(Answer{Allowed: true, ActiveCount: d.register(in), Kick: []string{}}, byLocal)
	}
	return d.note(d.follow(in, verdict), byMaster)
}

// follow does here what the master has decided for all slaves.
func (d *Desk) follow(in CheckIn, verdict api.CheckInAnswer) Answer {
	answer := Answer{Allowed: verdict.Allowed, ActiveCount: verdict.ActiveCount, Kick: []string{}, Reason: verdict.Reason}
	for _, id := range verdict.Kick {
		d.end(in.Scope, id)
		d.cfg.Kicks.Kick(in.Scope, id)
		answer.Kick = append(answer.Kick, id)
	}
	if answer.Allowed {
		d.register(in)
	} else {
		answer.Reason = cmp.Or(answer.Reason, ReasonLimit)
	}
	return answer
}

// Seen is a sign of life of a session: bytes were sent. Sessions that did not check in are not counted.
func (d *Desk) Seen(scope, session string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.table.named(scope, session) {
		d.table.touch(s, d.cfg.Now())
	}
}

// Count returns how many sessions are live on this slave.
func (d *Desk) Count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.table.expire(d.cfg.Now())
	return d.table.order.Len()
}

// renew takes the check-in of a session that is there for a sign of life.
func (d *Desk) renew(in CheckIn) (known bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.cfg.Now()
	d.table.expire(now)
	s := d.table.find(ownerOf(in), in.PlaySessionID)
	if s != nil {
		d.table.touch(s, now)
	}
	return s != nil
}

// register adds the session, unless another request of it was quicker, and returns its owner's count.
func (d *Desk) register(in CheckIn) (active int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now, owner := d.cfg.Now(), ownerOf(in)
	d.table.expire(now)
	if s := d.table.find(owner, in.PlaySessionID); s != nil {
		d.table.touch(s, now)
	} else {
		d.table.add(&live{owner: owner, id: in.PlaySessionID, seen: now})
	}
	return len(d.table.owners[owner])
}

// end forgets the sessions of this name.
func (d *Desk) end(scope, session string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.table.named(scope, session) {
		d.table.remove(s)
	}
}

// active returns how many sessions the owner of a check-in has.
func (d *Desk) active(in CheckIn) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.table.expire(d.cfg.Now())
	return len(d.table.owners[ownerOf(in)])
}
