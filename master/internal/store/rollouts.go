package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/rollout"
)

// Rollout is a publish that takes its time, and how far it is.
type Rollout struct {
	ID           int64          `json:"id" bun:",pk,autoincrement"`
	State        rollout.State  `json:"state" enum:"scheduled,canary,soaking,done,halted,cancelled,failed"`
	Note         string         `json:"note"`
	RequestedBy  string         `json:"requested_by"`
	Order        rollout.Order  `json:"order" bun:"orders"`
	Plan         rollout.Plan   `json:"plan"`
	Rates        *rollout.Rates `json:"rates" doc:"what telemetry said last of the canaries; null: nothing yet"`
	SnapshotID   int64          `json:"snapshot_id,omitempty" bun:",nullzero"`
	Reason       string         `json:"reason" doc:"why it was halted, has failed or was cancelled"`
	DueAt        *time.Time     `json:"due_at" doc:"null: at once"`
	CreatedAt    time.Time      `json:"created_at"`
	PublishedAt  *time.Time     `json:"published_at" doc:"when the canaries, or all, got it"`
	SoakingSince *time.Time     `json:"soaking_since" doc:"when enough canaries had applied it"`
	EndedAt      *time.Time     `json:"ended_at"`
}

// SoakUntil is when the others get what the canaries have.
func (r *Rollout) SoakUntil() time.Time {
	if r.SoakingSince == nil || r.Order.Canary == nil {
		return time.Time{}
	}
	return r.SoakingSince.Add(time.Duration(r.Order.Canary.Soak))
}

// End sets a final state.
func (r *Rollout) End(state rollout.State, reason string) {
	r.State, r.Reason, r.EndedAt = state, reason, new(now())
}

// StateError says that a rollout is in no state for what is asked of it.
type StateError struct {
	ID    int64
	State rollout.State
}

func (e *StateError) Error() string {
	return fmt.Sprintf("rollout %d is %s: there is nothing to do about it", e.ID, e.State)
}

// RolloutFilters are the columns that Rollouts may be filtered by.
var RolloutFilters = []string{"requested_by", "snapshot_id", "state"}

// Rollouts returns a page of rollouts, the newest first.
func (s *Store) Rollouts(ctx context.Context, q Query) (Page[Rollout], error) {
	return Table[Rollout]{
		s: s, search: []string{"note", "requested_by"}, filters: RolloutFilters, newest: true,
		stamp: func(r *Rollout) Stamp { return Stamp{ID: &r.ID, CreatedAt: &r.CreatedAt} },
	}.List(ctx, q)
}

// Rollout returns the rollout with the id, or ErrNotFound.
func (s *Store) Rollout(ctx context.Context, id int64) (*Rollout, error) {
	row, err := get[Rollout](ctx, s.db, id)
	return row, explain(err)
}

// RolloutOf returns the rollout that made a snapshot, or ErrNotFound.
func (s *Store) RolloutOf(ctx context.Context, snapshotID int64) (*Rollout, error) {
	row := new(Rollout)
	err := s.db.NewSelect().Model(row).Where("snapshot_id = ?", snapshotID).Scan(ctx)
	return row, explain(err)
}

// ActiveRollouts returns those that have not ended, the oldest first.
func (s *Store) ActiveRollouts(ctx context.Context) ([]Rollout, error) {
	return activeRollouts(ctx, s.db, rollout.Active...)
}

func activeRollouts(ctx context.Context, db bun.IDB, states ...rollout.State) ([]Rollout, error) {
	rows := []Rollout{}
	err := db.NewSelect().Model(&rows).Where("state IN (?)", bun.List(states)).OrderBy("id", bun.OrderAsc).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read rollouts: %w", err)
	}
	return rows, nil
}

// Schedule stores a new rollout that is to be published later.
func (s *Store) Schedule(ctx context.Context, row *Rollout) error {
	return s.write(ctx, func(ctx context.Context, tx bun.IDB) error {
		row.State, row.CreatedAt = rollout.Scheduled, now()
		if _, err := tx.NewInsert().Model(row).Exec(ctx); err != nil {
			return fmt.Errorf("store rollout: %w", err)
		}
		if err := note(ctx, tx, AuditEntry{Action: "schedule", Resource: "rollouts", ResourceID: row.ID}, nil, row); err != nil {
			return err
		}
		return s.bump(ctx, tx, ChangeRollouts)
	})
}

// ChangeRollout changes a rollout that is in one of the states; a *StateError when it is in another by now.
// action is what the audit log calls it; "": it has nothing to say.
func (s *Store) ChangeRollout(ctx context.Context, id int64, action string, change func(*Rollout), states ...rollout.State) (*Rollout, error) {
	var row *Rollout
	err := s.write(ctx, func(ctx context.Context, tx bun.IDB) (err error) {
		p := &PublishTx{tx}
		if row, err = p.Rollout(ctx, id, states...); err != nil {
			return err
		}
		old := *row
		change(row)
		if err := p.SaveRollout(ctx, row, action, &old); err != nil {
			return err
		}
		return s.bump(ctx, tx, ChangeRollouts)
	})
	return row, err
}

// Rollout returns a rollout that is in one of the states, or a *StateError. It is the transaction's until that
// ends.
func (p *PublishTx) Rollout(ctx context.Context, id int64, states ...rollout.State) (*Rollout, error) {
	row, err := getForUpdate[Rollout](ctx, p.tx, id)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(states, row.State) {
		return nil, &StateError{id, row.State}
	}
	return row, nil
}

// AddRollout stores a new rollout.
func (p *PublishTx) AddRollout(ctx context.Context, row *Rollout) error {
	row.CreatedAt = now()
	if _, err := p.tx.NewInsert().Model(row).Exec(ctx); err != nil {
		return fmt.Errorf("store rollout: %w", err)
	}
	return nil
}

// SaveRollout stores what has changed; action as in ChangeRollout.
func (p *PublishTx) SaveRollout(ctx context.Context, row *Rollout, action string, old *Rollout) error {
	if _, err := p.tx.NewUpdate().Model(row).WherePK().Exec(ctx); err != nil {
		return fmt.Errorf("store rollout %d: %w", row.ID, err)
	}
	if action == "" {
		return nil
	}
	return note(ctx, p.tx, AuditEntry{Action: action, Resource: "rollouts", ResourceID: row.ID}, old, row)
}

// Underway returns the rollouts whose canaries have what the others have not.
func (p *PublishTx) Underway(ctx context.Context) ([]Rollout, error) {
	return activeRollouts(ctx, p.tx, rollout.Canary, rollout.Soaking)
}
