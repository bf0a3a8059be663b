package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/uptrace/bun"
)

// Actor is who changes something: a user or an API key, and from where. The zero Actor is the master itself.
type Actor struct {
	Name    string
	UserID  int64  // 0: no user
	KeyID   int64  // 0: no API key
	Address string // of the client
}

type actorKey struct{}

// WithActor returns a context whose writes are on actor's account.
func WithActor(ctx context.Context, actor Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

// AuditEntry says who did what, from where, and how it was before and after.
type AuditEntry struct {
	ID         int64           `json:"id" bun:",pk,autoincrement"`
	At         time.Time       `json:"at"`
	Actor      string          `json:"actor"` // name of the user or API key; "master" for what nobody asked for
	UserID     int64           `json:"user_id,omitempty" bun:",nullzero"`
	KeyID      int64           `json:"key_id,omitempty" bun:",nullzero"`
	Address    string          `json:"address"`
	Action     string          `json:"action"`   // create, update, delete, and what else there is to do
	Resource   string          `json:"resource"` // as in paths of the admin API
	ResourceID int64           `json:"resource_id,omitempty" bun:",nullzero"`
	Before     json.RawMessage `json:"before,omitempty" bun:"type:text,nullzero"` // without secrets
	After      json.RawMessage `json:"after,omitempty" bun:"type:text,nullzero"`
	Hidden     []string        `json:"hidden,omitempty" bun:",nullzero"` // secret fields that changed
}

// Audit writes down what is no change of a row: a login, a kick. Before and after may be nil.
func (s *Store) Audit(ctx context.Context, action, resource string, id int64, before, after any) error {
	return s.report(ctx, func(ctx context.Context, tx bun.IDB) error {
		return note(ctx, tx, AuditEntry{Action: action, Resource: resource, ResourceID: id}, before, after)
	})
}

// note completes and stores an entry in the transaction of what it tells of.
func note(ctx context.Context, tx bun.IDB, e AuditEntry, before, after any) (err error) {
	actor, _ := ctx.Value(actorKey{}).(Actor)
	e.At, e.Actor, e.UserID, e.KeyID, e.Address = now(), cmp.Or(actor.Name, "master"), actor.UserID, actor.KeyID, actor.Address
	if e.Before, err = jsonOf(before); err != nil {
		return err
	}
	if e.After, err = jsonOf(after); err != nil {
		return err
	}
	if _, err := tx.NewInsert().Model(&e).Exec(ctx); err != nil {
		return fmt.Errorf("write audit log: %w", err)
	}
	return nil
}

func jsonOf(v any) (json.RawMessage, error) {
	if v == nil {
		return nil, nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write audit log: %w", err)
	}
	if bytes.Equal(text, []byte("null")) {
		return nil, nil
	}
	return text, nil
}

// AuditFilters are the columns that AuditLog may be filtered by.
var AuditFilters = []string{"action", "actor", "address", "resource", "resource_id"}

// AuditLog returns a page of entries, the newest first.
func (s *Store) AuditLog(ctx context.Context, q Query) (Page[AuditEntry], error) {
	return Table[AuditEntry]{
		s: s, search: []string{"actor", "before", "after"}, filters: AuditFilters, newest: true,
		stamp: func(r *AuditEntry) Stamp { return Stamp{ID: &r.ID} },
		only: func(entries *bun.SelectQuery) {
			if !q.From.IsZero() {
				entries.Where("at >= ?", q.From.UTC())
			}
			if !q.To.IsZero() {
				entries.Where("at < ?", q.To.UTC())
			}
		},
	}.List(ctx, q)
}

// AuditStep is how many entries ForgetAudit removes at most.
const AuditStep = 1000

// ForgetAudit removes the oldest entries, if they are from before a moment. It returns how many, and whether
// there may be more.
func (s *Store) ForgetAudit(ctx context.Context, before time.Time) (n int64, more bool, err error) {
	err = s.report(ctx, func(ctx context.Context, tx bun.IDB) error {
		oldest := tx.NewSelect().Model((*AuditEntry)(nil)).Column("id").OrderBy("id", bun.OrderAsc).Limit(AuditStep)
		res, err := tx.NewDelete().Model((*AuditEntry)(nil)).Where("at < ?", before.UTC()).Where("id IN (?)", oldest).Exec(ctx)
		if err != nil {
			return fmt.Errorf("forget audit log: %w", err)
		}
		n, err = res.RowsAffected()
		return err
	})
	return n, n == AuditStep, err
}
