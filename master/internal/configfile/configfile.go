// Package configfile is what operators edit, as a YAML file: servers, library, profiles, rules and settings.
// Rows are told apart by what names them and refer to each other by name, never by id, so that a file of one
// master can be applied to another. Secrets, users and API keys are not in it; of a slave's tokens only the
// names are.
//
// A file is checked whole before anything is written, and applied in one transaction or not at all.
package configfile

import (
	"context"
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

// format is the version of the file's form; another one is refused.
const format = 1

// formatField is where it stands.
const formatField = "version"

// kinds are the resources of a file, in the order in which they are applied: what others refer to comes
// first.
func kinds(st *store.Store) []kind {
	return []kind{
		&section[library.Setting, *library.Setting]{
			title: "settings", table: st.Settings, fresh: library.NewSetting,
			key: func(r *library.Setting) []string { return []string{r.Name} },
		},
		&section[library.Player, *library.Player]{
			title: "players", table: st.Players, fresh: library.NewPlayer, called: "client_name",
			key: func(r *library.Player) []string { return []string{string(r.ServiceType), r.ClientName} },
		},
		&section[library.URIRule, *library.URIRule]{
			title: "uri-rules", table: st.URIRules, fresh: library.NewURIRule, called: "name",
			key: func(r *library.URIRule) []string { return []string{string(r.ServiceType), r.Name} },
		},
		&section[library.NginxMap, *library.NginxMap]{
			title: "nginx-maps", table: st.NginxMaps, fresh: library.NewNginxMap, called: "name",
			key: func(r *library.NginxMap) []string { return []string{r.Kind, r.Name} },
		},
		&section[library.LocationRule, *library.LocationRule]{
			title: "location-rules", table: st.LocationRules, fresh: library.NewLocationRule, called: "name",
			key: func(r *library.LocationRule) []string { return []string{string(r.ServiceType), r.Name} },
		},
		&section[library.ProxyHeader, *library.ProxyHeader]{
			title: "proxy-headers", table: st.ProxyHeaders, fresh: library.NewProxyHeader, called: "name",
			key: func(r *library.ProxyHeader) []string { return []string{string(r.ServiceType), r.Name} },
		},
		&section[library.Profile, *library.Profile]{
			title: "profiles", table: st.Profiles, fresh: library.NewProfile, called: "name",
			key: func(r *library.Profile) []string {
				if r.IsDefault { // of which each service type has one, whatever it is called
					return []string{string(r.ServiceType), "(default)"}
				}
				return []string{string(r.ServiceType), r.Name}
			},
			refs: []ref{
				{column: "player_ids", field: "players", to: "players", many: true},
				{column: "uri_rule_ids", field: "uri_rules", to: "uri-rules", many: true},
				{column: "location_rule_ids", field: "location_rules", to: "location-rules", many: true},
				{column: "nginx_map_ids", field: "nginx_maps", to: "nginx-maps", many: true},
				{column: "proxy_header_ids", field: "proxy_headers", to: "proxy-headers", many: true},
			},
		},
		&section[fleet.Server, *fleet.Server]{
			title: "servers", table: st.Servers, fresh: fleet.NewServer,
			key:  func(r *fleet.Server) []string { return []string{string(r.ServiceType), r.Host, r.ServerName} },
			refs: []ref{{column: "profile_id", field: "profile", to: "profiles"}},
			list: &attached{field: "tokens", of: func(ctx context.Context, id int64) ([]string, error) { return tokenNames(ctx, st, id) }},
		},
		&section[library.RateLimitRule, *library.RateLimitRule]{
			title: "rate-limit-rules", table: st.RateLimitRules, fresh: library.NewRateLimitRule,
			key: func(r *library.RateLimitRule) []string { return []string{r.ApplyTo, r.ApplyValue} },
		},
		&section[library.StreamRule, *library.StreamRule]{
			title: "stream-rules", table: st.StreamRules, fresh: library.NewStreamRule,
			key: func(r *library.StreamRule) []string { return []string{r.ApplyTo, r.ApplyValue} },
		},
		&section[library.Enforcement, *library.Enforcement]{
			title: "enforcements", table: st.Enforcements, fresh: library.NewEnforcement, without: []string{"automatic"},
			key:     func(r *library.Enforcement) []string { return []string{r.Dimension, r.DimensionValue} },
			foreign: func(r *library.Enforcement) bool { return r.Automatic != nil }, // comes and goes with its quota
		},
	}
}

// Resources are the names of what a file holds, as in paths of the admin API.
func Resources() []string {
	var names []string
	for _, k := range kinds(new(store.Store)) {
		names = append(names, k.name())
	}
	return names
}

// tokenNames returns the names of a server's tokens that are not revoked.
func tokenNames(ctx context.Context, st *store.Store, serverID int64) ([]string, error) {
	var names []string
	tokens, err := all(ctx, st.Tokens, map[string]string{"server_id": fmt.Sprint(serverID)})
	for _, t := range tokens {
		if t.RevokedAt == nil {
			names = append(names, t.Name)
		}
	}
	return names, err
}

// all reads the rows of a table that where selects.
func all[T any](ctx context.Context, table store.Table[T], where map[string]string) ([]T, error) {
	var rows []T
	for cursor := ""; ; {
		page, err := table.List(ctx, store.Query{Limit: store.MaxLimit, Cursor: cursor, Where: where})
		if err != nil {
			return nil, err
		}
		rows = append(rows, page.Items...)
		if cursor = page.Next; cursor == "" {
			return rows, nil
		}
	}
}

// kind is a section of the file, whatever the type of its rows.
type kind interface {
	name() string
	// parse checks the section's rows and keeps them for apply. What is wrong with them goes to errs.
	parse(rows *yaml.Node, errs *Errors)
	// apply makes and changes rows, and tells w of all that there are then.
	apply(ctx context.Context, w *world) error
	// prune deletes the rows that the file does not have, if it has the section at all.
	prune(ctx context.Context, w *world) error
	// export returns all rows, and tells w of them.
	export(ctx context.Context, w *world) (*yaml.Node, error)
}

// world is what one run knows of rows that others refer to, and what it has done.
type world struct {
	targets map[string]*targets // by title
	result  Result
	errs    Errors
}

func newWorld() *world {
	return &world{targets: map[string]*targets{}, result: Result{Rows: map[string][]int64{}}}
}

// Export returns the whole configuration as a file.
func Export(ctx context.Context, st *store.Store) ([]byte, error) {
	var text []byte
	err := st.Atomically(ctx, func(ctx context.Context) error { // of one moment
		w, doc := newWorld(), &yaml.Node{Kind: yaml.MappingNode}
		doc.Content = append(doc.Content, scalar(formatField), number(format))
		for _, k := range kinds(st) {
			rows, err := k.export(ctx, w)
			if err != nil {
				return about("export", k, err)
			}
			if len(rows.Content) > 0 {
				doc.Content = append(doc.Content, scalar(k.name()), rows)
			}
		}
		var err error
		text, err = encode(doc)
		return err
	})
	return text, err
}

// Options of Apply.
type Options struct {
	DryRun bool // only find out what would change
	Prune  bool // delete what the file does not have, of the resources that it has
}

// Apply makes the database what the file says and returns what that changed. What is wrong with the file is
// Errors, and nothing is changed then.
func Apply(ctx context.Context, st *store.Store, f *File, opt Options) (Result, error) {
	var result Result
	run := st.Atomically
	if opt.DryRun {
		run = st.Try
	}
	err := run(ctx, func(ctx context.Context) error {
		w := newWorld()
		for _, k := range f.kinds {
			if err := k.apply(ctx, w); err != nil {
				return about("apply", k, err)
			}
		}
		if err := w.errs.orNil(); err != nil {
			return err
		}
		for i := len(f.kinds) - 1; opt.Prune && i >= 0; i-- { // those that refer before those referred to
			if err := f.kinds[i].prune(ctx, w); err != nil {
				return about("prune", f.kinds[i], err)
			}
		}
		result = w.result
		_, err := st.AddStartingSet(ctx, false) // the file says what a new library begins with
		return err
	})
	return result, err
}

// about says where an error came up, unless it says so itself.
func about(what string, k kind, err error) error {
	if _, says := errors.AsType[Errors](err); says {
		return err
	}
	return fmt.Errorf("%s %s: %w", what, k.name(), err)
}
