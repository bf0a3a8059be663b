package sessions

import (
	"context"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/limits"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// Beat takes over a slave's list of all its live sessions. What it names counts, even above a limit: the
// slave let it in while the master was away. What it does not name has ended. The answer names those that
// must not go on.
func (d *Desk) Beat(ctx context.Context, slave Slave, beat api.SessionHeartbeat) (api.SessionHeartbeatAnswer, error) {
	answer := api.SessionHeartbeatAnswer{Kicks: []api.Kick{}}
	now := d.now()
	known, err := d.cfg.Store.GroupSessions(ctx, slave.Group, now)
	if err != nil {
		return answer, err
	}
	named := map[string]store.PlaySession{}
	for _, in := range beat.Sessions {
		p := session(slave, in, now.Add(-time.Duration(max(0, in.IdleSeconds))*time.Second))
		if p.Until.After(now) {
			named[p.Key] = p
		}
	}
	var live []store.PlaySession
	var revived, missing []int64
	for i := range known {
		row := &known[i]
		p, isNamed := named[row.Key]
		delete(named, row.Key)
		switch {
		case row.State == store.SessionKicked:
			if isNamed {
				answer.Kicks = append(answer.Kicks, limits.KickOf(row))
			}
		case row.State == store.SessionGhost:
			if isNamed && row.OverAt != nil && p.SeenAt.After(row.OverAt.Add(grace)) {
				revived = append(revived, row.ID)
			}
		case isNamed:
			p.StartedAt = row.StartedAt
			live = append(live, p)
		case now.Sub(row.SeenAt) > unheardFor:
			missing = append(missing, row.ID)
		}
	}
	for _, p := range named { // let in by the slave alone
		live = append(live, p)
	}
	if err := d.cfg.Store.BeatSessions(ctx, live); err != nil {
		return answer, err
	}
	if err := d.cfg.Store.ReviveSessions(ctx, revived, now, now.Add(endsAfter)); err != nil {
		return answer, err
	}
	ended, err := d.cfg.Store.EndSessions(ctx, missing, ghost(now))
	d.metrics.ends.WithLabelValues(endMissing).Add(float64(ended))
	return answer, err
}

// End makes sessions ghosts that their slave reports to have ended.
func (d *Desk) End(ctx context.Context, slave Slave, ends api.SessionEnds) error {
	now := d.now()
	keys := make([]string, 0, len(ends.Sessions))
	for _, in := range ends.Sessions {
		p := session(slave, in, now)
		keys = append(keys, p.Key)
	}
	ids, err := d.cfg.Store.SessionIDs(ctx, keys)
	if err != nil {
		return err
	}
	ended, err := d.cfg.Store.EndSessions(ctx, ids, ghost(now))
	d.metrics.ends.WithLabelValues(endReported).Add(float64(ended))
	return err
}

func ghost(now time.Time) store.SessionEnd {
	return store.SessionEnd{State: store.SessionGhost, At: now, Until: now.Add(endsAfter)}
}

// Kick ends a live session for an admin, and returns it as it was; store.ErrNotFound when it is not live any
// more. Its slave hears of it by its limits.
func (d *Desk) Kick(ctx context.Context, id int64, reason string) (*store.PlaySession, error) {
	now := d.now()
	p, err := d.cfg.Store.PlaySession(ctx, id)
	if err != nil {
		return nil, err
	}
	if p.State != store.SessionLive || !p.Until.After(now) {
		return nil, store.ErrNotFound
	}
	n, err := d.cfg.Store.EndSessions(ctx, []int64{id}, store.SessionEnd{
		State: store.SessionKicked, Reason: reason, At: now, Until: now.Add(kickedFor),
	})
	d.metrics.ends.WithLabelValues(endAdmin).Add(float64(n))
	return p, err
}

// Live returns a page of the sessions that count.
func (d *Desk) Live(ctx context.Context, q store.Query) (store.Page[store.PlaySession], error) {
	return d.cfg.Store.LiveSessions(ctx, q, d.now())
}
