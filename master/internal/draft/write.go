package draft

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/uhdadmin/media-gateway/master/internal/configfile"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// profiles is the section that holds the draft's profile.
const profiles = "profiles"

// write does in the transaction of ctx what a draft says, and returns what that changes. What is wrong with the draft is
// fleet.FieldErrors; then the transaction must be undone.
func (d *Desk) write(ctx context.Context, row *library.Draft) (configfile.Result, error) {
	if len(row.Document[profiles]) == 0 {
		return configfile.Result{}, wrong("document.profiles", "must hold the draft's profile")
	}
	base, err := d.base(ctx, row)
	if err != nil {
		return configfile.Result{}, err
	}
	text, err := json.Marshal(row.Document)
	if err != nil {
		return configfile.Result{}, err
	}
	file, err := configfile.FromJSON(d.Store, text)
	if err != nil {
		return configfile.Result{}, located(err)
	}
	if err := staysDefault(row, base); err != nil {
		return configfile.Result{}, err
	}
	result, err := configfile.Apply(ctx, d.Store, file, configfile.Options{})
	if err != nil {
		return result, located(err)
	}
	profile, err := d.Store.Profiles.Get(ctx, result.Rows[profiles][0])
	if err != nil {
		return result, err
	}
	if err := isMeant(profile, row, base, result); err != nil {
		return result, err
	}
	return result, d.assign(ctx, row, profile, &result)
}

// base returns the profile that a draft changes; nil: it makes a new one.
func (d *Desk) base(ctx context.Context, row *library.Draft) (*library.Profile, error) {
	if row.ProfileID == nil {
		return nil, nil
	}
	base, err := d.Store.Profiles.Get(ctx, *row.ProfileID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, wrong("profile_id", "is of a profile that has been deleted: begin another draft")
	case err != nil:
		return nil, err
	case base.ServiceType != row.ServiceType:
		return nil, wrong("service_type", "must be %s, as that of the profile which the draft changes", base.ServiceType)
	}
	return base, nil
}

// staysDefault refuses to make another profile the default one, by which configfile would take it for that.
func staysDefault(row *library.Draft, base *library.Profile) error {
	var profile struct {
		IsDefault bool `json:"is_default"`
	}
	if err := json.Unmarshal(row.Document[profiles][0], &profile); err != nil {
		return err
	}
	if want := base != nil && base.IsDefault; profile.IsDefault != want {
		return wrong("document.profiles[0].is_default", "must be %t: which profile is the default one stays as it is", want)
	}
	return nil
}

// isMeant makes sure that the profile which was written is the one that the draft is about. They are told apart by name, so a
// draft could change another one unawares.
func isMeant(profile *library.Profile, row *library.Draft, base *library.Profile, result configfile.Result) error {
	const at = "document.profiles[0]."
	isNew := slices.ContainsFunc(result.Changes, func(c configfile.RowChange) bool { return c.Kind == profiles && c.Op == configfile.Make })
	switch {
	case profile.ServiceType != row.ServiceType:
		return wrong(at+"service_type", "must be %s, as the draft's", row.ServiceType)
	case base == nil && !isNew:
		return wrong(at+"name", "is that of another profile: choose another, or begin a draft that changes that one")
	case base != nil && base.ID != profile.ID:
		return wrong(at+"name", "must stay %q: give the profile another name on its own page", base.Name)
	}
	return nil
}

// located says of errors where in the body of a draft they are.
func located(err error) error {
	errs, ok := errors.AsType[configfile.Errors](err)
	if !ok {
		return err
	}
	var fields fleet.FieldErrors
	for _, e := range errs {
		fields.Add("document."+e.Path(), e.Message)
	}
	return fields
}

// wrong is what is wrong with one field.
func wrong(field, format string, args ...any) error {
	return fleet.FieldErrors{{Field: field, Message: fmt.Sprintf(format, args...)}}
}
