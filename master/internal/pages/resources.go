package pages

import "cmp"

// kind says how a field is shown in a form and in a list.
type kind string

const (
	text      kind = "text"
	multiline kind = "multiline"
	integer   kind = "integer"  // a number
	size      kind = "size"     // a number of bytes, entered with a unit or without
	flag      kind = "flag"     // true or false
	choice    kind = "choice"   // one of Options
	lines     kind = "lines"    // a list of texts, one per line
	moments   kind = "moment"   // a time, or none
	secret    kind = "secret"   // never shown; left empty, it stays
	oneOf     kind = "one"      // id of a row of the resource Of, or none
	manyOf    kind = "many"     // ids of rows of the resource Of
	raw       kind = "raw"      // any JSON
	kept      kind = "kept"     // sent with the form, not shown
	object    kind = "object"   // with a field for each of Parts
	rows      kind = "rows"     // a list of objects of Parts; a text stands for one that has only its first part
	messages  kind = "messages" // texts by reason and language
)

// field of a resource, by its name in the admin API. Its label is the text "field.NAME", or "RESOURCE.NAME" where one
// resource calls it something else; "help.NAME" and "RESOURCE.NAME.help" likewise say more.
type field struct {
	Name    string
	Kind    kind     // text when empty
	Options []string // of choice; their texts are "option.VALUE"
	Of      string   // of oneOf and manyOf
	Fixed   bool     // cannot be changed once the row is made
	Parts   []field  // of an object, and of one of the rows
	On      bool     // of a flag: set in a new row

	Optional bool   // without a value of its own, something else holds
	Null     bool   // of an object: may be null, which is off
	As       string // the name by which its texts go, when it is another
}

// Texts is the name by which the field's label and help go.
func (f field) Texts() string { return cmp.Or(f.As, f.Name) }

// resource is one that the admin API has in lists, and one page here lists and another edits.
type resource struct {
	path    string // as in the admin API
	title   string // the field that names a row
	role    string // who may write
	columns []string
	filters []field // of the list
	fields  []field // of the form, in order
	cloned  bool    // POST {id}/clone makes a copy
	live    bool    // in force without a publish
	used    bool    // GET {id}/uses tells by whom
	page    handler // in place of the list
}

var (
	serviceTypes = []string{"emby", "jellyfin"}
	allServices  = []string{"all", "emby", "jellyfin"}
	matchTypes   = []string{"exact", "prefix", "regex"}
	roles        = []string{"viewer", "operator", "admin"}
	dimensions   = []string{"ip", "user", "device", "global"}
	enabled      = field{Name: "enabled", Kind: flag, On: true}
	forService   = field{Name: "service_type", Kind: choice, Options: allServices}
)

// upstream is how a server, or a location, reaches a media server.
var upstream = []field{
	{Name: "upstream", Kind: rows, Parts: []field{
		{Name: "address"},
		{Name: "weight", Kind: integer},
		{Name: "max_fails", Kind: integer},
		{Name: "fail_timeout", Kind: integer},
		{Name: "backup", Kind: flag},
	}},
	{Name: "upstream_scheme", Kind: choice, Options: []string{"http", "https"}},
	{Name: "upstream_tls_verify", Kind: flag, On: true},
	{Name: "upstream_tls_name"},
	{Name: "upstream_tls_ca_path"},
}

// resources in the order of the navigation.
var resources = []*resource{
	{
		path: "servers", title: "name", role: "operator",
		columns: []string{"name", "host", "server_name", "service_type", "upstream", "profile_id", "enabled"},
		filters: []field{{Name: "service_type", Kind: choice, Options: serviceTypes}, {Name: "host"}},
		fields: append(append([]field{
			{Name: "name"},
			{Name: "service_type", Kind: choice, Options: serviceTypes},
			{Name: "host"},
			{Name: "server_name"},
		}, upstream...), []field{
			{Name: "listen_http", Kind: integer},
			{Name: "listen_https", Kind: integer},
			{Name: "ssl_cert_path"},
			{Name: "ssl_key_path"},
			{Name: "profile_id", Kind: oneOf, Of: "profiles"},
			{Name: "lua_root"},
			{Name: "custom_nginx", Kind: multiline},
			{Name: "note", Kind: multiline},
			enabled,
		}...),
	},
	{
		path: "players", title: "client_name", role: "operator", used: true,
		columns: []string{"client_name", "min_version", "ua_patterns", "service_type", "enabled"},
		filters: []field{forService},
		fields:  []field{{Name: "client_name"}, {Name: "min_version"}, {Name: "ua_patterns", Kind: lines}, forService, enabled},
	},
	{
		path: "uri-rules", title: "name", role: "operator", used: true,
		columns: []string{"name", "action", "match_type", "pattern", "service_type", "enabled"},
		filters: []field{{Name: "action", Kind: choice, Options: []string{"skip", "block"}}, forService},
		fields: []field{
			{Name: "name"},
			{Name: "action", Kind: choice, Options: []string{"block", "skip"}},
			{Name: "match_type", Kind: choice, Options: matchTypes},
			{Name: "pattern"},
			forService, enabled,
		},
	},
	{
		path: "location-rules", title: "name", role: "operator", used: true,
		columns: []string{"name", "kind", "match_type", "pattern", "service_type", "enabled"},
		filters: []field{{Name: "kind", Kind: choice, Options: []string{"return", "redirect", "proxy", "deny", "cache"}}, forService},
		fields: append(append([]field{
			{Name: "name"},
			{Name: "kind", Kind: choice, Options: []string{"return", "redirect", "proxy", "deny", "cache"}},
			{Name: "match_type", Kind: choice, Options: matchTypes},
			{Name: "pattern"},
			{Name: "status", Kind: integer},
			{Name: "body", Kind: multiline},
			{Name: "content_type"},
			{Name: "target"},
			{Name: "max_age", Kind: integer},
		}, upstream...), []field{
			{Name: "deny_maps", Kind: lines},
			{Name: "skip_access", Kind: flag},
			forService, enabled,
		}...),
	},
	{
		path: "nginx-maps", title: "name", role: "operator", used: true,
		columns: []string{"name", "kind", "source", "default", "service_type", "enabled"},
		filters: []field{{Name: "kind", Kind: choice, Options: []string{"value", "deny"}}, forService},
		fields: []field{
			{Name: "name"},
			{Name: "kind", Kind: choice, Options: []string{"value", "deny"}},
			{Name: "source"},
			{Name: "entries", Kind: rows, Parts: []field{
				{Name: "match_type", Kind: choice, Options: []string{"exact", "prefix", "regex", "network"}},
				{Name: "pattern"},
				{Name: "value"},
			}},
			{Name: "default"},
			{Name: "everywhere", Kind: flag, On: true},
			forService, enabled,
		},
	},
	{
		path: "proxy-headers", title: "name", role: "operator", used: true,
		columns: []string{"name", "action", "header", "value", "service_type", "enabled"},
		filters: []field{forService},
		fields: []field{
			{Name: "name"},
			{Name: "action", Kind: choice, Options: []string{"set_request", "remove_request", "add_response", "hide_response"}},
			{Name: "header"},
			{Name: "value"},
			forService, enabled,
		},
	},
	{
		path: "settings", title: "name", role: "operator", page: showSettings,
		columns: []string{"name", "value"},
		fields: []field{
			{Name: "name", Kind: kept, Fixed: true},
			{Name: "value", Kind: raw}, // by its name: see settingValues
		},
	},
	{
		path: "profiles", title: "name", role: "operator", cloned: true, used: true,
		columns: []string{"name", "service_type", "is_default"},
		filters: []field{{Name: "service_type", Kind: choice, Options: serviceTypes}},
		fields: []field{
			{Name: "name"},
			{Name: "service_type", Kind: choice, Options: serviceTypes, Fixed: true},
			{Name: "player_ids", Kind: manyOf, Of: "players"},
			{Name: "uri_rule_ids", Kind: manyOf, Of: "uri-rules"},
			{Name: "location_rule_ids", Kind: manyOf, Of: "location-rules"},
			{Name: "nginx_map_ids", Kind: manyOf, Of: "nginx-maps"},
			{Name: "proxy_header_ids", Kind: manyOf, Of: "proxy-headers"},
			{Name: "unidentified", Kind: choice, Options: []string{"allow", "reject"}},
			{Name: "deny_message", Kind: multiline},
			{Name: "fake_counts_enabled", Kind: flag},
			{Name: "fake_counts_value", Kind: integer},
			{Name: "concurrent_streams", Kind: object, Parts: []field{
				{Name: "max_streams", Kind: integer},
				{Name: "action_on_exceed", Kind: choice, Options: []string{"reject", "kick_oldest"}},
				{Name: "deny_message", Kind: multiline},
			}},
			{Name: "settings", Kind: object, Parts: profileSettings()},
			{Name: "custom_lua", Kind: multiline},
		},
	},
	{
		path: "rate-limit-rules", title: "apply_to", role: "operator", live: true,
		columns: []string{"apply_to", "apply_value", "rate_per_second", "rate_per_minute", "quota_daily", "bandwidth_daily_bytes", "over_action", "enabled"},
		filters: []field{{Name: "apply_to", Kind: choice, Options: dimensions}},
		fields: []field{
			{Name: "apply_to", Kind: choice, Options: dimensions},
			{Name: "apply_value"},
			{Name: "rate_per_second", Kind: integer},
			{Name: "rate_burst", Kind: integer},
			{Name: "rate_per_minute", Kind: integer},
			{Name: "quota_hourly", Kind: integer},
			{Name: "quota_daily", Kind: integer},
			{Name: "quota_weekly", Kind: integer},
			{Name: "quota_monthly", Kind: integer},
			{Name: "bandwidth_hourly_bytes", Kind: size},
			{Name: "bandwidth_daily_bytes", Kind: size},
			{Name: "bandwidth_weekly_bytes", Kind: size},
			{Name: "bandwidth_monthly_bytes", Kind: size},
			{Name: "over_action", Kind: choice, Options: []string{"reject", "throttle", "warn"}},
			{Name: "throttle_rate_bps", Kind: size},
			enabled,
		},
	},
	{
		path: "stream-rules", title: "apply_to", role: "operator", live: true,
		columns: []string{"apply_to", "apply_value", "max_streams", "action_on_exceed", "enabled"},
		fields: []field{
			{Name: "apply_to", Kind: choice, Options: dimensions},
			{Name: "apply_value"},
			{Name: "max_streams", Kind: integer},
			{Name: "action_on_exceed", Kind: choice, Options: []string{"reject", "kick_oldest"}},
			{Name: "deny_message", Kind: multiline},
			enabled,
		},
	},
	{
		path: "enforcements", title: "dimension_value", role: "operator", live: true,
		columns: []string{"dimension_value", "dimension", "action", "reason", "effective_until", "state"},
		filters: []field{{Name: "dimension", Kind: choice, Options: dimensions}, {Name: "dimension_value"}},
		fields: []field{
			{Name: "dimension", Kind: choice, Options: dimensions},
			{Name: "dimension_value"},
			{Name: "action", Kind: choice, Options: []string{"reject", "throttle"}},
			{Name: "throttle_rate_bps", Kind: size},
			{Name: "reason", Kind: multiline},
			{Name: "effective_until", Kind: moments},
			enabled,
		},
	},
	{
		path: "users", title: "username", role: "admin",
		columns: []string{"username", "role", "enabled", "created_at"},
		filters: []field{{Name: "role", Kind: choice, Options: roles}},
		fields:  []field{{Name: "username"}, {Name: "role", Kind: choice, Options: roles}, {Name: "password", Kind: secret}, enabled},
	},
	{
		path: "api-keys", title: "name", role: "admin",
		columns: []string{"name", "prefix", "role", "scopes", "expires_at", "last_used_at", "enabled"},
		filters: []field{{Name: "role", Kind: choice, Options: roles}},
		fields: []field{
			{Name: "name"},
			{Name: "role", Kind: choice, Options: roles},
			{Name: "scopes", Kind: lines},
			{Name: "expires_at", Kind: moments},
			enabled,
		},
	},
}

// resourceAt returns the resource of that path.
func resourceAt(path string) *resource {
	for _, r := range resources {
		if r.path == path {
			return r
		}
	}
	return nil
}
