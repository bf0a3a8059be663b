package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// create stores a row made of the defaults and the body.
func (r resource[T]) create(ctx context.Context, body json.RawMessage) (*T, error) {
	old, row := r.fresh(), r.fresh()
	apply, err := r.decoder(ctx, body)
	if err != nil {
		return nil, err
	}
	if err := apply(&old, &row); err != nil {
		return nil, err
	}
	if r.guard != nil {
		if err := r.guard(principalOf(ctx), &old, &row); err != nil {
			return nil, err
		}
	}
	if err := r.table.Create(ctx, &row); err != nil {
		return nil, err
	}
	r.notify()
	return &row, nil
}

// change decodes the body onto the row, or onto a fresh one in its place when base is given.
func (r resource[T]) change(ctx context.Context, in *changeInput, base func() T) (*itemOutput[T], error) {
	expect, err := revision(in.IfMatch)
	if err != nil {
		return nil, r.withCurrent(ctx, in.ID, err)
	}
	apply, err := r.decoder(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	row, err := r.table.Update(ctx, in.ID, expect, func(row *T) error {
		old := *row
		if base != nil {
			*row = base()
		}
		if err := apply(&old, row); err != nil {
			return err
		}
		if r.guard != nil {
			return r.guard(principalOf(ctx), &old, row)
		}
		return nil
	})
	if err != nil {
		return nil, r.withCurrent(ctx, in.ID, err)
	}
	r.notify()
	return r.item(row), nil
}

// withCurrent adds to store.ErrStale the row as it is now, so that whoever came second can look at what the
// first one did, and decide. Other errors stay as they are.
func (r resource[T]) withCurrent(ctx context.Context, id int64, err error) error {
	if !errors.Is(err, store.ErrStale) {
		return err
	}
	row, e := r.table.Get(ctx, id)
	if e != nil {
		return errors.Join(e, err) // deleted meanwhile, it may be
	}
	return newStale(row, etag(*r.table.Stamp(row).Revision))
}

// decoder returns what writes the body's fields into a row, which was old. All slow work is done before
// it returns, since the row is changed inside the writing transaction.
func (r resource[T]) decoder(ctx context.Context, body json.RawMessage) (func(old, row *T) error, error) {
	extra := func(*T) {}
	if r.extra != nil {
		var err error
		if extra, err = r.extra(ctx, body); err != nil {
			return nil, err
		}
	}
	return func(old, row *T) error {
		if err := json.Unmarshal(body, row); err != nil {
			return invalid("", bodyError(err))
		}
		r.restore(old, row)
		extra(row)
		return nil
	}, nil
}

// restore copies from old the fields that requests do not change: read-only ones, and those that JSON
// does not show, such as hashes.
func (r resource[T]) restore(old, row *T) {
	from, to := reflect.ValueOf(old).Elem(), reflect.ValueOf(row).Elem()
	for i := range from.NumField() {
		name, _, _ := strings.Cut(from.Type().Field(i).Tag.Get("json"), ",")
		if name == "-" || slices.Contains(r.readOnly, name) {
			to.Field(i).Set(from.Field(i))
		}
	}
}

// bodyError names the field that passed the schema but does not fit its Go type.
func bodyError(err error) fleet.FieldError {
	at := fleet.FieldError{Field: "body", Message: err.Error()}
	if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		at.Field += "." + mismatch.Field
		at.Message = "does not take a " + mismatch.Value
	}
	return at
}

func etag(revision int64) string { return strconv.Quote(strconv.FormatInt(revision, 10)) }

// revision reads an If-Match header; 0: any. One that is none of ours cannot match.
func revision(ifMatch string) (int64, error) {
	if ifMatch == "" || ifMatch == "*" {
		return 0, nil
	}
	n, err := strconv.ParseInt(strings.Trim(strings.TrimPrefix(ifMatch, "W/"), `"`), 10, 64)
	if err != nil || n < 1 {
		return 0, store.ErrStale
	}
	return n, nil
}
