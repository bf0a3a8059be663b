package draft

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/configfile"
	"github.com/uhdadmin/media-gateway/master/internal/publish"
	"github.com/uhdadmin/media-gateway/master/internal/render"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// Preview is what applying and publishing a draft would do.
type Preview struct {
	publish.Preview
	Changes []configfile.RowChange `json:"changes" doc:"of what is configured, as it is now"`
}

// Preview applies a draft, looks at the outcome as publish.Publisher.Preview does, of one host or all of them (""), inFull
// groups of which come whole (0: all), and undoes it. The ids of new rows are those of this try. Where nginx refuses a row of
// the draft, origins say which: see place. Errors are those of write; store.ErrNotFound when there is no such draft.
func (d *Desk) Preview(ctx context.Context, id int64, host string, inFull int) (*Preview, error) {
	var last configfile.Result
	seen, err := d.Publisher.Preview(ctx, publish.Question{Host: host, InFull: inFull, Amend: func(ctx context.Context) (mark []byte, err error) {
		last, err = d.apply(ctx, id)
		return markOf(last, err)
	}})
	if err != nil {
		return nil, err
	}
	for i := range seen.Groups {
		verdict := &seen.Groups[i].Preflight
		verdict.Origin = place(verdict.Origin, last)
	}
	return &Preview{*seen, last.Changes}, nil
}

// Guard refuses changes that who applies a draft may not make.
type Guard func([]configfile.RowChange) error

// Publish applies a draft, publishes what is configured then as req says, and removes the draft: all of it, or nothing where
// it is refused. Errors are those of write, of guard and of publish.Publisher.Publish.
func (d *Desk) Publish(ctx context.Context, id int64, req publish.Request, guard Guard) (*publish.Result, error) {
	var last configfile.Result
	req.Amend = d.amendment(id, guard, &last)
	result, err := d.Publisher.Publish(ctx, req)
	return result, placed(err, last)
}

// Schedule is Publish, but publishes at a time to come what is configured then. The draft is applied now: what holds without
// being published, as rate limits do, holds from now on.
func (d *Desk) Schedule(ctx context.Context, id int64, req publish.Request, at time.Time, guard Guard) (*store.Rollout, error) {
	var last configfile.Result
	req.Amend = d.amendment(id, guard, &last)
	row, err := d.Publisher.Schedule(ctx, req, at)
	return row, placed(err, last)
}

// amendment applies a draft for good, and notes in last what that does.
func (d *Desk) amendment(id int64, guard Guard, last *configfile.Result) publish.Amendment {
	return func(ctx context.Context) (mark []byte, err error) {
		if *last, err = d.apply(ctx, id); err != nil {
			return nil, err
		}
		if err := guard(last.Changes); err != nil {
			return nil, err
		}
		if err := d.Store.EndDraft(ctx, id); err != nil {
			return nil, fmt.Errorf("remove the draft: %w", err)
		}
		return markOf(*last, nil)
	}
}

// apply is write of the draft with the id.
func (d *Desk) apply(ctx context.Context, id int64) (configfile.Result, error) {
	row, err := d.Store.Drafts.Get(ctx, id)
	if err != nil {
		return configfile.Result{}, err
	}
	return d.write(ctx, row)
}

// markOf is by what a publish tells a draft from one that does something else.
func markOf(result configfile.Result, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return json.Marshal(result.Changes)
}

// placed gives what nginx refuses its place in the draft.
func placed(err error, last configfile.Result) error {
	if refused, ok := errors.AsType[*publish.PreflightError](err); ok {
		for i := range refused.Failed {
			refused.Failed[i].Origin = place(refused.Failed[i].Origin, last)
		}
	}
	return err
}

// place returns where in the draft a row is, as in document.players[3], whose id means nothing while the draft is not applied.
// Other origins stay as they are.
func place(origin *render.Origin, last configfile.Result) *render.Origin {
	if origin == nil {
		return nil
	}
	at := slices.Index(last.Rows[origin.Resource], origin.ID)
	if at < 0 {
		return origin
	}
	return &render.Origin{Resource: fmt.Sprintf("document.%s[%d]", origin.Resource, at), Name: origin.Name, Field: origin.Field}
}
