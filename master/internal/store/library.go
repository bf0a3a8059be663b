package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/api"
)

func (s *Store) players() Table[library.Player] {
	return Table[library.Player]{
		s:    s,
		name: "players",
		stamp: func(r *library.Player) Stamp {
			return Stamp{&r.ID, &r.CreatedAt, &r.UpdatedAt, &r.Revision}
		},
		search:  []string{"client_name"},
		filters: []string{"enabled", "service_type"},
		check: func(_ context.Context, _ bun.IDB, _, row *library.Player) error {
			row.SetDefaults()
			return row.Validate()
		},
		release: func(ctx context.Context, tx bun.IDB, row *library.Player) error {
			return unselected(ctx, tx, row.ID, func(p library.Profile) []int64 { return p.PlayerIDs })
		},
	}
}

func (s *Store) uriRules() Table[library.URIRule] {
	return Table[library.URIRule]{
		s:    s,
		name: "uri-rules",
		stamp: func(r *library.URIRule) Stamp {
			return Stamp{&r.ID, &r.CreatedAt, &r.UpdatedAt, &r.Revision}
		},
		search:  []string{"name", "pattern"},
		filters: []string{"action", "enabled", "service_type"},
		check: func(_ context.Context, _ bun.IDB, _, row *library.URIRule) error {
			row.SetDefaults()
			return row.Validate()
		},
		release: func(ctx context.Context, tx bun.IDB, row *library.URIRule) error {
			return unselected(ctx, tx, row.ID, func(p library.Profile) []int64 { return p.URIRuleIDs })
		},
	}
}

func (s *Store) profiles() Table[library.Profile] {
	return Table[library.Profile]{
		s:    s,
		name: "profiles",
		stamp: func(r *library.Profile) Stamp {
			return Stamp{&r.ID, &r.CreatedAt, &r.UpdatedAt, &r.Revision}
		},
		search:  []string{"name"},
		filters: []string{"is_default", "service_type"},
		check:   checkProfileRow,
		release: releaseProfile,
	}
}

func (s *Store) settings() Table[library.Setting] {
	return Table[library.Setting]{
		s:    s,
		name: "settings",
		stamp: func(r *library.Setting) Stamp {
			return Stamp{&r.ID, &r.CreatedAt, &r.UpdatedAt, &r.Revision}
		},
		search:  []string{"name"},
		filters: []string{"name"},
		check: func(_ context.Context, _ bun.IDB, _, row *library.Setting) error {
			row.SetDefaults()
			return row.Validate()
		},
	}
}

// checkProfileRow keeps the one default profile per service type that the migration made, and refuses
// selections of what is not in the library.
func checkProfileRow(ctx context.Context, tx bun.IDB, old, row *library.Profile) error {
	row.IsDefault = old != nil && old.IsDefault
	row.SetDefaults()
	if err := row.Validate(); err != nil {
		return err
	}
	if old != nil && old.ServiceType != row.ServiceType {
		return refuse("service_type", "must stay %s: make a new profile for the other", old.ServiceType)
	}
	if err := checkSelection[library.Player](ctx, tx, "player_ids", row.PlayerIDs); err != nil {
		return err
	}
	return checkSelection[library.URIRule](ctx, tx, "uri_rule_ids", row.URIRuleIDs)
}

// checkSelection refuses ids that no T has.
func checkSelection[T any](ctx context.Context, tx bun.IDB, name string, ids []int64) error {
	for _, id := range ids {
		found, err := tx.NewSelect().Model((*T)(nil)).Where("id = ?", id).Exists(ctx)
		if err != nil {
			return err
		}
		if !found {
			return refuse(name, "must be ids of the library: there is no %d", id)
		}
	}
	return nil
}

func releaseProfile(ctx context.Context, tx bun.IDB, row *library.Profile) error {
	if row.IsDefault {
		return fmt.Errorf("%w: it is the default profile of %s", ErrInUse, row.ServiceType)
	}
	n, err := tx.NewSelect().Model((*fleet.Server)(nil)).Where("profile_id = ?", row.ID).Count(ctx)
	if err != nil {
		return err
	}
	if n > 0 {
		return fmt.Errorf("%w: %d servers have this profile; list them with servers?profile_id=%d", ErrInUse, n, row.ID)
	}
	return nil
}

// unselected refuses while a profile's selection holds the id.
func unselected(ctx context.Context, tx bun.IDB, id int64, selection func(library.Profile) []int64) error {
	var profiles []library.Profile
	if err := tx.NewSelect().Model(&profiles).OrderBy("id", bun.OrderAsc).Scan(ctx); err != nil {
		return err
	}
	for _, p := range profiles {
		if slices.Contains(selection(p), id) {
			return fmt.Errorf("%w: profile %d (%s) selects it", ErrInUse, p.ID, p.Name)
		}
	}
	return nil
}

// CloneProfile stores a copy of a profile under another name. Of a default profile it copies the
// selection of the moment; raw Lua it never copies.
func (s *Store) CloneProfile(ctx context.Context, id int64, name string) (*library.Profile, error) {
	var row *library.Profile
	err := s.write(ctx, func(ctx context.Context, tx bun.IDB) (err error) {
		if row, err = get[library.Profile](ctx, tx, id); err != nil {
			return err
		}
		if row.IsDefault {
			if row.PlayerIDs, err = enabledFor[library.Player](ctx, tx, row.ServiceType); err != nil {
				return err
			}
			if row.URIRuleIDs, err = enabledFor[library.URIRule](ctx, tx, row.ServiceType); err != nil {
				return err
			}
		}
		row.Name, row.CustomLua = name, ""
		return s.Profiles.create(ctx, tx, row)
	})
	return row, err
}

// enabledFor returns the ids of the enabled rows for a service type.
func enabledFor[T any](ctx context.Context, tx bun.IDB, serviceType api.ServiceType) ([]int64, error) {
	ids := []int64{}
	err := tx.NewSelect().Model((*T)(nil)).Column("id").Where("enabled = ?", true).
		Where("service_type IN (?, ?)", serviceType, library.All).OrderBy("id", bun.OrderAsc).Scan(ctx, &ids)
	return ids, err
}
