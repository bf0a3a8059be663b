// Package library is the domain of what profiles are made of: players, rules for paths, locations, maps,
// headers and settings, and the limits that flow to slaves live.
package library

import (
	"encoding/json"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// All is the service type of library entries that hold for every kind of media server.
const All api.ServiceType = "all"

// Player is a client application that the whitelist lets in.
type Player struct {
	ID          int64           `json:"id" bun:",pk,autoincrement"`
	ClientName  string          `json:"client_name"`
	MinVersion  string          `json:"min_version"` // "": any
	UAPatterns  []string        `json:"ua_patterns"` // regexes over the User-Agent, for clients that state no name
	ServiceType api.ServiceType `json:"service_type"`
	Enabled     bool            `json:"enabled"`
	CreatedAt   time.Time       `json:"created_at"`
	UpdatedAt   time.Time       `json:"updated_at"`
	Revision    int64           `json:"revision"`
}

// URIRule lets paths past the checks (skip) or refuses them (block).
type URIRule struct {
	ID          int64           `json:"id" bun:",pk,autoincrement"`
	Name        string          `json:"name"`
	Action      string          `json:"action"` // skip or block
	MatchType   api.MatchType   `json:"match_type"`
	Pattern     string          `json:"pattern"`
	ServiceType api.ServiceType `json:"service_type"`
	Enabled     bool            `json:"enabled"`
	CreatedAt   time.Time       `json:"created_at"`
	UpdatedAt   time.Time       `json:"updated_at"`
	Revision    int64           `json:"revision"`
}

// Profile selects from the library for a service type. The default profile of a service type selects
// everything enabled for it; it cannot be deleted.
type Profile struct {
	ID                int64                 `json:"id" bun:",pk,autoincrement"`
	Name              string                `json:"name"`
	ServiceType       api.ServiceType       `json:"service_type"`
	IsDefault         bool                  `json:"is_default"`
	PlayerIDs         []int64               `json:"player_ids" bun:"player_ids"` // these lists are ignored in a default profile
	URIRuleIDs        []int64               `json:"uri_rule_ids" bun:"uri_rule_ids"`
	LocationRuleIDs   []int64               `json:"location_rule_ids" bun:"location_rule_ids"`
	NginxMapIDs       []int64               `json:"nginx_map_ids" bun:"nginx_map_ids"` // value maps that headers and location rules name come by themselves
	ProxyHeaderIDs    []int64               `json:"proxy_header_ids" bun:"proxy_header_ids"`
	Unidentified      api.Unidentified      `json:"unidentified"`
	DenyMessage       string                `json:"deny_message"`
	FakeCountsEnabled bool                  `json:"fake_counts_enabled"`
	FakeCountsValue   int                   `json:"fake_counts_value"`
	ConcurrentStreams api.ConcurrentStreams `json:"concurrent_streams"`
	// Settings are the profile's own values of what ProfileSettingNames lists, in place of the fleet's. Fake counts
	// that are enabled above win over both; deny_messages, which tell reasons apart, win over deny_message.
	Settings  map[string]json.RawMessage `json:"settings"`
	CustomLua string                     `json:"custom_lua"` // whole access.lua instead of the built-in one; default profiles only
	CreatedAt time.Time                  `json:"created_at"`
	UpdatedAt time.Time                  `json:"updated_at"`
	Revision  int64                      `json:"revision"`
}

// Lists are what the profile selects from the library, by JSON name. A default profile has no use for them:
// it takes everything enabled for its service type.
func (p *Profile) Lists() []SelectedIDs {
	return []SelectedIDs{
		{"player_ids", &p.PlayerIDs},
		{"uri_rule_ids", &p.URIRuleIDs},
		{"location_rule_ids", &p.LocationRuleIDs},
		{"nginx_map_ids", &p.NginxMapIDs},
		{"proxy_header_ids", &p.ProxyHeaderIDs},
	}
}

// SelectedIDs is one of a profile's lists.
type SelectedIDs struct {
	Field string
	IDs   *[]int64
}
