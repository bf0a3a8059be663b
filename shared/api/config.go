package api

// Version answers GET /config/version: what the host should run now.
type Version struct {
	Version    int64  `json:"version"`     // Unix seconds when published, strictly rising per host; 0: nothing published yet
	HasUpdate  bool   `json:"has_update"`  // the caller's current version or hash is not this one
	SnapshotID int64  `json:"snapshot_id"` // to be named in the ack
	ConfigHash string `json:"config_hash"` // "" from masters that know none
	Epoch      int64  `json:"epoch"`       // identity of the master's database: Unix seconds of its creation

	// LimitsRevision changes with anything that GET /rate-limits would answer this host. A slave that follows it
	// sends the one it has as `limits`, and a waiting check is answered at once when that is another one. "" from
	// masters whose limits change by publishes only.
	LimitsRevision string `json:"limits_revision,omitempty"`
}

// Config answers GET /config: everything one host runs, rendered.
type Config struct {
	Version         int64                `json:"version"`
	SnapshotID      int64                `json:"snapshot_id"`
	Epoch           int64                `json:"epoch"`
	ConfigHash      string               `json:"config_hash"`         // ContentHash of this very document, hex
	Signature       string               `json:"signature,omitempty"` // Sign of SignedMessage; "" when the master has no key
	Mode            string               `json:"mode"`                // ModeMultiServer
	ServiceType     ServiceType          `json:"service_type"`
	RenderedNginx   string               `json:"rendered_nginx"` // the whole of server.conf
	RenderedLua     string               `json:"rendered_lua"`   // access.lua; "" when the built-in one serves
	LuaConfig       LuaConfig            `json:"lua_config"`     // the default profile's rules
	LuaConfigs      map[string]LuaConfig `json:"lua_configs"`    // by profile id, as in `set $config_profile_id "ID"`
	RateLimitConfig RateLimits           `json:"rate_limit_config"`
	SiblingCount    int                  `json:"sibling_count"`          // servers in this configuration
	AllowShrink     bool                 `json:"allow_shrink,omitempty"` // dropping most server blocks, or all, is intended
}

// LuaConfig is one profile's rules for the access chain.
type LuaConfig struct {
	SkipList       []PathRule        `json:"skip_list"`
	BlockList      []PathRule        `json:"block_list"`
	AllowedClients []string          `json:"allowed_clients"` // empty: every client is allowed
	MinVersions    map[string]string `json:"min_versions"`    // client name → lowest version allowed
	ClientPatterns []ClientPattern   `json:"client_patterns"` // names clients that state only a User-Agent
	Unidentified   Unidentified      `json:"unidentified"`    // what the whitelist does with a request that states no client
	DenyMessage    string            `json:"deny_message"`
	// DenyMessages are texts by reason and language ("zh-tw", "en"; "*" for all others), each in place of DenyMessage.
	DenyMessages      map[string]map[string]string `json:"deny_messages,omitempty"`
	FakeCountsEnabled bool                         `json:"fake_counts_enabled"`
	FakeCountsValue   int                          `json:"fake_counts_value"`
	ConcurrentStreams ConcurrentStreams            `json:"concurrent_streams"`
}

// PathRule matches request paths. A path is matched normalised, in any case, with and without /emby or
// /mediabrowser and a trailing slash.
type PathRule struct {
	Pattern   string    `json:"pattern"`
	MatchType MatchType `json:"match_type"`
}

// MatchType says how a PathRule's pattern is compared.
type MatchType string

// The match types of the contract.
const (
	MatchExact  MatchType = "exact"
	MatchPrefix MatchType = "prefix"
	MatchRegex  MatchType = "regex" // PCRE, unanchored, case-insensitive
)

// ClientPattern names the client of a request whose User-Agent matches Pattern (PCRE, unanchored,
// case-insensitive) and that states no client name in header or query.
type ClientPattern struct {
	Name    string `json:"name"`
	Pattern string `json:"pattern"`
}

// Unidentified is the whitelist's rule for a request that states no client at all.
type Unidentified string

// UnidentifiedAllow is the default: images and segments are often fetched without identity, and who
// strips it could as well state an allowed name.
const (
	UnidentifiedAllow  Unidentified = "allow"
	UnidentifiedReject Unidentified = "reject"
)

// ConcurrentStreams limits how many streams a user may have at once; MaxStreams 0 is no limit.
type ConcurrentStreams struct {
	MaxStreams     int    `json:"max_streams"`
	ActionOnExceed string `json:"action_on_exceed"` // reject or kick_oldest
	DenyMessage    string `json:"deny_message"`
}
