package draft

import (
	"context"
	"errors"

	"github.com/uhdadmin/media-gateway/master/internal/configfile"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
)

// Check returns what a draft would change, and what is wrong with it, of which there is only one. store.ErrNotFound when
// there is no such draft.
func (d *Desk) Check(ctx context.Context, id int64) (changes []configfile.RowChange, errs fleet.FieldErrors, err error) {
	err = d.Store.Try(ctx, func(ctx context.Context) error {
		result, err := d.apply(ctx, id)
		changes = result.Changes
		return err
	})
	if errors.As(err, &errs) {
		return nil, errs, nil
	}
	return changes, nil, err
}
