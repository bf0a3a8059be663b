package store

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/library"
)

func (s *Store) drafts() Table[library.Draft] {
	return Table[library.Draft]{
		s:    s,
		name: "drafts",
		stamp: func(r *library.Draft) Stamp {
			return Stamp{&r.ID, &r.CreatedAt, &r.UpdatedAt, &r.Revision}
		},
		search:  []string{"name", "created_by"},
		filters: []string{"created_by", "profile_id", "service_type"},
		latest:  true,
		only:    func(q *bun.SelectQuery) { q.ExcludeColumn("document") },
		check: func(_ context.Context, _ bun.IDB, _, row *library.Draft) error {
			row.SetDefaults()
			return row.Validate()
		},
		// A draft is stored at each of its steps; what it changes is in the log once it is applied.
		logged: func(row library.Draft) library.Draft {
			row.Document = nil
			return row
		},
	}
}

// EndDraft removes a draft that has been applied, which the audit log tells from one that was dropped.
func (s *Store) EndDraft(ctx context.Context, id int64) error {
	return s.write(ctx, func(ctx context.Context, tx bun.IDB) error {
		row, err := get[library.Draft](ctx, tx, id)
		if err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model(row).WherePK().Exec(ctx); err != nil {
			return err
		}
		return note(ctx, tx, AuditEntry{Action: "apply", Resource: "drafts", ResourceID: id}, s.Drafts.shown(row), nil)
	})
}
