package session

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
)

const (
	// endsWithin is how long an ending waits for others that come with it.
	endsWithin = time.Second
	// mostEnds bounds those that wait for a master that is away; the next heartbeat says it all.
	mostEnds = 5000
	// farewell bounds the last heartbeat.
	farewell = 2 * time.Second
)

// report has the master told that a session has ended. Needs the lock.
func (d *Desk) report(s *live) {
	d.metrics.ended.Inc()
	if len(d.ends) >= mostEnds {
		return
	}
	d.ends = append(d.ends, s.wire(d.cfg.Now()))
	select {
	case d.endings <- struct{}{}:
	default:
	}
}

// takeBack leaves out the endings of a session that has begun again: the master would take them for its end. Needs
// the lock.
func (d *Desk) takeBack(s *live) {
	d.ends = slices.DeleteFunc(d.ends, func(e api.LiveSession) bool {
		return e.ServerID == s.Scope && e.PlaySessionID == s.PlaySessionID && e.UserID == s.UserID && e.DeviceID == s.DeviceID && e.ClientIP == s.ClientIP
	})
}

func (s *live) wire(now time.Time) api.LiveSession {
	return api.LiveSession{
		ServerID: s.Scope, PlaySessionID: s.PlaySessionID, UserID: s.UserID, DeviceID: s.DeviceID, DeviceName: s.DeviceName,
		ItemID: s.ItemID, ClientName: s.ClientName, ClientIP: s.ClientIP,
		Bytes: api.Int(s.bytes), IsPaused: s.paused, IdleSeconds: api.Int(max(0, now.Sub(s.seen)) / time.Second),
	}
}

// Run tells the master which sessions are live, every interval, and which have ended, within a second, until ctx
// ends; and then that there are none any more.
func (d *Desk) Run(ctx context.Context) error {
	beat := time.NewTimer(d.pace())
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			d.leave(context.WithoutCancel(ctx))
			return nil
		case <-beat.C:
			d.tellAll(ctx)
			beat.Reset(d.pace())
		case <-d.endings:
			select {
			case <-ctx.Done():
			case <-time.After(endsWithin):
				d.tellEnds(ctx)
			}
		}
	}
}

// pace is the interval ±10 %: a fleet that was started together spreads out.
func (d *Desk) pace() time.Duration {
	return time.Duration(float64(d.cfg.Interval) * (0.9 + 0.2*rand.Float64()))
}

// leave tells the master that all is over, if it has something to end.
func (d *Desk) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	d.mu.Lock()
	idle := d.table.order.Len() == 0 && len(d.ends) == 0
	d.table = newTable()
	d.mu.Unlock()
	if !idle {
		d.tellAll(ctx)
	}
}

// tellAll sends the list of all sessions: what the master keeps, and what it counts them by.
func (d *Desk) tellAll(ctx context.Context) {
	beat, realtime := d.snapshot()
	if d.heartbeat.open(d.cfg.Now()) {
		answer, err := d.cfg.Master.SessionHeartbeat(ctx, beat)
		d.told(ctx, "heartbeat", &d.heartbeat, err)
		d.Kick(answer.Kicks)
	}
	if d.realtime.open(d.cfg.Now()) {
		err := d.cfg.Master.RealtimeHeartbeat(ctx, realtime)
		d.told(ctx, "realtime", &d.realtime, err)
	}
}

// snapshot returns the list in the two forms that masters take.
func (d *Desk) snapshot() (api.SessionHeartbeat, api.RealtimeHeartbeat) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.expire()
	now, n := d.cfg.Now(), d.table.order.Len()
	beat := api.SessionHeartbeat{Sessions: make([]api.LiveSession, 0, n)}
	realtime := api.RealtimeHeartbeat{Sessions: make([]api.RealtimeSession, 0, n)}
	names := make(map[string]int, n) // clients make play sessions up, and a list names each once
	for e := d.table.order.Front(); e != nil; e = e.Next() {
		s := e.Value.(*live)
		beat.Sessions = append(beat.Sessions, s.wire(now))
		name := s.PlaySessionID
		if names[name]++; names[name] > 1 {
			name = fmt.Sprintf("%s (%d)", name, names[name])
		}
		realtime.Sessions = append(realtime.Sessions, api.RealtimeSession{
			SessionID: name, UserID: s.UserID, DeviceID: s.DeviceID, DeviceName: s.DeviceName, ClientName: s.ClientName,
			ClientIP: s.ClientIP, IsPlaying: !s.paused, IsPaused: s.paused, StartedAt: float64(s.started.UnixMilli()) / 1000,
			Scope: s.Scope, PlaySessionID: s.PlaySessionID, ItemID: s.ItemID, Bytes: s.bytes,
		})
	}
	return beat, realtime
}

// tellEnds sends the endings that wait. What does not arrive is in the next heartbeat, by being missing there.
func (d *Desk) tellEnds(ctx context.Context) {
	d.mu.Lock()
	ends := d.ends
	d.ends = nil
	d.mu.Unlock()
	if len(ends) == 0 || !d.ending.open(d.cfg.Now()) {
		return
	}
	err := d.cfg.Master.EndSessions(ctx, api.SessionEnds{Sessions: ends})
	d.told(ctx, "end", &d.ending, err)
}

// told takes how a call ended.
func (d *Desk) told(ctx context.Context, call string, offered *offer, err error) {
	switch {
	case err == nil:
		d.metrics.reports.WithLabelValues(call, "sent").Inc()
	case ctx.Err() != nil:
	case offered.refused(err, d.cfg.Now()):
		d.metrics.reports.WithLabelValues(call, "not_offered").Inc()
		d.cfg.Log.Debug("Master does not take this report of sessions", "call", call, "ask_again_in", notOfferedFor)
	default:
		d.metrics.reports.WithLabelValues(call, "failed").Inc()
		d.cfg.Log.Debug("Sessions not reported, the next heartbeat says it all", "call", call, "error", err)
	}
}
