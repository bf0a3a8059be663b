package publish

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/preflight"
	"github.com/uhdadmin/media-gateway/master/internal/recent"
	"github.com/uhdadmin/media-gateway/master/internal/render"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// input is the hash of all that a group is rendered from.
type input [sha256.Size]byte

// outcome is what is remembered of a rendering: enough to tell whether it is another, and what nginx says of it. The text is
// rendered anew for the few groups of which somebody reads it: those of a thousand hosts take megabytes.
type outcome struct {
	hash    string // the content's
	servers int
	asked   preflight.Key // zero where nginx is never asked
}

// outcomes of the last renderings, by their input.
type outcomes = recent.Memory[input, outcome]

// remembered is how many outcomes are: those of a fleet of thousands of hosts, before and after a few changes. Each takes some
// 500 bytes.
const remembered = 20_000

// renderer renders the groups of one content. Its methods may be called from any goroutine.
type renderer struct {
	content store.Content
	servers map[fleet.Group][]fleet.Server // that are enabled
	shared  input                          // of what is the same for all groups
	known   *outcomes
	asks    bool // whether nginx is ever asked
}

// renderer returns the one of content, which must not change any more.
func (p *Publisher) renderer(content store.Content) (*renderer, error) {
	r := &renderer{content: content, servers: map[fleet.Group][]fleet.Server{}, known: p.outcomes, asks: p.preflights()}
	for _, s := range content.Servers {
		if group := (fleet.Group{Host: s.Host, ServiceType: s.ServiceType}); s.Enabled {
			r.servers[group] = append(r.servers[group], s)
		}
	}
	content.Servers = nil
	var err error
	r.shared, err = hashOf(content)
	return r, err
}

// input returns the hash of what a group is rendered from: of its JSON, which is what snapshots keep of it.
func (r *renderer) input(group fleet.Group, allowShrink bool) (input, error) {
	return hashOf(r.shared, group, r.servers[group], allowShrink)
}

func hashOf(parts ...any) (input, error) {
	encoded, err := json.Marshal(parts)
	if err != nil {
		return input{}, fmt.Errorf("encode what is rendered: %w", err)
	}
	return sha256.Sum256(encoded), nil
}

// render renders a group, and remembers the outcome.
func (r *renderer) render(group fleet.Group, allowShrink bool) (groupConfig, error) {
	from, err := r.input(group, allowShrink)
	if err != nil {
		return groupConfig{}, err
	}
	c := r.content
	config, origins, err := render.Trace(render.Input{
		Group: group, Servers: r.servers[group], Profiles: c.Profiles, Players: c.Players,
		URIRules: c.URIRules, LocationRules: c.LocationRules, NginxMaps: c.NginxMaps, ProxyHeaders: c.ProxyHeaders,
		Settings: c.Settings, RateLimits: c.RateLimits, AllowShrink: allowShrink,
	})
	if err != nil {
		return groupConfig{}, err
	}
	unsealed, err := json.Marshal(config)
	if err != nil {
		return groupConfig{}, fmt.Errorf("encode config: %w", err)
	}
	if config.ConfigHash, err = api.ContentHash(unsealed); err != nil {
		return groupConfig{}, err
	}
	rendered := groupConfig{group: group, Config: config, origins: origins}
	if r.asks {
		rendered.asked = preflight.KeyOf(config)
	}
	r.known.Put(from, rendered.outcome())
	return rendered, nil
}

func (c *groupConfig) outcome() outcome { return outcome{c.ConfigHash, c.SiblingCount, c.asked} }

// look is what is known of a group without rendering it, where it was rendered before.
type look struct {
	outcome
	config func() (groupConfig, error) // renders it where it was not
}

// look returns the outcome of a group, from memory if it can.
func (r *renderer) look(group fleet.Group) (look, error) {
	from, err := r.input(group, false)
	if err != nil {
		return look{}, err
	}
	config := sync.OnceValues(func() (groupConfig, error) { return r.render(group, false) })
	if known, ok := r.known.Get(from); ok {
		return look{known, config}, nil
	}
	c, err := config()
	if err != nil {
		return look{}, err
	}
	return look{c.outcome(), config}, nil
}
