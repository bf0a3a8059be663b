package publish

import (
	"context"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/rollout"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// furthest is how far ahead a publish may be scheduled.
const furthest = 366 * 24 * time.Hour

// Schedule notes that req is to be published at a time; what is configured then is rendered then. What req amends holds from
// now on, unless it is refused as Publish would. A bad request is a fleet.FieldErrors.
func (p *Publisher) Schedule(ctx context.Context, req Request, at time.Time) (*store.Rollout, error) {
	order, err := complete(req.Order)
	if err != nil {
		return nil, err
	}
	if in := at.Sub(p.cfg.Now()); in <= 0 || in > furthest {
		return nil, fleet.FieldErrors{{Field: "at", Message: "must be a time to come, within a year"}}
	}
	if order.Snapshot != 0 {
		if _, err := p.cfg.Store.Snapshot(ctx, order.Snapshot); err != nil {
			return nil, err
		}
	}
	row := &store.Rollout{Note: req.Note, RequestedBy: req.By, Order: order, DueAt: new(at.UTC())}
	if req.Amend == nil {
		return row, p.cfg.Store.Schedule(ctx, row)
	}
	err = p.checked(ctx, order, func(work *work) error {
		return p.cfg.Store.Atomically(ctx, func(ctx context.Context) error {
			made, err := p.propose(ctx, req, work)
			if err != nil {
				return err
			}
			if err := p.pass(work, made.configs); err != nil {
				return err
			}
			row.ID = 0 // of a try before
			return p.cfg.Store.Schedule(ctx, row)
		})
	})
	return row, err
}

// complete fills in the defaults of an order and checks it.
func complete(order rollout.Order) (rollout.Order, error) {
	if order.Canary == nil {
		return order, nil
	}
	options := *order.Canary
	options.SetDefaults()
	order.Canary = &options
	return order, options.Validate()
}
