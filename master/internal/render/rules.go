package render

import (
	"fmt"
	"strconv"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// rules is what the access chains of one service type are made of.
type rules struct {
	profiles map[int64]*library.Profile
	fallback *library.Profile // the service type's default
	players  []library.Player
	uriRules []library.URIRule
	settings library.Settings // the fleet's
}

func newRules(in Input, settings library.Settings) (*rules, error) {
	r := &rules{profiles: map[int64]*library.Profile{}, players: in.Players, uriRules: in.URIRules, settings: settings}
	for i := range in.Profiles {
		p := &in.Profiles[i]
		if p.ServiceType != in.Group.ServiceType {
			continue
		}
		r.profiles[p.ID] = p
		if p.IsDefault {
			r.fallback = p
		}
	}
	if r.fallback == nil {
		return nil, fmt.Errorf("group %s (%s) %w: there is no default profile for %[2]s", in.Group.Host, in.Group.ServiceType, ErrInvalid)
	}
	return r, nil
}

// profileOf returns the profile that a server goes by.
func (r *rules) profileOf(s *fleet.Server) (*library.Profile, error) {
	if s.ProfileID == nil {
		return r.fallback, nil
	}
	p := r.profiles[*s.ProfileID]
	if p == nil {
		return nil, fmt.Errorf("%s %w: profile_id %d is no profile for %s", label(s), ErrInvalid, *s.ProfileID, s.ServiceType)
	}
	return p, nil
}

// configs returns the rules of the default profile and of each one that a server uses, by profile id.
func (r *rules) configs(servers []fleet.Server) (map[string]api.LuaConfig, error) {
	used := []*library.Profile{r.fallback}
	for i := range servers {
		p, err := r.profileOf(&servers[i])
		if err != nil {
			return nil, err
		}
		used = append(used, p)
	}
	configs := map[string]api.LuaConfig{}
	for _, p := range used {
		if _, done := configs[profileID(p.ID)]; done {
			continue
		}
		c, err := r.config(p)
		if err != nil {
			return nil, err
		}
		configs[profileID(p.ID)] = c
	}
	return configs, nil
}

func (r *rules) config(p *library.Profile) (api.LuaConfig, error) {
	settings := r.settings.With(p)
	counts := settings.FakeCounts
	if p.FakeCountsEnabled {
		counts = library.FakeCounts{Enabled: true, Value: p.FakeCountsValue}
	}
	c := api.LuaConfig{
		SkipList:          []api.PathRule{},
		BlockList:         []api.PathRule{},
		AllowedClients:    []string{},
		MinVersions:       map[string]string{},
		ClientPatterns:    []api.ClientPattern{},
		Unidentified:      p.Unidentified,
		DenyMessage:       p.DenyMessage,
		DenyMessages:      settings.DenyMessages,
		FakeCountsEnabled: counts.Enabled,
		FakeCountsValue:   counts.Value,
		ConcurrentStreams: p.ConcurrentStreams,
	}
	for _, u := range pick(p, r.uriRules, p.URIRuleIDs) {
		rule := api.PathRule{Pattern: u.Pattern, MatchType: u.MatchType}
		if u.Action == library.ActionSkip {
			c.SkipList = append(c.SkipList, rule)
		} else {
			c.BlockList = append(c.BlockList, rule)
		}
	}
	Whitelist(&c, pick(p, r.players, p.PlayerIDs))
	// An empty whitelist lets everyone in, which nobody means who picked players.
	if !p.IsDefault && len(p.PlayerIDs) > 0 && len(c.AllowedClients) == 0 {
		return c, fmt.Errorf("profile %d (%s) %w: none of its players is enabled for %s, so every client would be let in; enable one or empty player_ids", p.ID, p.Name, ErrInvalid, p.ServiceType)
	}
	return c, nil
}

// Whitelist adds players to the rules, in the order in which their patterns are tried.
func Whitelist(c *api.LuaConfig, players []library.Player) {
	exact := map[string]bool{} // names with an entry of the service type itself, which wins over "all"
	for _, player := range players {
		name := player.ClientName
		_, known := exact[name]
		if !known {
			c.AllowedClients = append(c.AllowedClients, name)
		}
		if own := player.ServiceType != library.All; own || !exact[name] {
			exact[name] = own
			delete(c.MinVersions, name)
			if player.MinVersion != "" {
				c.MinVersions[name] = player.MinVersion
			}
		}
		for _, pattern := range player.UAPatterns {
			c.ClientPatterns = append(c.ClientPatterns, api.ClientPattern{Name: name, Pattern: pattern})
		}
	}
}

// profileID is a profile's id as `set $config_profile_id` and the keys of lua_configs write it.
func profileID(id int64) string { return strconv.FormatInt(id, 10) }
