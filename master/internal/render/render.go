// Package render turns the domain into what a slave runs: one nginx file and the rules for its access
// chain. It is pure: the same input gives the same bytes, so that a content hash changes only when
// something did.
//
// The nginx file is the one of the documented slaves: upstreams, maps, a server block per server. It
// runs under our nginx.conf and under the one of the Lua agents in the field, so all that it refers to is
// defined in it or built into nginx. Nothing that an operator types can add a directive: every value
// comes from a validated allowlist and is quoted; only custom_nginx is raw, and it is parsed and written
// anew, so it cannot leave its block.
//
// What can stand only once in http{} is nginx.conf's to say: server_names_hash_bucket_size must there be
// large enough for the longest domain (512), which nginx's own default (46 characters) is not.
package render

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// ErrInvalid is wrapped by errors about the input: what an operator must mend before this group can be
// rendered.
var ErrInvalid = errors.New("cannot be rendered")

// Input is everything a group's configuration is made of. Servers, players and rules that are disabled
// or belong to another group or service type may be among it; they are left out.
type Input struct {
	Group         fleet.Group
	Servers       []fleet.Server
	Profiles      []library.Profile
	Players       []library.Player
	URIRules      []library.URIRule
	LocationRules []library.LocationRule
	NginxMaps     []library.NginxMap
	ProxyHeaders  []library.ProxyHeader
	Settings      []library.Setting
	RateLimits    api.RateLimits
	AllowShrink   bool // tells slaves that dropping most server blocks, or all, is intended
}

// Render returns the configuration of in.Group without what publishing adds: version, snapshot, epoch,
// hash and signature. A group without enabled servers renders to one with SiblingCount 0.
func Render(in Input) (*api.Config, error) {
	config, _, err := Trace(in)
	return config, err
}

// Trace is Render, and tells where the lines of the rendered nginx come from.
func Trace(in Input) (*api.Config, Origins, error) {
	servers := in.enabledServers()
	for i := range servers {
		if err := servers[i].Validate(); err != nil {
			return nil, nil, fmt.Errorf("%s %w: %w", label(&servers[i]), ErrInvalid, err)
		}
	}
	if err := checkListeners(servers); err != nil {
		return nil, nil, err
	}
	settings, err := library.ReadSettings(in.Settings)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	rules, err := newRules(in, settings)
	if err != nil {
		return nil, nil, err
	}
	text, origins, err := nginx(&in, servers, rules, settings)
	if err != nil {
		return nil, nil, err
	}
	configs, err := rules.configs(servers)
	if err != nil {
		return nil, nil, err
	}
	config := &api.Config{
		Mode:            api.ModeMultiServer,
		ServiceType:     in.Group.ServiceType,
		RenderedNginx:   text,
		RenderedLua:     rules.fallback.CustomLua,
		LuaConfig:       configs[profileID(rules.fallback.ID)],
		LuaConfigs:      configs,
		RateLimitConfig: complete(in.RateLimits),
		SiblingCount:    len(servers),
		AllowShrink:     in.AllowShrink,
	}
	return config, origins, checkSize(config)
}

// maxRules is how many bytes of rules a slave takes: what its admin socket does, less some for what the
// supervisor writes around them.
const maxRules = 4<<20 - 4<<10

// checkSize refuses more rules than slaves take.
func checkSize(c *api.Config) error {
	encoded, err := json.Marshal([]any{c.LuaConfig, c.LuaConfigs, c.RateLimitConfig})
	if err != nil {
		return fmt.Errorf("encode rules: %w", err)
	}
	if n := len(encoded); n > maxRules {
		return fmt.Errorf("the rules of all profiles in use, together, %w: they have %d bytes, a slave takes %d; use fewer or shorter URI rules, players and limits, or fewer profiles", ErrInvalid, n, maxRules)
	}
	return nil
}

// enabledServers returns the group's servers in the order of their ids.
func (in *Input) enabledServers() []fleet.Server {
	var servers []fleet.Server
	for i := range in.Servers { // thousands, for each of as many groups
		if s := &in.Servers[i]; s.Enabled && s.Host == in.Group.Host && s.ServiceType == in.Group.ServiceType {
			servers = append(servers, *s)
		}
	}
	for i := range servers {
		servers[i].SetDefaults() // one of an older snapshot lacks what has come since
	}
	slices.SortFunc(servers, func(a, b fleet.Server) int { return cmp.Compare(a.ID, b.ID) })
	return servers
}

// checkListeners refuses what nginx would take with a warning and then serve wrongly: the same name
// twice on one port, and a port that speaks TLS for one server and not for another.
func checkListeners(servers []fleet.Server) error {
	type endpoint struct {
		port int
		name string
	}
	names := map[endpoint]*fleet.Server{}
	type use struct {
		tls bool
		by  *fleet.Server
	}
	ports := map[int]use{}
	for i := range servers {
		s := &servers[i]
		for _, u := range []struct {
			port int
			tls  bool
		}{{s.ListenHTTP, false}, {s.ListenHTTPS, true}} {
			if u.port == 0 || u.tls && !s.TLS() {
				continue
			}
			if other, taken := ports[u.port]; taken && other.tls != u.tls {
				return fmt.Errorf("%s %w: port %d is HTTP for one and HTTPS for the other, as %s uses it: change one of them", label(s), ErrInvalid, u.port, label(other.by))
			}
			ports[u.port] = use{u.tls, s}
			at := endpoint{u.port, s.ServerName}
			if other := names[at]; other != nil {
				return fmt.Errorf("%s %w: server_name %s on port %d is that of %s already: disable one of them", label(s), ErrInvalid, s.ServerName, u.port, label(other))
			}
			names[at] = s
		}
	}
	return nil
}

func label(s *fleet.Server) string { return fmt.Sprintf("server %d (%s)", s.ID, s.Name) }

// complete makes sure that lists are lists and not null.
func complete(limits api.RateLimits) api.RateLimits {
	limits.Rules = append([]api.RateLimitRule{}, limits.Rules...)
	limits.Enforcements = append([]api.Enforcement{}, limits.Enforcements...)
	limits.StreamRules = append([]api.StreamRule{}, limits.StreamRules...)
	return limits
}
