package chain_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/uhdadmin/media-gateway/master/internal/chain"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// TestSameAsLua gives the same cases to this package and to lua/uhd in a real nginx.
func TestSameAsLua(t *testing.T) {
	ask := startLua(t)
	t.Run("paths", func(t *testing.T) { samePaths(t, ask) })
	t.Run("clients", func(t *testing.T) { sameClients(t, ask) })
	t.Run("rates", func(t *testing.T) { sameRates(t, ask) })
}

type asker func(t *testing.T, judge string, in, out any)

// Decisions of lua/uhd/routes.lua.
const (
	none = iota
	skip
	block
	counts
)

func rule(match api.MatchType, pattern string) api.PathRule {
	return api.PathRule{Pattern: pattern, MatchType: match}
}

var pathRules = [][]api.PathRule{
	{},
	{rule("prefix", "/")},
	{rule("prefix", "/web/"), rule("exact", "/System/Info")},
	{rule("exact", "/emby/Users/Public/"), rule("exact", "/"), rule("exact", "//System//Info")},
	{rule("prefix", "/Item"), rule("prefix", "/%69tems/1"), rule("exact", "/%2Fweb")},
	{rule("prefix", "/mediabrowser/emby/web"), rule("exact", "/a;b")},
	{rule("regex", `^/items/[^/]+/download`)},
	{rule("regex", `/download$`), rule("regex", `^/web/$`)},
	{rule("regex", `^/emby/web`), rule("regex", `^/[^/]+/items/`)},
	{rule("regex", `^/videos/\d+/stream(\.\w+)?$`), rule("regex", `^/mediabrowser/`)},
	{rule("regex", `secret`), rule("prefix", "/admin/")},
	{rule("regex", `(?-i:WEB)`), rule("regex", `^/.{3}/x`), rule("regex", `a.b`)},
	{rule("regex", `^/(?:system|users)/(?:info|public)/?$`), rule("exact", "/Videos/1/stream")},
	{rule("regex", `\.\.`), rule("prefix", "/web/../secret")},
}

var paths = []string{
	"/", "//", "/web", "/web/", "/WEB/index.html", "/webhook", "/emby/web/index.html", "/Emby//Web/", "/emby/", "/emby", "/mediabrowser/emby/web/x",
	"/System/Info", "/system/info/", "/emby/System/Info/Public", "/users/public", "/Items/1/Download", "/items/1/download/", "/emby/Items/12/Download/x",
	"/Videos/7/stream.mkv", "/videos/7/stream", "/mediabrowser/videos/7/stream.mp4/", "/a;b", "/a", "/admin;x=1/users", `/admin\users`, `/web\..\secret`,
	"/web;v=1/../secret", "/web/..;/secret", "/a\nb", "/媒体/x", "/ÄB/x", "/abc/x", "/100%/secret", "/a%2Fb", `/emby\items/1\download`, "/web/.;/index", "/items/counts", "/Emby/Items/Counts/",
}

func samePaths(t *testing.T, ask asker) {
	type path struct {
		URI        string `json:"uri"`
		RequestURI string `json:"request_uri"`
	}
	var spelled []path
	for _, p := range paths {
		spelled = append(spelled, path{p, (&url.URL{Path: p}).EscapedPath()})
	}
	for i, skipped := range pathRules {
		for j, blocked := range pathRules {
			var said []int
			ask(t, "paths", map[string]any{"skip": skipped, "block": blocked, "paths": spelled}, &said)
			skips, err := chain.CompilePaths(skipped)
			testbed.Must(t, err)
			blocks, err := chain.CompilePaths(blocked)
			testbed.Must(t, err)
			for k, p := range paths {
				want := said[k]
				if want == counts { // answered, and no matter of these rules
					want = none
				}
				got := none
				if read := chain.ReadPath(p); skips.Skips(read) {
					got = skip
				} else if len(blocks.Met(read)) > 0 {
					got = block
				}
				if got != want {
					t.Errorf("%q with skip list %d and block list %d is %d, in Lua %d", p, i, j, got, want)
				}
			}
		}
	}
}

// TestMet names all rules that meet a path, not the first alone.
func TestMet(t *testing.T) {
	rules, err := chain.CompilePaths([]api.PathRule{rule("prefix", "/web/"), rule("regex", "^/web/x"), rule("exact", "/web/y"), rule("prefix", "/")})
	testbed.Must(t, err)
	if met := rules.Met(chain.ReadPath("/emby/Web/X")); !slices.Equal(met, []int{0, 1, 3}) {
		t.Errorf("/emby/Web/X meets %v", met)
	}
}

type client struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Agent   string `json:"agent"`
}

var whitelists = []api.LuaConfig{
	{Unidentified: api.UnidentifiedReject},
	{AllowedClients: []string{"Infuse", " Emby Web ", "ÄPP"}},
	{AllowedClients: []string{"VLC", "Apple"}, Unidentified: api.UnidentifiedReject, ClientPatterns: []api.ClientPattern{
		{Name: "VLC", Pattern: "^vlc"},
		{Name: "Apple", Pattern: "AppleCoreMedia/([0-9.]+)"},
		{Name: "mpv", Pattern: "libmpv( .*)?"},
		{Name: "Second", Pattern: `\bsecond\b`},
		{Name: "Any", Pattern: "x*$"},
	}},
	{MinVersions: map[string]string{"emby web": "4.8", "VLC": "3.0.18", "Infuse": "8.0.5-2", "mpv": "", "Acme": "3.0.0pre13", "Zero": "0"}, ClientPatterns: []api.ClientPattern{
		{Name: "VLC", Pattern: "vlc"},
	}},
	{AllowedClients: []string{"Emby Web"}, MinVersions: map[string]string{"Emby Web": "10.0"}},
}

func clients() (list []client) {
	for _, name := range []string{"Emby Web", "emby web", "EMBY WEB ", "Infuse", "Infuse-Direct", "VLC", "Acme", "äpp", "ÄPP", "Zero", "\tInfuse\v"} {
		for _, version := range []string{"", "4.8", "4.7.99", "4.8.0.39", "v10.8", "8.0.5-1", "8.0.5", "3.0.0", "3.0.0pre12", "newest", " 3.0.18", "10", "9.99.99", "99999999999999999999", "2.0.95g", "-1", "4..8"} {
			list = append(list, client{Name: name, Version: version})
		}
	}
	for _, agent := range []string{
		"", "VLC/3.0.18 LibVLC/3.0.18", "vlc", "vlc / 3", "x AppleCoreMedia/1.0.0.21 (iPhone)", "AppleCoreMedia/", "libmpv", "libmpv 0.35", "Mozilla/5.0",
		"asecond 1 second/2.5", "second second/7", "VLC/x 3", "a vlc 2.9-beta", strings.Repeat("y", 600),
	} {
		list = append(list, client{Agent: agent, Version: "9"})
	}
	return list
}

func sameClients(t *testing.T, ask asker) {
	for i := range whitelists {
		c := &whitelists[i]
		var said [][4]string
		ask(t, "clients", map[string]any{
			"allowed": list(c.AllowedClients), "min_versions": maps.Collect(maps.All(c.MinVersions)), "patterns": list(c.ClientPatterns),
			"strict": c.Unidentified == api.UnidentifiedReject, "clients": clients(),
		}, &said)
		w, err := chain.NewWhitelist(c)
		testbed.Must(t, err)
		for j, asked := range clients() {
			who := chain.Client{Name: asked.Name, Version: asked.Version}
			if who.Name == "" {
				if named := w.ByAgent(asked.Agent); named.Name != "" {
					who = named
				}
			}
			why, lowest := w.Refuse(who)
			if got := [4]string{who.Name, who.Version, string(why), lowest}; got != said[j] {
				t.Errorf("whitelist %d, %q: %q, in Lua %q", i, asked, got, said[j])
			}
		}
	}
}

// list is never null in JSON, as in rules.json.
func list[T any](values []T) []T { return append([]T{}, values...) }

func sameRates(t *testing.T, ask asker) {
	random := rand.New(rand.NewPCG(8, 8))
	for i, r := range []api.RateLimitRule{
		{RatePerSecond: 1},
		{RatePerSecond: 5, RateBurst: 10},
		{RatePerSecond: 20, RateBurst: 1},
		{RatePerMinute: 30},
		{RatePerMinute: 3, RateBurst: 100},
		{RatePerSecond: 3, RateBurst: 2, RatePerMinute: 60},
		{RatePerSecond: 1, RateBurst: 5, RatePerMinute: 20},
		{RatePerSecond: 3_000_000, RatePerMinute: 7},
	} {
		r.ID, r.ApplyTo, r.OverAction = int64(i+1), library.DimensionIP, library.OverReject
		for _, gap := range []int{5, 60, 300, 3000, 70_000} { // milliseconds between requests, on average; some come together
			var at []int64
			for now := int64(1000); len(at) < 1200; now += int64(random.ExpFloat64() * float64(gap)) {
				for range 1 + random.IntN(3) {
					at = append(at, now)
				}
			}
			var said []bool
			ask(t, "rates", map[string]any{"rule": r, "name": fmt.Sprint(i, " ", gap), "at": at}, &said)
			limiter, counter := chain.NewLimiter(&r), chain.Counter{}
			for j, now := range at {
				if got := limiter.Admit(&counter, now); got != said[j] {
					t.Fatalf("rule %+v, request %d of %v at %d: holds is %v, in Lua %v", r, j, gap, now, got, said[j])
				}
			}
		}
	}
}
