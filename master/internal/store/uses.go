package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// Use says who uses a row.
type Use struct {
	Resource string `json:"resource" doc:"as in the admin API's paths"`
	ID       int64  `json:"id"`
	Name     string `json:"name"`
	Field    string `json:"field" doc:"of the user; empty for a default profile, which takes all that is enabled"`
	// Implicit users do not name the row, and do not keep it from being deleted.
	Implicit bool `json:"implicit" doc:"takes all that is enabled for its service type, and does not keep the row from being deleted"`
	// Fixed users name it in a text, from which it cannot be taken away.
	Fixed bool `json:"fixed" doc:"names it in a text or list of its own, which has to be changed by hand before the row can be deleted"`
}

// InUseError says who keeps a row from being deleted. It is an ErrInUse.
type InUseError struct{ Uses []Use }

func (e *InUseError) Error() string { return "still in use: " + list(e.Uses) }

func (*InUseError) Unwrap() error { return ErrInUse }

func list(uses []Use) string {
	names := make([]string, 0, len(uses))
	for _, u := range uses {
		names = append(names, fmt.Sprintf("%s/%d (%s)", u.Resource, u.ID, u.Name))
	}
	return strings.Join(names, ", ")
}

// Uses returns who uses the row with the id, or ErrNotFound.
func (t Table[T]) Uses(ctx context.Context, id int64) ([]Use, error) {
	row, err := t.Get(ctx, id)
	if err != nil || t.uses == nil {
		return []Use{}, err
	}
	uses, err := t.uses(ctx, t.s.reader(ctx), row)
	if err != nil {
		return nil, fmt.Errorf("who uses %s %d: %w", t.name, id, err)
	}
	return append([]Use{}, uses...), nil
}

// HasUses reports whether rows of the table may be used by others.
func (t Table[T]) HasUses() bool { return t.uses != nil }

// letGo makes sure that nobody uses a row that is about to be deleted: an *InUseError where somebody does,
// unless detach takes it from them.
func (t Table[T]) letGo(ctx context.Context, tx bun.IDB, row *T, detach bool) error {
	if t.uses == nil {
		return nil
	}
	uses, err := t.uses(ctx, tx, row)
	if err != nil {
		return err
	}
	uses = slices.DeleteFunc(uses, func(u Use) bool { return u.Implicit || detach && !u.Fixed })
	if len(uses) > 0 {
		return &InUseError{uses}
	}
	if detach {
		return t.detach(ctx, tx, row)
	}
	return nil
}

// selectable is what profiles select.
type selectable interface {
	library.Player | library.URIRule | library.LocationRule | library.NginxMap | library.ProxyHeader
}

// selectedBy returns what finds the profiles whose list holds a row.
func selectedBy[T selectable](s *Store, field string, id func(*T) int64) func(context.Context, bun.IDB, *T) ([]Use, error) {
	return func(ctx context.Context, tx bun.IDB, row *T) ([]Use, error) {
		profiles, err := allProfiles(ctx, tx)
		if err != nil {
			return nil, err
		}
		var uses []Use
		for i := range profiles {
			p := &profiles[i]
			switch {
			case slices.Contains(selected(p, field), id(row)):
				uses = append(uses, Use{Resource: s.Profiles.name, ID: p.ID, Name: p.Name, Field: field})
			case p.IsDefault && takes(row, p.ServiceType):
				uses = append(uses, Use{Resource: s.Profiles.name, ID: p.ID, Name: p.Name, Implicit: true})
			}
		}
		return uses, nil
	}
}

// unselect returns what takes a row out of the list of every profile.
func unselect[T selectable](s *Store, field string, id func(*T) int64) func(context.Context, bun.IDB, *T) error {
	return func(ctx context.Context, tx bun.IDB, row *T) error {
		profiles, err := allProfiles(ctx, tx)
		if err != nil {
			return err
		}
		for i := range profiles {
			if !slices.Contains(selected(&profiles[i], field), id(row)) {
				continue
			}
			_, err := s.Profiles.update(ctx, tx, profiles[i].ID, 0, func(p *library.Profile) error {
				for _, l := range p.Lists() {
					if l.Field == field {
						*l.IDs = slices.DeleteFunc(*l.IDs, func(other int64) bool { return other == id(row) })
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
}

func allProfiles(ctx context.Context, tx bun.IDB) (profiles []library.Profile, err error) {
	err = tx.NewSelect().Model(&profiles).OrderBy("id", bun.OrderAsc).Scan(ctx)
	return profiles, err
}

func selected(p *library.Profile, field string) []int64 {
	for _, l := range p.Lists() {
		if l.Field == field {
			return *l.IDs
		}
	}
	return nil
}

// takes reports whether a default profile of the service type takes the row.
func takes[T selectable](row *T, serviceType api.ServiceType) bool {
	var of api.ServiceType
	var enabled bool
	switch r := any(row).(type) {
	case *library.Player:
		of, enabled = r.ServiceType, r.Enabled
	case *library.URIRule:
		of, enabled = r.ServiceType, r.Enabled
	case *library.LocationRule:
		of, enabled = r.ServiceType, r.Enabled
	case *library.NginxMap:
		of, enabled = r.ServiceType, r.Enabled
	case *library.ProxyHeader:
		of, enabled = r.ServiceType, r.Enabled
	}
	return enabled && (of == library.All || of == serviceType)
}

// namedBy finds the headers and location rules that name a map.
func namedBy(ctx context.Context, tx bun.IDB, m *library.NginxMap) ([]Use, error) {
	var uses []Use
	var headers []library.ProxyHeader
	if err := tx.NewSelect().Model(&headers).OrderBy("id", bun.OrderAsc).Scan(ctx); err != nil {
		return nil, err
	}
	for _, h := range headers {
		if m.Kind == library.MapValue && slices.Contains(h.References(), m.Name) {
			uses = append(uses, Use{Resource: "proxy-headers", ID: h.ID, Name: h.Name, Field: "value", Fixed: true})
		}
	}
	var locations []library.LocationRule
	if err := tx.NewSelect().Model(&locations).OrderBy("id", bun.OrderAsc).Scan(ctx); err != nil {
		return nil, err
	}
	for i := range locations {
		values, denies := locations[i].References()
		field, names := "target", values
		if m.Kind == library.MapDeny {
			field, names = "deny_maps", denies
		}
		if slices.Contains(names, m.Name) {
			uses = append(uses, Use{Resource: "location-rules", ID: locations[i].ID, Name: locations[i].Name, Field: field, Fixed: true})
		}
	}
	return uses, nil
}

// serversOf finds the servers that have a profile.
func serversOf(ctx context.Context, tx bun.IDB, p *library.Profile) ([]Use, error) {
	var servers []fleet.Server
	if err := tx.NewSelect().Model(&servers).OrderBy("id", bun.OrderAsc).Scan(ctx); err != nil {
		return nil, err
	}
	var uses []Use
	for i := range servers {
		v := &servers[i]
		switch {
		case v.ProfileID != nil && *v.ProfileID == p.ID:
			uses = append(uses, Use{Resource: "servers", ID: v.ID, Name: v.Name, Field: "profile_id"})
		case v.ProfileID == nil && p.IsDefault && v.ServiceType == p.ServiceType:
			uses = append(uses, Use{Resource: "servers", ID: v.ID, Name: v.Name, Implicit: true})
		}
	}
	return uses, nil
}

// giveDefault gives the servers of a profile the default one.
func (s *Store) giveDefault(ctx context.Context, tx bun.IDB, p *library.Profile) error {
	uses, err := serversOf(ctx, tx, p)
	for _, u := range uses {
		if u.Implicit {
			continue
		}
		_, e := s.Servers.update(ctx, tx, u.ID, 0, func(v *fleet.Server) error {
			v.ProfileID = nil
			return nil
		})
		err = errors.Join(err, e)
	}
	return err
}
