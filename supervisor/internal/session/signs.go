package session

import (
	"context"
	"math"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/accesslog"
	"github.com/uhdadmin/media-gateway/supervisor/internal/spool"
)

const (
	// tail is how long what comes of a session that is over is its tail; after that it goes on, as for nginx's
	// workers (lua/uhd/sessions.lua, GRACE).
	tail = 30 * time.Second

	// diskRetry is how long a log is left alone that cannot be read.
	diskRetry = 5 * time.Second
)

// Lines are the lines of the access log as they come; see spool.Reader.
type Lines interface {
	Next(ctx context.Context) (spool.Batch, error)
	Done(p spool.Position)
}

// Follow takes the lines of the access log for signs of life, until ctx ends; See those of what runs. Nothing of it has
// to be kept: sessions end with this process, which nginx does not outlive.
func (d *Desk) Follow(ctx context.Context, lines Lines) error {
	failing := false
	for ctx.Err() == nil {
		batch, err := lines.Next(ctx)
		if err != nil {
			d.notRead(ctx, err, failing)
			failing = true
			continue
		}
		failing = false
		for i := range batch.Lines {
			if e := batch.Lines[i].Entry; e != nil { // who counts usage counts garbage
				d.See(e)
			}
		}
		lines.Done(batch.To)
	}
	return nil
}

// notRead waits for a disk to get better.
func (d *Desk) notRead(ctx context.Context, err error, again bool) {
	if ctx.Err() == nil && !again {
		d.cfg.Log.Error("Signs of life of sessions are not read", "error", err)
	}
	select {
	case <-ctx.Done():
	case <-time.After(diskRetry):
	}
}

// Unheard says that signs of life cannot come in, for want of a disk that takes them: nobody counts as silent.
func (d *Desk) Unheard() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.expire() // who was silent before
	d.table.touchAll(d.cfg.Now())
}

// See takes a line of the access log, or a record of a transfer that runs: bytes of a stream, or what a player reports of its
// playback.
func (d *Desk) See(e *accesslog.Entry) {
	if len(e.Scope) == 0 || len(e.ItemID)+len(e.PlaySessionID) == 0 {
		return
	}
	if string(e.Verdict) == "reject" {
		d.cut(e)
		return
	}
	if len(e.Playback.Event) > 0 {
		d.reported(e)
		return
	}
	isRecord := e.Status == 0 // of a transfer that runs
	if !isRecord && (e.Status >= 400 || string(e.Method) == "HEAD" || string(e.Method) == "OPTIONS") {
		return
	}
	at, sent := unix(e.Timestamp), e.Bytes
	began := at
	if !isRecord {
		began, sent = unix(e.Timestamp-e.RequestTime), max(0, e.BytesSent-e.Accounted)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.cfg.Now()
	if at.After(now) {
		at = now
	}
	d.expire()
	s := d.match(e)
	if s == nil {
		if s = d.discover(e, began, at, now); s == nil {
			return
		}
	}
	s.bytes += sent
	if len(e.UserID) > 0 && s.UserID == "" {
		d.table.rename(s, string(e.UserID))
	}
	if sent > 0 {
		d.table.touch(s, at)
	}
}

// cut ends the session of a transfer that was refused while it ran. One that nginx itself has kicked, for want of a
// master that decides, is stopped at the media server as well.
func (d *Desk) cut(e *accesslog.Entry) {
	if e.Status == 0 || e.Status >= 400 {
		return // a request that was refused is none of those that run
	}
	d.mu.Lock()
	s := d.match(e)
	if s != nil {
		d.table.end(s, d.cfg.Now())
		d.report(s)
	}
	d.mu.Unlock()
	if s != nil && string(e.Reason) == api.ReasonKicked {
		d.metrics.kicks.Inc()
		d.stop(s)
	}
}

// match returns the session that a line is of: the owner's of that play session; where the line names none, what
// plays that item on that device. Needs the lock.
func (d *Desk) match(e *accesslog.Entry) *live {
	candidates := d.table.ids[string(e.PlaySessionID)]
	if len(e.PlaySessionID) == 0 {
		candidates = d.table.items[string(e.ItemID)]
	}
	for _, s := range candidates {
		if s.Scope == string(e.Scope) && s.isOf(e) {
			return s
		}
	}
	return nil
}

// isOf reports whether a line may be of this session, by who it is of. What a line leaves open was filled in by
// nginx for the check-in.
func (s *live) isOf(e *accesslog.Entry) bool {
	if s.UserID != "" && len(e.UserID) > 0 {
		return s.UserID == string(e.UserID)
	}
	return s.ClientIP == string(e.IP) && (len(e.DeviceID) == 0 || s.DeviceID == string(e.DeviceID))
}

// discover starts a session that did not check in, unless the line is the tail of one that is over, or too old.
// Needs the lock.
func (d *Desk) discover(e *accesslog.Entry, began, at, now time.Time) *live {
	if len(e.ItemID) == 0 || now.Sub(at) >= EndsAfter || d.cfg.Kicks.Kicked(string(e.Scope), string(e.PlaySessionID)) {
		return nil
	}
	in := CheckIn{
		Scope: string(e.Scope), PlaySessionID: string(e.PlaySessionID), UserID: string(e.UserID), DeviceID: string(e.DeviceID),
		DeviceName: string(e.DeviceName), ItemID: string(e.ItemID), ClientName: string(e.ClientName), ClientIP: string(e.IP),
	}.clipped()
	if in.PlaySessionID == "" {
		in.PlaySessionID = "item " + in.ItemID // as nginx's workers call it
	}
	over, wasOver := d.table.over[ended{ownerOf(in), in.PlaySessionID}]
	last := began // a request that began after the end is no tail
	if e.Status == 0 {
		last = at
	}
	if wasOver && last.Before(over.Add(tail)) {
		return nil
	}
	return d.start(in, began, at, wasOver)
}

// reported takes what a player says of its playback. It is believed about its own only, and is no sign of life: bytes
// are.
func (d *Desk) reported(e *accesslog.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.match(e)
	if s == nil || !s.belongsTo(string(e.UserID), string(e.DeviceID), string(e.IP)) {
		return
	}
	if string(e.Playback.Event) != "stop" {
		s.paused = e.Playback.IsPaused
		return
	}
	if unix(e.Timestamp).Before(s.started) { // of the playback before, which had the same name
		return
	}
	d.table.end(s, d.cfg.Now())
	d.report(s)
}

func unix(seconds float64) time.Time {
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9))
}
