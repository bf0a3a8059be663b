package sessions

import (
	"context"
	"slices"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// verdict is what becomes of a playback that wants to start, and of others on its account.
type verdict struct {
	outcome  string
	replaced []int64              // become ghosts
	kicked   []*store.PlaySession // make room
	active   []*store.PlaySession // of the same owner, that go on beside it
}

// CheckIn decides whether a playback may start, and stores it when it may. Asked again about one that runs, it
// may.
func (d *Desk) CheckIn(ctx context.Context, slave Slave, in api.CheckIn) (api.CheckInAnswer, error) {
	began := time.Now()
	now := d.now()
	p := session(slave, api.LiveSession{
		ServerID: in.ServerID, PlaySessionID: in.PlaySessionID, UserID: in.UserID, DeviceID: in.DeviceID,
		DeviceName: in.DeviceName, ItemID: in.ItemID, ClientName: in.ClientName, ClientIP: in.ClientIP,
	}, now)
	limits := d.limitsOf(&p, in)
	var v verdict
	err := d.cfg.Store.Admit(ctx, placesOf(&p, limits), func(ctx context.Context, tx *store.AdmissionTx) error {
		known, err := tx.Sessions(ctx, now)
		if err != nil {
			return err
		}
		v = decide(&p, known, limits, !in.Beside)
		return carryOut(ctx, tx, &p, v, now)
	})
	if err != nil {
		d.metrics.checkIns.WithLabelValues(outcomeFailed).Inc()
		return api.CheckInAnswer{}, err
	}
	d.metrics.note(v, time.Since(began))
	return answer(&p, v, limits), nil
}

// decide is what one check-in comes to, given the sessions in its places, the oldest first. replaces: others
// of the same device end with it.
func decide(p *store.PlaySession, known []store.PlaySession, limits []limit, replaces bool) verdict {
	var live []*store.PlaySession
	for i := range known {
		other := &known[i]
		switch {
		case other.Key == p.Key && other.State == store.SessionKicked:
			return verdict{outcome: outcomeKicked, active: owned(p, liveOf(known), nil)}
		case other.Key == p.Key && other.State == store.SessionLive:
			p.StartedAt, p.Bytes, p.IsPaused = other.StartedAt, other.Bytes, other.IsPaused
			return verdict{outcome: outcomeRenewed, active: owned(p, liveOf(known), nil)}
		case other.State == store.SessionLive:
			live = append(live, other)
		}
	}
	v := verdict{outcome: outcomeAllowed}
	var gone []*store.PlaySession
	if replaces {
		for _, other := range live {
			if other.Owner == p.Owner && other.Device == p.Device {
				gone = append(gone, other)
				v.replaced = append(v.replaced, other.ID)
			}
		}
	}
	for _, l := range limits {
		var counted []*store.PlaySession
		for _, other := range live {
			if l.counts(p, other) && !slices.Contains(gone, other) {
				counted = append(counted, other)
			}
		}
		excess := len(counted) - l.max + 1
		switch {
		case excess <= 0:
		case l.kick:
			v.kicked = append(v.kicked, counted[:excess]...)
			gone = append(gone, counted[:excess]...)
		default:
			return verdict{outcome: outcomeRefused, active: owned(p, live, nil)}
		}
	}
	v.active = owned(p, live, gone)
	return v
}

func liveOf(known []store.PlaySession) []*store.PlaySession {
	var live []*store.PlaySession
	for i := range known {
		if known[i].State == store.SessionLive {
			live = append(live, &known[i])
		}
	}
	return live
}

// owned returns p's owner's other sessions among live, but for those that are gone.
func owned(p *store.PlaySession, live, gone []*store.PlaySession) []*store.PlaySession {
	var active []*store.PlaySession
	for _, other := range live {
		if other.Owner == p.Owner && other.Key != p.Key && !slices.Contains(gone, other) {
			active = append(active, other)
		}
	}
	return active
}

// carryOut writes down what was decided.
func carryOut(ctx context.Context, tx *store.AdmissionTx, p *store.PlaySession, v verdict, now time.Time) error {
	if v.outcome != outcomeAllowed && v.outcome != outcomeRenewed {
		return nil
	}
	err := tx.End(ctx, v.replaced, store.SessionEnd{State: store.SessionGhost, At: now, Until: now.Add(endsAfter)})
	if err != nil {
		return err
	}
	var ids []int64
	for _, other := range v.kicked {
		ids = append(ids, other.ID)
	}
	err = tx.End(ctx, ids, store.SessionEnd{
		State: store.SessionKicked, Reason: "made room for a newer stream", At: now, Until: now.Add(kickedFor),
	})
	if err != nil {
		return err
	}
	return tx.Put(ctx, p)
}

// answer tells the slave. Of the kicked it names those of the same media server; of others, on whichever
// slave, theirs hears by its limits.
func answer(p *store.PlaySession, v verdict, limits []limit) api.CheckInAnswer {
	a := api.CheckInAnswer{
		Allowed: v.outcome == outcomeAllowed || v.outcome == outcomeRenewed, ActiveCount: len(v.active),
		ActiveSessions: []api.ActiveSession{}, Kick: []string{},
	}
	for _, l := range limits {
		if l.by == library.DimensionUser && (a.MaxAllowed == 0 || l.max < a.MaxAllowed) {
			a.MaxAllowed = l.max
		}
	}
	for _, other := range v.active {
		a.ActiveSessions = append(a.ActiveSessions, api.ActiveSession{
			PlaySessionID: other.PlaySessionID, DeviceName: other.DeviceName, ClientName: other.ClientName,
			ItemID: other.ItemID, StartedAt: other.StartedAt,
		})
	}
	for _, other := range v.kicked {
		if other.Group() == p.Group() && other.Scope == p.Scope {
			a.Kick = append(a.Kick, other.PlaySessionID)
		}
	}
	switch v.outcome {
	case outcomeKicked:
		a.Reason = api.ReasonKicked
	case outcomeRefused:
		a.Reason = api.ReasonStreamLimit
	default:
		a.ActiveCount++
	}
	return a
}
