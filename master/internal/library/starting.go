package library

import "github.com/uhdadmin/media-gateway/shared/api"

// StartingPlayers is the whitelist of a new master: the players that people use, by the names that they
// state. What states a User-Agent only, as streaming engines do, has a pattern.
func StartingPlayers() []Player {
	var players []Player
	for _, group := range []struct {
		serviceType api.ServiceType
		names       []string
	}{
		{api.Jellyfin, []string{
			"Jellyfin Web", "Jellyfin Android", "Jellyfin Mobile (iOS)", "Jellyfin iOS", "Jellyfin for Android TV", "Jellyfin Android TV", "Android TV", "Jellyfin Roku", "Jellyfin Media Player",
			"Jellyfin Desktop", "Jellyfin MPV Shim", "Jellyfin for WebOS", "Jellyfin for Tizen", "Jellyfin Xbox", "Swiftfin iOS", "Swiftfin tvOS", "Findroid", "Streamyfin",
			"Finamp", "Feishin", "Kodi JellyCon", "Fladder", "Wholphin", "Jellyseerr", "Seerr", "Delfin",
		}},
		{api.Emby, []string{
			"Emby Web", "Emby for Android", "Emby for Android TV", "Emby for iOS", "Emby for Apple TV", "Emby for macOS", "Emby for Samsung", "Emby for LG",
			"Emby for Roku", "Emby Theater", "Emby for Windows", "Emby for Xbox", "Emby for Kodi Next Gen", "Yamby", "Terminus Player", "Femor", "Filebar", "Hills",
		}},
		{All, []string{
			"Infuse", "Infuse-Direct", "Infuse-Library", "VidHub", "SenPlayer", "Conflux", "Fileball", "Forward", "Lenna", "Kodi", "Tsukimi", "Symfonium",
			"Plezy", "Amcfy", "AfuseKt", "EplayerX", "MrMC", "Android",
		}},
	} {
		for _, name := range group.names {
			p := NewPlayer()
			p.ClientName, p.ServiceType = name, group.serviceType
			players = append(players, p)
		}
	}
	for _, engine := range []struct{ name, pattern string }{
		{"AppleCoreMedia", `^AppleCoreMedia/`},
		{"VLC", `^VLC/`},
		{"mpv", `^(mpv|libmpv)\b`},
		{"ExoPlayer", `\bExoPlayerLib/`},
		{"Lavf", `^Lavf/`},
	} {
		p := NewPlayer()
		p.ClientName, p.UAPatterns = engine.name, []string{engine.pattern}
		players = append(players, p)
	}
	return players
}

// StartingURIRules let past the checks what players fetch in large numbers, or before they say who they are,
// and what tells nobody anything: images, the web client's own files, what is public in any case.
func StartingURIRules() []URIRule {
	var rules []URIRule
	for _, r := range []struct {
		name      string
		matchType api.MatchType
		pattern   string
	}{
		{"public information", api.MatchExact, "/System/Info/Public"},
		{"ping", api.MatchExact, "/System/Ping"},
		{"branding", api.MatchPrefix, "/Branding/"},
		{"web client", api.MatchPrefix, "/web/"},
		{"favicon", api.MatchExact, "/favicon.ico"},
		{"images of items", api.MatchRegex, `^/(items|users|persons|genres|studios|artists|musicgenres)/[^/]+/images/`},
		{"trickplay and chapter images", api.MatchRegex, `^/videos/[^/]+/(trickplay/|[^/]+/index\.bif$)`},
		{"subtitles", api.MatchRegex, `^/videos/[^/]+/[^/]+/subtitles/`},
		{"fallback fonts", api.MatchPrefix, "/FallbackFont/"},
	} {
		rule := NewURIRule()
		rule.Name, rule.Action, rule.MatchType, rule.Pattern = r.name, ActionSkip, r.matchType, r.pattern
		rules = append(rules, rule)
	}
	return rules
}
