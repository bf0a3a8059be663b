package render

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// rules is the library as one service type sees it: enabled entries in the order of their ids.
type rules struct {
	profiles map[int64]*library.Profile
	fallback *library.Profile // the service type's default
	players  []library.Player
	uriRules []library.URIRule
}

func newRules(in Input) (*rules, error) {
	fits := func(t api.ServiceType) bool { return t == library.All || t == in.Group.ServiceType }
	r := &rules{profiles: map[int64]*library.Profile{}}
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
	for _, p := range in.Players {
		if p.Enabled && fits(p.ServiceType) {
			r.players = append(r.players, p)
		}
	}
	for _, u := range in.URIRules {
		if u.Enabled && fits(u.ServiceType) {
			r.uriRules = append(r.uriRules, u)
		}
	}
	slices.SortFunc(r.players, func(a, b library.Player) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(r.uriRules, func(a, b library.URIRule) int { return cmp.Compare(a.ID, b.ID) })
	return r, nil
}

// configs returns the rules of the default profile and of each one that a server uses, by profile id.
func (r *rules) configs(servers []fleet.Server) (map[string]api.LuaConfig, error) {
	used := []*library.Profile{r.fallback}
	for i := range servers {
		if id := servers[i].ProfileID; id != nil {
			p := r.profiles[*id]
			if p == nil {
				return nil, fmt.Errorf("%s %w: profile_id %d is no profile for %s", label(&servers[i]), ErrInvalid, *id, servers[i].ServiceType)
			}
			used = append(used, p)
		}
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
	c := api.LuaConfig{
		SkipList:          []api.PathRule{},
		BlockList:         []api.PathRule{},
		AllowedClients:    []string{},
		MinVersions:       map[string]string{},
		ClientPatterns:    []api.ClientPattern{},
		Unidentified:      p.Unidentified,
		DenyMessage:       p.DenyMessage,
		FakeCountsEnabled: p.FakeCountsEnabled,
		FakeCountsValue:   p.FakeCountsValue,
		ConcurrentStreams: p.ConcurrentStreams,
	}
	for _, u := range r.uriRules {
		if !p.IsDefault && !slices.Contains(p.URIRuleIDs, u.ID) {
			continue
		}
		rule := api.PathRule{Pattern: u.Pattern, MatchType: u.MatchType}
		if u.Action == library.ActionSkip {
			c.SkipList = append(c.SkipList, rule)
		} else {
			c.BlockList = append(c.BlockList, rule)
		}
	}
	exact := map[string]bool{} // names with an entry of the service type itself, which wins over "all"
	for _, player := range r.players {
		if !p.IsDefault && !slices.Contains(p.PlayerIDs, player.ID) {
			continue
		}
		name := player.ClientName
		if !slices.Contains(c.AllowedClients, name) {
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
	// An empty whitelist lets everyone in, which nobody means who picked players.
	if !p.IsDefault && len(p.PlayerIDs) > 0 && len(c.AllowedClients) == 0 {
		return c, fmt.Errorf("profile %d (%s) %w: none of its players is enabled for %s, so every client would be let in; enable one or empty player_ids", p.ID, p.Name, ErrInvalid, p.ServiceType)
	}
	return c, nil
}

// profileID is a profile's id as `set $config_profile_id` and the keys of lua_configs write it.
func profileID(id int64) string { return strconv.FormatInt(id, 10) }
