package draft

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/uhdadmin/media-gateway/master/internal/configfile"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// assign gives the draft's servers its profile, and adds to result what that changes.
func (d *Desk) assign(ctx context.Context, row *library.Draft, profile *library.Profile, result *configfile.Result) error {
	var errs fleet.FieldErrors
	for i, id := range row.ServerIDs {
		field := fmt.Sprintf("server_ids[%d]", i)
		server, err := d.Store.Servers.Get(ctx, id)
		switch {
		case errors.Is(err, store.ErrNotFound):
			errs.Add(field, fmt.Sprintf("names no server: %d has been deleted; take it off the list", id))
		case err != nil:
			return err
		case server.ServiceType != row.ServiceType:
			errs.Add(field, fmt.Sprintf("must be a server for %s: %s is for %s", row.ServiceType, server.Name, server.ServiceType))
		default:
			if err := d.give(ctx, server, profile, result); err != nil {
				return fmt.Errorf("give %s its profile: %w", server.Name, err)
			}
		}
	}
	return errs.ErrorOrNil()
}

// give is assign for one server. Servers without a profile of their own have the default one.
func (d *Desk) give(ctx context.Context, server *fleet.Server, profile *library.Profile, result *configfile.Result) error {
	has := server.ProfileID != nil && *server.ProfileID == profile.ID
	if has || profile.IsDefault && server.ProfileID == nil {
		return nil
	}
	change := configfile.FieldChange{Name: "profile"}
	if server.ProfileID != nil {
		before, err := d.Store.Profiles.Get(ctx, *server.ProfileID)
		if err != nil {
			return err
		}
		change.Before = before.Name
	}
	var to *int64
	if !profile.IsDefault {
		to, change.After = &profile.ID, profile.Name
	}
	result.Changes = append(result.Changes, configfile.RowChange{
		Op: configfile.Alter, Kind: "servers", ID: server.ID,
		Row:    strings.Join([]string{string(server.ServiceType), server.Host, server.ServerName}, " "),
		Fields: []configfile.FieldChange{change},
	})
	_, err := d.Store.Servers.Update(ctx, server.ID, 0, func(s *fleet.Server) error {
		s.ProfileID = to
		return nil
	})
	return err
}
