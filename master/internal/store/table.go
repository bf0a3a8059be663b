package store

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
)

// Table is the part of a resource's queries that is the same for all of them.
type Table[T any] struct {
	s       *Store
	name    string // of the resource, for the audit log
	stamp   func(*T) Stamp
	search  []string               // columns that Query.Q looks in
	filters []string               // columns that Query.Where may name
	newest  bool                   // lists begin with the newest row
	latest  bool                   // lists begin with the row that was changed last
	only    func(*bun.SelectQuery) // narrows lists; nil: all rows
	change  Change                 // that a write is; "": nobody keeps the rows in memory
	// check refuses or completes a row before it is written, inside the writing transaction; old is nil
	// for a new row.
	check func(ctx context.Context, tx bun.IDB, old, row *T) error
	// release refuses to delete a row; nil: all may go.
	release func(ctx context.Context, tx bun.IDB, row *T) error
	// uses says who uses a row: users that name it keep it from being deleted, until detach takes it from
	// those that are not fixed. nil: nobody uses rows.
	uses   func(ctx context.Context, tx bun.IDB, row *T) ([]Use, error)
	detach func(ctx context.Context, tx bun.IDB, row *T) error
	// hidden names the fields of which the audit log says only that they changed; nil: there are none.
	hidden func(old, row *T) []string
	// logged is what the audit log keeps of a row; nil: all that its JSON shows.
	logged func(row T) T
}

// Stamp points at the fields of a row that the store keeps by itself; those that a resource does not
// have are nil.
type Stamp struct {
	ID                   *int64
	CreatedAt, UpdatedAt *time.Time
	Revision             *int64 // rises with every write
}

// Stamp returns row's own.
func (t Table[T]) Stamp(row *T) Stamp { return t.stamp(row) }

// Get returns the row with the id, or ErrNotFound.
func (t Table[T]) Get(ctx context.Context, id int64) (*T, error) {
	row, err := get[T](ctx, t.s.reader(ctx), id)
	return row, explain(err)
}

// Create stores a new row and fills in its stamp.
func (t Table[T]) Create(ctx context.Context, row *T) error {
	return t.s.write(ctx, func(ctx context.Context, tx bun.IDB) error { return t.create(ctx, tx, row) })
}

func (t Table[T]) create(ctx context.Context, tx bun.IDB, row *T) error {
	at := t.stamp(row)
	*at.ID, *at.CreatedAt = 0, now()
	if at.Revision != nil {
		*at.Revision, *at.UpdatedAt = 1, *at.CreatedAt
	}
	if t.check != nil {
		if err := t.check(ctx, tx, nil, row); err != nil {
			return err
		}
	}
	if _, err := tx.NewInsert().Model(row).Exec(ctx); err != nil {
		return err
	}
	return t.changed(ctx, tx, "create", nil, row)
}

// changed tells of a write: whoever keeps rows in memory, and the audit log.
func (t Table[T]) changed(ctx context.Context, tx bun.IDB, action string, old, row *T) error {
	if t.change != "" {
		if err := t.s.bump(ctx, tx, t.change); err != nil {
			return err
		}
	}
	e := AuditEntry{Action: action, Resource: t.name, ResourceID: *t.stamp(cmp.Or(row, old)).ID}
	if t.hidden != nil && old != nil && row != nil {
		e.Hidden = t.hidden(old, row)
	}
	return note(ctx, tx, e, t.shown(old), t.shown(row))
}

// shown is the part of a row that the audit log keeps; of nil it is nil.
func (t Table[T]) shown(row *T) *T {
	if row == nil || t.logged == nil {
		return row
	}
	return new(t.logged(*row))
}

// Update changes the row with the id by change and returns it as stored. expect is the revision that the
// caller saw, ErrStale when it is another by now; 0: the last write wins. What change does to the stamp
// is undone.
func (t Table[T]) Update(ctx context.Context, id, expect int64, change func(*T) error) (*T, error) {
	var row *T
	err := t.s.write(ctx, func(ctx context.Context, tx bun.IDB) (err error) {
		row, err = t.update(ctx, tx, id, expect, change)
		return err
	})
	return row, err
}

func (t Table[T]) update(ctx context.Context, tx bun.IDB, id, expect int64, change func(*T) error) (*T, error) {
	old, err := getForUpdate[T](ctx, tx, id)
	if err != nil {
		return nil, err
	}
	was := t.stamp(old)
	if expect != 0 && *was.Revision != expect {
		return nil, ErrStale
	}
	row, err := get[T](ctx, tx, id) // its own copy: change may write into old's slices
	if err != nil {
		return nil, err
	}
	if err := change(row); err != nil {
		return nil, err
	}
	at := t.stamp(row)
	*at.ID, *at.CreatedAt = *was.ID, *was.CreatedAt
	if at.Revision != nil {
		*at.Revision, *at.UpdatedAt = *was.Revision+1, now()
	}
	if t.check != nil {
		if err := t.check(ctx, tx, old, row); err != nil {
			return nil, err
		}
	}
	if _, err := tx.NewUpdate().Model(row).WherePK().Exec(ctx); err != nil {
		return nil, err
	}
	return row, t.changed(ctx, tx, "update", old, row)
}

// Delete removes the row with the id. expect is as in Update. One that others use stays, with an
// *InUseError.
func (t Table[T]) Delete(ctx context.Context, id, expect int64) error {
	return t.remove(ctx, id, expect, false)
}

// Detach is Delete, but takes the row from its users where it can.
func (t Table[T]) Detach(ctx context.Context, id, expect int64) error {
	return t.remove(ctx, id, expect, true)
}

func (t Table[T]) remove(ctx context.Context, id, expect int64, detach bool) error {
	return t.s.write(ctx, func(ctx context.Context, tx bun.IDB) error {
		row, err := get[T](ctx, tx, id)
		if err != nil {
			return err
		}
		if expect != 0 && *t.stamp(row).Revision != expect {
			return ErrStale
		}
		if t.release != nil {
			if err := t.release(ctx, tx, row); err != nil {
				return err
			}
		}
		if err := t.letGo(ctx, tx, row, detach); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model(row).WherePK().Exec(ctx); err != nil {
			return err
		}
		return t.changed(ctx, tx, "delete", row, nil)
	})
}

// refuse returns a fleet.FieldErrors about one field.
func refuse(field, format string, args ...any) error {
	return fleet.FieldErrors{{Field: field, Message: fmt.Sprintf(format, args...)}}
}

func get[T any](ctx context.Context, db bun.IDB, id int64) (*T, error) {
	row := new(T)
	err := db.NewSelect().Model(row).Where("id = ?", id).Scan(ctx)
	return row, err
}

// getForUpdate is get of a row that others, who only report, must not change before tx does.
func getForUpdate[T any](ctx context.Context, tx bun.IDB, id int64) (*T, error) {
	row := new(T)
	err := forUpdate(tx, tx.NewSelect().Model(row).Where("id = ?", id)).Scan(ctx)
	return row, err
}
