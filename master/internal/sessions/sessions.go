// Package sessions counts the streams that run on all slaves, and decides which may start.
//
// The count is in the database, and each decision is one transaction that has its user to itself: of two
// slaves that ask at the same instant for the last free stream, exactly one gets it, whichever replicas of
// the master they ask. A session counts until 90 s after its last sign of life; an end that its slave
// reports, or a new play session on the same device, makes it a ghost, which does not count; and a kicked one
// does not count either. lua/uhd/sessions.lua goes by the same rules on each slave.
package sessions

import (
	"cmp"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/publish"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

const (
	// endsAfter is how long a session counts after its last sign of life.
	endsAfter = 90 * time.Second
	// grace is how long after its end a session may still send what was on its way. One that goes on for longer
	// has not ended.
	grace = 30 * time.Second
	// kickedFor is how long a kicked session is refused. Its player tries again at once, and would be the newest
	// then, which kicks the one that it had to make room for.
	kickedFor = 10 * time.Minute
	// unheardFor is how old a check-in is before a heartbeat that does not name the session ends it: the heartbeat
	// may have been on its way.
	unheardFor = 10 * time.Second
	// maxID is how many bytes of what slaves and clients state are kept.
	maxID = 256
)

// Limits is what limits streams beside profiles; see limits.Board.
type Limits interface {
	Current() api.RateLimits
}

// Published is what slaves run; see publish.Board.
type Published interface {
	Current(group fleet.Group) publish.Entry
}

// Config of a Desk.
type Config struct {
	Store     *store.Store
	Limits    Limits
	Published Published
	Now       func() time.Time // nil: time.Now
	Log       *slog.Logger
	Registry  prometheus.Registerer
}

// Desk is where slaves check playbacks in. Its methods may be called from any goroutine.
type Desk struct {
	cfg     Config
	metrics *metrics
}

// New returns a Desk over what its database knows. Its Run must run for sessions to be forgotten.
func New(cfg Config) *Desk {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Desk{cfg: cfg, metrics: newMetrics(cfg.Registry)}
}

// Slave is who speaks of sessions: only of its own.
type Slave struct {
	Group    fleet.Group
	ServerID int64 // that sessions belong to when the slave does not say it
}

// now is to the microsecond, as the database keeps times.
func (d *Desk) now() time.Time { return d.cfg.Now().UTC().Truncate(time.Microsecond) }

// session returns a live session as its slave describes it, with owner, device and key.
func session(slave Slave, in api.LiveSession, seen time.Time) store.PlaySession {
	p := store.PlaySession{
		Host: slave.Group.Host, ServiceType: slave.Group.ServiceType,
		Scope:         clip(cmp.Or(in.ServerID, strconv.FormatInt(slave.ServerID, 10))),
		PlaySessionID: clip(in.PlaySessionID),
		UserID:        library.Canonical(library.DimensionUser, clip(in.UserID)), DeviceID: clip(in.DeviceID), DeviceName: clip(in.DeviceName),
		ItemID: clip(in.ItemID), ClientName: clip(in.ClientName), ClientIP: library.Canonical(library.DimensionIP, clip(in.ClientIP)),
		Bytes: max(0, int64(in.Bytes)), IsPaused: in.IsPaused,
		State: store.SessionLive, StartedAt: seen, SeenAt: seen, Until: seen.Add(endsAfter),
	}
	p.Device = cmp.Or(p.DeviceID, p.ClientIP)
	switch {
	case p.UserID != "": // one person on all media servers
		p.Owner = "user " + p.UserID
	case p.DeviceID != "":
		p.Owner = "device " + p.Scope + " " + p.DeviceID
	default:
		p.Owner = "ip " + p.Scope + " " + p.ClientIP
	}
	p.SetKey()
	return p
}

func clip(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxID)], "") }
