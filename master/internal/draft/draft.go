// Package draft is what becomes of drafts: how they begin, what is wrong with them, what they would change, and how they
// are applied.
//
// A draft is a part of a configuration file (package configfile) that waits. Whatever is asked of it, it is applied in a
// transaction: undone again to check or preview it, and kept only when it is published at once. So there is one way from a
// draft to the configuration, and a preview shows what that way does to what is configured at the moment: a row of the draft
// is the whole row, and also takes back what somebody else has changed in it since.
package draft

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/uhdadmin/media-gateway/master/internal/configfile"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/publish"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// Desk works on drafts. Its methods may be called from any goroutine.
type Desk struct {
	Store     *store.Store
	Publisher *publish.Publisher
}

// Beginning is what a draft begins with.
type Beginning struct {
	Name        string          `json:"name" required:"true" doc:"of the draft; a new profile is called so, too, at first"`
	ServiceType api.ServiceType `json:"service_type" required:"true" enum:"emby,jellyfin"`
	Base        *int64          `json:"base" doc:"id of a profile; null: an empty one"`
	Edit        bool            `json:"edit" doc:"the draft changes the base; else it makes a new profile, which begins as a copy"`
}

// Begin stores a new draft. What is wrong with b is fleet.FieldErrors, or a *store.ConflictError where the name is taken.
func (d *Desk) Begin(ctx context.Context, b Beginning, by string) (*library.Draft, error) {
	row := library.NewDraft()
	row.Name, row.ServiceType, row.CreatedBy = b.Name, b.ServiceType, by
	if err := row.Validate(); err != nil {
		return nil, err
	}
	profile, err := d.begin(ctx, b)
	if err != nil {
		return nil, err
	}
	if b.Edit {
		row.ProfileID = b.Base
	}
	text, err := configfile.ProfileRow(ctx, d.Store, profile)
	if err != nil {
		return nil, err
	}
	row.Document["profiles"] = []json.RawMessage{text}
	return &row, d.Store.Drafts.Create(ctx, &row)
}

// begin returns the profile that a draft begins with.
func (d *Desk) begin(ctx context.Context, b Beginning) (profile *library.Profile, err error) {
	switch {
	case b.Base == nil && b.Edit:
		return nil, fleet.FieldErrors{{Field: "base", Message: "must be the id of the profile to change"}}
	case b.Base == nil:
		profile = new(library.NewProfile())
		profile.Name, profile.ServiceType = b.Name, b.ServiceType
		return profile, nil
	case b.Edit:
		profile, err = d.Store.Profiles.Get(ctx, *b.Base)
	default:
		profile, err = d.Store.CopyProfile(ctx, *b.Base, b.Name)
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil, fleet.FieldErrors{{Field: "base", Message: "must be the id of a profile, or null for an empty one"}}
	}
	if err == nil && profile.ServiceType != b.ServiceType {
		return nil, fleet.FieldErrors{{Field: "base", Message: fmt.Sprintf("must be a profile for %s: this one is for %s", b.ServiceType, profile.ServiceType)}}
	}
	return profile, err
}
