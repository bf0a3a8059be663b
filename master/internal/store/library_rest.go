package store

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/library"
)

func (s *Store) locationRules() Table[library.LocationRule] {
	return Table[library.LocationRule]{
		s:    s,
		name: "location-rules",
		stamp: func(r *library.LocationRule) Stamp {
			return Stamp{&r.ID, &r.CreatedAt, &r.UpdatedAt, &r.Revision}
		},
		search:  []string{"name", "pattern"},
		filters: []string{"enabled", "kind", "service_type"},
		check: func(ctx context.Context, tx bun.IDB, _, row *library.LocationRule) error {
			row.SetDefaults()
			if err := row.Validate(); err != nil {
				return err
			}
			values, denies := row.References()
			if err := checkMaps(ctx, tx, "target", library.MapValue, values); err != nil {
				return err
			}
			return checkMaps(ctx, tx, "deny_maps", library.MapDeny, denies)
		},
		uses:   selectedBy[library.LocationRule](s, "location_rule_ids", func(r *library.LocationRule) int64 { return r.ID }),
		detach: unselect[library.LocationRule](s, "location_rule_ids", func(r *library.LocationRule) int64 { return r.ID }),
	}
}

func (s *Store) nginxMaps() Table[library.NginxMap] {
	id := func(r *library.NginxMap) int64 { return r.ID }
	return Table[library.NginxMap]{
		s:    s,
		name: "nginx-maps",
		stamp: func(r *library.NginxMap) Stamp {
			return Stamp{&r.ID, &r.CreatedAt, &r.UpdatedAt, &r.Revision}
		},
		search:  []string{"name", "source"},
		filters: []string{"enabled", "kind", "service_type"},
		check: func(ctx context.Context, tx bun.IDB, old, row *library.NginxMap) error {
			row.SetDefaults()
			if err := row.Validate(); err != nil {
				return err
			}
			return keepsVariable(ctx, tx, old, row)
		},
		uses: func(ctx context.Context, tx bun.IDB, row *library.NginxMap) ([]Use, error) {
			uses, err := selectedBy[library.NginxMap](s, "nginx_map_ids", id)(ctx, tx, row)
			if err != nil {
				return nil, err
			}
			named, err := namedBy(ctx, tx, row)
			return append(uses, named...), err
		},
		detach: unselect[library.NginxMap](s, "nginx_map_ids", id),
	}
}

func (s *Store) proxyHeaders() Table[library.ProxyHeader] {
	id := func(r *library.ProxyHeader) int64 { return r.ID }
	return Table[library.ProxyHeader]{
		s:    s,
		name: "proxy-headers",
		stamp: func(r *library.ProxyHeader) Stamp {
			return Stamp{&r.ID, &r.CreatedAt, &r.UpdatedAt, &r.Revision}
		},
		search:  []string{"name", "header", "value"},
		filters: []string{"action", "enabled", "service_type"},
		check: func(ctx context.Context, tx bun.IDB, _, row *library.ProxyHeader) error {
			row.SetDefaults()
			if err := row.Validate(); err != nil {
				return err
			}
			return checkMaps(ctx, tx, "value", library.MapValue, row.References())
		},
		uses:   selectedBy[library.ProxyHeader](s, "proxy_header_ids", id),
		detach: unselect[library.ProxyHeader](s, "proxy_header_ids", id),
	}
}

// checkMaps refuses names that no map of the kind has.
func checkMaps(ctx context.Context, tx bun.IDB, field, kind string, names []string) error {
	for _, name := range names {
		found, err := tx.NewSelect().Model((*library.NginxMap)(nil)).Where("name = ?", name).Where("kind = ?", kind).Exists(ctx)
		if err != nil {
			return err
		}
		if !found {
			return refuse(field, "must name maps of the library: there is no %s map %s", kind, name)
		}
	}
	return nil
}

// keepsVariable refuses to take its variable away from a map that others name.
func keepsVariable(ctx context.Context, tx bun.IDB, old, row *library.NginxMap) error {
	if old == nil || old.Variable() == row.Variable() {
		return nil
	}
	uses, err := namedBy(ctx, tx, old)
	if err != nil || len(uses) == 0 {
		return err
	}
	field := "name"
	if old.Kind != row.Kind {
		field = "kind"
	}
	return refuse(field, "must stay while others use $%s: %s", old.Variable(), list(uses))
}
