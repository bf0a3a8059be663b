package app

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/uhdadmin/media-gateway/shared/buildinfo"
	"github.com/uhdadmin/media-gateway/shared/nginxconf"
	"github.com/uhdadmin/media-gateway/supervisor/internal/identity"
	"github.com/uhdadmin/media-gateway/supervisor/internal/masterclient"
	"github.com/uhdadmin/media-gateway/supervisor/internal/mediaserver"
	"github.com/uhdadmin/media-gateway/supervisor/internal/redisconn"
	"github.com/uhdadmin/media-gateway/supervisor/internal/session"
	"github.com/uhdadmin/media-gateway/supervisor/internal/settings"
)

// connectRedis makes the client of Redis, which connects when it is first used; nil when the slave has none.
func (a *App) connectRedis(s settings.Settings) error {
	options, err := s.Redis()
	if err != nil || options == nil {
		return err
	}
	redisconn.LogTo(a.log)
	a.redis = redis.NewUniversalClient(options)
	return nil
}

// knowPlayers makes what knows whose tokens are and which playbacks are live.
func (a *App) knowPlayers(root string, s settings.Settings, master *masterclient.Client) error {
	servers, err := s.MediaServers()
	if err != nil {
		return err
	}
	addresses := make(map[string]mediaserver.Address, len(servers))
	for id, server := range servers {
		addresses[id] = mediaserver.Address(server)
	}
	if a.media, err = mediaserver.New(mediaserver.Config{
		Servers: addresses, UserAgent: "uhd-supervisor/" + buildinfo.Version(), Log: a.log, Registerer: a.registry,
	}); err != nil {
		return err
	}
	known := identity.Config{
		Path: filepath.Join(root, "state", "identities.json"), Nginx: a.nginx, Media: a.media, AskAgain: s.ResolveInterval,
		Log: a.log, Registerer: a.registry,
	}
	if a.redis != nil {
		known.Redis = a.redis
	}
	if a.identities, err = identity.Open(known); err != nil {
		return err
	}
	a.sessions, err = session.NewDesk(session.Config{
		Master: master, Kicks: a.decisions, Media: a.media, Interval: s.SessionInterval, Log: a.log, Registerer: a.registry,
	})
	return err
}

// followSigns has the desk read the access log until ctx ends.
func (a *App) followSigns(ctx context.Context) error { return a.sessions.Follow(ctx, a.signs) }

// scopesOf returns the media servers of a release as nginx's workers name them, see lua/uhd/scope.lua.
func scopesOf(directives []*nginxconf.Directive) []string {
	var scopes []string
	for _, server := range nginxconf.Servers(directives) {
		scope := ""
		for _, d := range server.Directive.Block {
			if d.Name == "set" && len(d.Args) == 2 && d.Args[0] == "$config_server_id" {
				scope = d.Args[1]
			}
		}
		if scope == "" && len(server.Names) > 0 {
			scope = server.Names[0]
		}
		if scope != "" && !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	return scopes
}
