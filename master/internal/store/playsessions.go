package store

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// SessionState is what becomes of a play session; slaves know the same three.
type SessionState string

// The states.
const (
	SessionLive   SessionState = "live"   // counts
	SessionGhost  SessionState = "ghost"  // over, as far as one knows: reported ended, or replaced on its device; does not count
	SessionKicked SessionState = "kicked" // had to make room, or an admin ended it; does not count, and is refused
)

// PlaySession is one stream on one slave. Its row goes once Until has passed.
type PlaySession struct {
	ID            int64           `json:"id" bun:",pk,autoincrement"`
	Key           string          `json:"-"` // of what identifies it; see SetKey
	Host          string          `json:"host"`
	ServiceType   api.ServiceType `json:"service_type"`
	Scope         string          `json:"scope"` // the media server, as its slave names it
	Owner         string          `json:"-"`     // whose streams are counted together
	Device        string          `json:"-"`     // the device, or the address where it states none
	PlaySessionID string          `json:"play_session_id"`
	UserID        string          `json:"user_id"` // "" where it is not known
	DeviceID      string          `json:"device_id"`
	DeviceName    string          `json:"device_name"`
	ItemID        string          `json:"item_id"`
	ClientName    string          `json:"client_name"`
	ClientIP      string          `json:"client_ip"`
	Bytes         int64           `json:"bytes"` // sent, as of the last heartbeat
	IsPaused      bool            `json:"is_paused"`
	State         SessionState    `json:"state"`
	Reason        string          `json:"reason,omitempty"` // of a kick
	StartedAt     time.Time       `json:"started_at"`
	SeenAt        time.Time       `json:"seen_at"` // its last byte, or its check-in
	OverAt        *time.Time      `json:"over_at"` // when it became a ghost or was kicked
	Until         time.Time       `json:"until"`   // what it is does not hold from then on
}

// SetKey fills in Key. Clients make play session ids up, so they tell sessions apart only within one owner's
// device; and a slave speaks of its own sessions only.
func (p *PlaySession) SetKey() {
	identity := []string{p.Host, string(p.ServiceType), p.Scope, p.Owner, p.Device, p.PlaySessionID}
	sum := sha256.Sum256([]byte(strings.Join(identity, "\x00")))
	p.Key = base64.RawURLEncoding.EncodeToString(sum[:18])
}

// Group returns whose slave the session runs on.
func (p *PlaySession) Group() fleet.Group {
	return fleet.Group{Host: p.Host, ServiceType: p.ServiceType}
}

// Places are where a session may count: its owner, device and address. One that is "" is left out.
type Places struct{ Owner, Device, ClientIP string }

// locks returns the names of what has to be held to count there, in an order that all keep.
func (p Places) locks() []string {
	var names []string
	for kind, value := range map[string]string{"owner": p.Owner, "device": p.Device, "ip": p.ClientIP} {
		if value != "" {
			names = append(names, "play sessions "+kind+" "+value)
		}
	}
	slices.Sort(names)
	return names
}

// AdmissionTx is the transaction of one check-in: nobody else counts in its places until it ends.
type AdmissionTx struct {
	s      *Store
	tx     bun.IDB
	places Places
}

// Admit runs fn in a transaction that has the places to itself, over all replicas. fn may run again.
func (s *Store) Admit(ctx context.Context, places Places, fn func(ctx context.Context, tx *AdmissionTx) error) error {
	return s.report(ctx, func(ctx context.Context, tx bun.IDB) error {
		for _, name := range places.locks() {
			if err := lock(ctx, tx, name); err != nil {
				return err
			}
		}
		return fn(ctx, &AdmissionTx{s, tx, places})
	})
}

// Sessions returns the sessions in the transaction's places that are not past their Until, the oldest first.
func (a *AdmissionTx) Sessions(ctx context.Context, now time.Time) ([]PlaySession, error) {
	rows := []PlaySession{}
	query := a.tx.NewSelect().Model(&rows).Where("until > ?", now)
	query.WhereGroup(" AND ", func(either *bun.SelectQuery) *bun.SelectQuery {
		either.Where("owner = ?", a.places.Owner)
		if a.places.Device != "" {
			either.WhereOr("device = ?", a.places.Device)
		}
		if a.places.ClientIP != "" {
			either.WhereOr("client_ip = ?", a.places.ClientIP)
		}
		return either
	})
	if err := query.OrderBy("started_at", bun.OrderAsc).OrderBy("id", bun.OrderAsc).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read sessions of %s: %w", a.places.Owner, err)
	}
	return rows, nil
}

// Put stores a session, over the one of its key.
func (a *AdmissionTx) Put(ctx context.Context, row *PlaySession) error {
	row.ID = 0
	_, err := a.tx.NewInsert().Model(row).On("CONFLICT (key) DO UPDATE").
		Set("item_id = EXCLUDED.item_id").Set("client_ip = EXCLUDED.client_ip").Set("bytes = EXCLUDED.bytes").
		Set("is_paused = EXCLUDED.is_paused").Set("state = EXCLUDED.state").Set("reason = EXCLUDED.reason").
		Set("started_at = EXCLUDED.started_at").Set("seen_at = EXCLUDED.seen_at").
		Set("over_at = EXCLUDED.over_at").Set("until = EXCLUDED.until").Exec(ctx)
	if err != nil {
		return fmt.Errorf("store session: %w", err)
	}
	return nil
}

// End makes live sessions ghosts or kicked ones.
func (a *AdmissionTx) End(ctx context.Context, ids []int64, end SessionEnd) error {
	_, err := a.s.endSessions(ctx, a.tx, ids, end)
	return err
}

// SessionEnd is how sessions end.
type SessionEnd struct {
	State  SessionState // SessionGhost or SessionKicked
	Reason string
	At     time.Time
	Until  time.Time
}

func (s *Store) endSessions(ctx context.Context, tx bun.IDB, ids []int64, end SessionEnd) (int64, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	slices.Sort(ids) // the order in which all lock rows
	query := tx.NewUpdate().Model((*PlaySession)(nil)).
		Set("state = ?", end.State).Set("reason = ?", end.Reason).Set("over_at = ?", end.At).Set("until = ?", end.Until).
		Where("id IN (?)", bun.List(ids)).Where("state <> ?", SessionKicked)
	if end.State == SessionGhost {
		query.Where("state = ?", SessionLive)
	}
	result, err := query.Exec(ctx)
	if err != nil {
		return 0, fmt.Errorf("end sessions: %w", err)
	}
	n, err := result.RowsAffected()
	if err == nil && n > 0 && end.State == SessionKicked {
		err = s.bump(ctx, tx, ChangeKicks)
	}
	return n, err
}
