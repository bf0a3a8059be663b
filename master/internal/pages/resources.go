package pages

// kind says how a field is shown in a form and in a list.
type kind int

const (
	text kind = iota
	multiline
	integer // a number
	size    // a number of bytes
	flag    // true or false
	choice  // one of options
	lines   // a list of texts, one per line
	moments // a time, or none
	secret  // never shown; left empty, it stays
	oneOf   // id of a row of the resource of, or none
	manyOf  // ids of rows of the resource of
	raw     // any JSON
)

// field of a resource, by its name in the admin API. Its label is the text "field.NAME", or "RESOURCE.NAME" where one
// resource calls it something else; "help.NAME" and "RESOURCE.NAME.help" likewise say more.
type field struct {
	name    string
	kind    kind
	options []string // of choice; their texts are "option.VALUE"
	of      string   // of oneOf and manyOf
	fixed   bool     // cannot be changed once the row is made
}

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
}

var (
	serviceTypes = []string{"emby", "jellyfin"}
	allServices  = []string{"all", "emby", "jellyfin"}
	matchTypes   = []string{"exact", "prefix", "regex"}
	roles        = []string{"viewer", "operator", "admin"}
	dimensions   = []string{"ip", "user", "device", "global"}
	enabled      = field{name: "enabled", kind: flag}
	forService   = field{name: "service_type", kind: choice, options: allServices}
)

// upstream is how a server, or a location, reaches a media server.
var upstream = []field{
	{name: "upstream", kind: raw},
	{name: "upstream_scheme", kind: choice, options: []string{"http", "https"}},
	{name: "upstream_tls_verify", kind: flag},
	{name: "upstream_tls_name"},
	{name: "upstream_tls_ca_path"},
}

// resources in the order of the navigation.
var resources = []*resource{
	{
		path: "servers", title: "name", role: "operator",
		columns: []string{"name", "host", "server_name", "service_type", "upstream", "profile_id", "enabled"},
		filters: []field{{name: "service_type", kind: choice, options: serviceTypes}, {name: "host"}},
		fields: append(append([]field{
			{name: "name"},
			{name: "service_type", kind: choice, options: serviceTypes},
			{name: "host"},
			{name: "server_name"},
		}, upstream...), []field{
			{name: "listen_http", kind: integer},
			{name: "listen_https", kind: integer},
			{name: "ssl_cert_path"},
			{name: "ssl_key_path"},
			{name: "profile_id", kind: oneOf, of: "profiles"},
			{name: "lua_root"},
			{name: "custom_nginx", kind: multiline},
			{name: "note", kind: multiline},
			enabled,
		}...),
	},
	{
		path: "players", title: "client_name", role: "operator", used: true,
		columns: []string{"client_name", "min_version", "ua_patterns", "service_type", "enabled"},
		filters: []field{forService},
		fields:  []field{{name: "client_name"}, {name: "min_version"}, {name: "ua_patterns", kind: lines}, forService, enabled},
	},
	{
		path: "uri-rules", title: "name", role: "operator", used: true,
		columns: []string{"name", "action", "match_type", "pattern", "service_type", "enabled"},
		filters: []field{{name: "action", kind: choice, options: []string{"skip", "block"}}, forService},
		fields: []field{
			{name: "name"},
			{name: "action", kind: choice, options: []string{"block", "skip"}},
			{name: "match_type", kind: choice, options: matchTypes},
			{name: "pattern"},
			forService, enabled,
		},
	},
	{
		path: "location-rules", title: "name", role: "operator", used: true,
		columns: []string{"name", "kind", "match_type", "pattern", "service_type", "enabled"},
		filters: []field{{name: "kind", kind: choice, options: []string{"return", "redirect", "proxy", "deny", "cache"}}, forService},
		fields: append(append([]field{
			{name: "name"},
			{name: "kind", kind: choice, options: []string{"return", "redirect", "proxy", "deny", "cache"}},
			{name: "match_type", kind: choice, options: matchTypes},
			{name: "pattern"},
			{name: "status", kind: integer},
			{name: "body", kind: multiline},
			{name: "content_type"},
			{name: "target"},
			{name: "max_age", kind: integer},
		}, upstream...), []field{
			{name: "deny_maps", kind: lines},
			{name: "skip_access", kind: flag},
			forService, enabled,
		}...),
	},
	{
		path: "nginx-maps", title: "name", role: "operator", used: true,
		columns: []string{"name", "kind", "source", "default", "service_type", "enabled"},
		filters: []field{{name: "kind", kind: choice, options: []string{"value", "deny"}}, forService},
		fields: []field{
			{name: "name"},
			{name: "kind", kind: choice, options: []string{"value", "deny"}},
			{name: "source"},
			{name: "entries", kind: raw},
			{name: "default"},
			{name: "everywhere", kind: flag},
			forService, enabled,
		},
	},
	{
		path: "proxy-headers", title: "name", role: "operator", used: true,
		columns: []string{"name", "action", "header", "value", "service_type", "enabled"},
		filters: []field{forService},
		fields: []field{
			{name: "name"},
			{name: "action", kind: choice, options: []string{"set_request", "remove_request", "add_response", "hide_response"}},
			{name: "header"},
			{name: "value"},
			forService, enabled,
		},
	},
	{
		path: "settings", title: "name", role: "operator",
		columns: []string{"name", "value"},
		fields: []field{
			{
				name: "name", kind: choice, fixed: true, options: []string{
					"trusted_proxies", "real_ip_header", "telemetry_addresses", "client_max_body_size", "tls", "http2", "hsts", "resolver",
					"fake_counts", "deny_messages",
				},
			},
			{name: "value", kind: raw},
		},
	},
	{
		path: "profiles", title: "name", role: "operator", cloned: true, used: true,
		columns: []string{"name", "service_type", "is_default"},
		filters: []field{{name: "service_type", kind: choice, options: serviceTypes}},
		fields: []field{
			{name: "name"},
			{name: "service_type", kind: choice, options: serviceTypes, fixed: true},
			{name: "player_ids", kind: manyOf, of: "players"},
			{name: "uri_rule_ids", kind: manyOf, of: "uri-rules"},
			{name: "location_rule_ids", kind: manyOf, of: "location-rules"},
			{name: "nginx_map_ids", kind: manyOf, of: "nginx-maps"},
			{name: "proxy_header_ids", kind: manyOf, of: "proxy-headers"},
			{name: "unidentified", kind: choice, options: []string{"allow", "reject"}},
			{name: "deny_message"},
			{name: "fake_counts_enabled", kind: flag},
			{name: "fake_counts_value", kind: integer},
			{name: "concurrent_streams", kind: raw},
			{name: "settings", kind: raw},
			{name: "custom_lua", kind: multiline},
		},
	},
	{
		path: "rate-limit-rules", title: "apply_to", role: "operator", live: true,
		columns: []string{"apply_to", "apply_value", "rate_per_second", "rate_per_minute", "quota_daily", "bandwidth_daily_bytes", "over_action", "enabled"},
		filters: []field{{name: "apply_to", kind: choice, options: dimensions}},
		fields: []field{
			{name: "apply_to", kind: choice, options: dimensions},
			{name: "apply_value"},
			{name: "rate_per_second", kind: integer},
			{name: "rate_burst", kind: integer},
			{name: "rate_per_minute", kind: integer},
			{name: "quota_hourly", kind: integer},
			{name: "quota_daily", kind: integer},
			{name: "quota_weekly", kind: integer},
			{name: "quota_monthly", kind: integer},
			{name: "bandwidth_hourly_bytes", kind: size},
			{name: "bandwidth_daily_bytes", kind: size},
			{name: "bandwidth_weekly_bytes", kind: size},
			{name: "bandwidth_monthly_bytes", kind: size},
			{name: "over_action", kind: choice, options: []string{"reject", "throttle", "warn"}},
			{name: "throttle_rate_bps", kind: integer},
			enabled,
		},
	},
	{
		path: "stream-rules", title: "apply_to", role: "operator", live: true,
		columns: []string{"apply_to", "apply_value", "max_streams", "action_on_exceed", "enabled"},
		fields: []field{
			{name: "apply_to", kind: choice, options: dimensions},
			{name: "apply_value"},
			{name: "max_streams", kind: integer},
			{name: "action_on_exceed", kind: choice, options: []string{"reject", "kick_oldest"}},
			{name: "deny_message"},
			enabled,
		},
	},
	{
		path: "enforcements", title: "dimension_value", role: "operator", live: true,
		columns: []string{"dimension", "dimension_value", "action", "reason", "effective_until", "automatic", "enabled"},
		filters: []field{{name: "dimension", kind: choice, options: dimensions}},
		fields: []field{
			{name: "dimension", kind: choice, options: dimensions},
			{name: "dimension_value"},
			{name: "action", kind: choice, options: []string{"reject", "throttle"}},
			{name: "throttle_rate_bps", kind: integer},
			{name: "reason"},
			{name: "effective_until", kind: moments},
			enabled,
		},
	},
	{
		path: "users", title: "username", role: "admin",
		columns: []string{"username", "role", "enabled", "created_at"},
		filters: []field{{name: "role", kind: choice, options: roles}},
		fields:  []field{{name: "username"}, {name: "role", kind: choice, options: roles}, {name: "password", kind: secret}, enabled},
	},
	{
		path: "api-keys", title: "name", role: "admin",
		columns: []string{"name", "prefix", "role", "scopes", "expires_at", "last_used_at", "enabled"},
		filters: []field{{name: "role", kind: choice, options: roles}},
		fields: []field{
			{name: "name"},
			{name: "role", kind: choice, options: roles},
			{name: "scopes", kind: lines},
			{name: "expires_at", kind: moments},
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
