package sessions

import (
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// limit is how many streams one place may have.
type limit struct {
	by   string // library.DimensionUser, DimensionDevice or DimensionIP
	max  int
	kick bool // the oldest make room; else the new one is refused
}

// limitsOf returns all limits that a playback has to keep. The profile's is the published one, which its slave
// goes by too; the slave's word counts only where the master cannot tell: a server that is not published, or
// a scope by name. Rules that limit a media server as a whole are left to its slave.
func (d *Desk) limitsOf(p *store.PlaySession, in api.CheckIn) []limit {
	profile, known := api.ConcurrentStreams{MaxStreams: in.MaxStreams, ActionOnExceed: in.ActionOnExceed}, false
	if document := d.cfg.Published.Current(p.Group()).Document; document != nil {
		if profile, known = document.StreamLimit(p.Scope); !known {
			profile = api.ConcurrentStreams{MaxStreams: in.MaxStreams, ActionOnExceed: in.ActionOnExceed}
		}
	}
	var applying []limit
	if profile.MaxStreams > 0 {
		applying = append(applying, limit{library.DimensionUser, profile.MaxStreams, profile.ActionOnExceed == library.ExceedKickOldest})
	}
	for _, rule := range d.cfg.Limits.Current().StreamRules {
		if rule.MaxStreams > 0 && applies(&rule, p) {
			applying = append(applying, limit{rule.ApplyTo, rule.MaxStreams, rule.ActionOnExceed == library.ExceedKickOldest})
		}
	}
	return applying
}

// applies reports whether a rule is about the playback; one without a value is about each owner, device or
// address on its own.
func applies(rule *api.StreamRule, p *store.PlaySession) bool {
	value := library.Canonical(rule.ApplyTo, rule.ApplyValue)
	switch rule.ApplyTo {
	case library.DimensionUser:
		return value == "" || value == p.UserID
	case library.DimensionDevice:
		return value == "" || value == p.DeviceID
	case library.DimensionIP:
		return value == "" || value == p.ClientIP
	}
	return false
}

// counts reports whether an other session takes one of the streams that the limit leaves to p.
func (l limit) counts(p, other *store.PlaySession) bool {
	switch l.by {
	case library.DimensionDevice:
		return other.Device == p.Device
	case library.DimensionIP:
		return other.ClientIP == p.ClientIP
	}
	return other.Owner == p.Owner
}

// placesOf returns where a playback with these limits counts. Its owner's other sessions are always looked
// at: it may replace one.
func placesOf(p *store.PlaySession, limits []limit) store.Places {
	places := store.Places{Owner: p.Owner}
	for _, l := range limits {
		switch l.by {
		case library.DimensionDevice:
			places.Device = p.Device
		case library.DimensionIP:
			places.ClientIP = p.ClientIP
		}
	}
	return places
}
