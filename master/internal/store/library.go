package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

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
		uses:   selectedBy[library.Player](s, "player_ids", func(r *library.Player) int64 { return r.ID }),
		detach: unselect[library.Player](s, "player_ids", func(r *library.Player) int64 { return r.ID }),
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
		uses:   selectedBy[library.URIRule](s, "uri_rule_ids", func(r *library.URIRule) int64 { return r.ID }),
		detach: unselect[library.URIRule](s, "uri_rule_ids", func(r *library.URIRule) int64 { return r.ID }),
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
		uses:    serversOf,
		detach:  s.giveDefault,
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
	for _, check := range []func() error{
		func() error { return checkSelection[library.Player](ctx, tx, "player_ids", row.PlayerIDs) },
		func() error { return checkSelection[library.URIRule](ctx, tx, "uri_rule_ids", row.URIRuleIDs) },
		func() error {
			return checkSelection[library.LocationRule](ctx, tx, "location_rule_ids", row.LocationRuleIDs)
		},
		func() error { return checkSelection[library.NginxMap](ctx, tx, "nginx_map_ids", row.NginxMapIDs) },
		func() error {
			return checkSelection[library.ProxyHeader](ctx, tx, "proxy_header_ids", row.ProxyHeaderIDs)
		},
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// checkSelection refuses ids that no T has.
func checkSelection[T any](ctx context.Context, tx bun.IDB, name string, ids []int64) error {
	for chunk := range slices.Chunk(ids, 500) { // as many as a statement may well have values
		var found []int64
		if err := tx.NewSelect().Model((*T)(nil)).Column("id").Where("id IN (?)", bun.List(chunk)).Scan(ctx, &found); err != nil {
			return err
		}
		for _, id := range chunk {
			if !slices.Contains(found, id) {
				return refuse(name, "must be ids of the library: there is no %d", id)
			}
		}
	}
	return nil
}

func releaseProfile(_ context.Context, _ bun.IDB, row *library.Profile) error {
	if row.IsDefault {
		return fmt.Errorf("%w: it is the default profile of %s", ErrInUse, row.ServiceType)
	}
	return nil
}

// CloneProfile stores a copy of a profile under another name. Of a default profile it copies the
// selection of the moment; raw Lua it never copies.
func (s *Store) CloneProfile(ctx context.Context, id int64, name string) (*library.Profile, error) {
	var row *library.Profile
	err := s.write(ctx, func(ctx context.Context, tx bun.IDB) (err error) {
		if row, err = copyProfile(ctx, tx, id, name); err != nil {
			return err
		}
		return s.Profiles.create(ctx, tx, row)
	})
	return row, err
}

// CopyProfile is CloneProfile, but returns the copy without storing it.
func (s *Store) CopyProfile(ctx context.Context, id int64, name string) (*library.Profile, error) {
	row, err := copyProfile(ctx, s.reader(ctx), id, name)
	return row, explain(err)
}

func copyProfile(ctx context.Context, db bun.IDB, id int64, name string) (*library.Profile, error) {
	row, err := get[library.Profile](ctx, db, id)
	if err != nil {
		return nil, err
	}
	if row.IsDefault {
		if err := selectAll(ctx, db, row); err != nil {
			return nil, err
		}
	}
	row.Name, row.IsDefault, row.CustomLua = name, false, ""
	return row, nil
}

// selectAll gives a profile the selection that a default one has.
func selectAll(ctx context.Context, tx bun.IDB, p *library.Profile) error {
	var errs [5]error
	p.PlayerIDs, errs[0] = enabledFor[library.Player](ctx, tx, p.ServiceType)
	p.URIRuleIDs, errs[1] = enabledFor[library.URIRule](ctx, tx, p.ServiceType)
	p.LocationRuleIDs, errs[2] = enabledFor[library.LocationRule](ctx, tx, p.ServiceType)
	p.NginxMapIDs, errs[3] = enabledFor[library.NginxMap](ctx, tx, p.ServiceType)
	p.ProxyHeaderIDs, errs[4] = enabledFor[library.ProxyHeader](ctx, tx, p.ServiceType)
	return errors.Join(errs[:]...)
}

// enabledFor returns the ids of the enabled rows for a service type.
func enabledFor[T any](ctx context.Context, tx bun.IDB, serviceType api.ServiceType) ([]int64, error) {
	ids := []int64{}
	err := tx.NewSelect().Model((*T)(nil)).Column("id").Where("enabled = ?", true).
		Where("service_type IN (?, ?)", serviceType, library.All).OrderBy("id", bun.OrderAsc).Scan(ctx, &ids)
	return ids, err
}
