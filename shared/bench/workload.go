package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// What is configured in front of the requests: the sizes that the project's bars are about.
const (
	clients    = 28
	blockRules = 40
	skipRules  = 20
)

// Ample limits: everything is counted and nothing is refused.
const ample = 1 << 40

// rulesFile returns a rules.json. manyRules more block rules make the set large; limits are its rate
// limit rules.
func rulesFile(hash string, manyRules int, limits []api.RateLimitRule) ([]byte, error) {
	c := api.LuaConfig{
		SkipList: []api.PathRule{}, BlockList: []api.PathRule{}, MinVersions: map[string]string{},
		ClientPatterns: []api.ClientPattern{{Name: clientName(0), Pattern: `^BenchPlayer/([0-9.]+)`}},
		Unidentified:   api.UnidentifiedReject, DenyMessage: "不允许的客户端",
		FakeCountsEnabled: true, FakeCountsValue: 1000,
		ConcurrentStreams: api.ConcurrentStreams{MaxStreams: 1000, ActionOnExceed: "reject"},
	}
	for i := range clients {
		c.AllowedClients = append(c.AllowedClients, clientName(i))
		c.MinVersions[clientName(i)] = "4.7"
	}
	c.SkipList = append(c.SkipList, pathRules("web", skipRules-1)...)
	c.SkipList = append(c.SkipList, api.PathRule{Pattern: "/web/", MatchType: api.MatchPrefix})
	c.BlockList = append(c.BlockList, pathRules("block", blockRules+manyRules)...)
	return json.Marshal(map[string]any{
		"hash": hash, "version": 1, "default": c, "profiles": map[string]any{"1": c},
		"rate_limit": api.RateLimits{
			Rules: limits, Enforcements: []api.Enforcement{},
			StreamRules: []api.StreamRule{{ID: 1, ApplyTo: "user", MaxStreams: 1000, ActionOnExceed: "reject"}},
		},
	})
}

// pathRules returns n rules that no request of ours meets, half of them regexes; of more than a hundred
// a tenth, since nobody writes thousands of regexes.
func pathRules(name string, n int) []api.PathRule {
	every := 2
	if n > 100 {
		every = 10
	}
	rules := make([]api.PathRule, n)
	for i := range rules {
		switch {
		case i%every == 0:
			rules[i] = api.PathRule{Pattern: fmt.Sprintf(`^/items/[^/]+/%s%d(/|$)`, name, i), MatchType: api.MatchRegex}
		case i%4 == 1:
			rules[i] = api.PathRule{Pattern: fmt.Sprintf("/%s/%d", name, i), MatchType: api.MatchExact}
		default:
			rules[i] = api.PathRule{Pattern: fmt.Sprintf("/%s-area/%d/", name, i), MatchType: api.MatchPrefix}
		}
	}
	return rules
}

// usualLimits are a rate per second by ip, one per minute by user, and a quota.
func usualLimits() []api.RateLimitRule {
	return []api.RateLimitRule{
		{ID: 1, ApplyTo: "ip", RatePerSecond: ample, RateBurst: ample, OverAction: "reject"},
		{ID: 2, ApplyTo: "user", RatePerMinute: ample, OverAction: "reject"},
		{ID: 3, ApplyTo: "user", QuotaDaily: ample, BandwidthMonthlyBytes: ample, OverAction: "reject"},
	}
}

// tenLimits are ten rates, of all dimensions and both windows, and the quota.
func tenLimits() []api.RateLimitRule {
	limits := []api.RateLimitRule{usualLimits()[2]}
	for i, dimension := range []string{"ip", "user", "device", "global", "ip", "user", "device", "global", "ip", "user"} {
		r := api.RateLimitRule{ID: int64(10 + i), ApplyTo: dimension, OverAction: "reject"}
		if i%2 == 0 {
			r.RatePerSecond, r.RateBurst = ample, ample
		} else {
			r.RatePerMinute = ample
		}
		limits = append(limits, r)
	}
	return limits
}

func clientName(i int) string { return fmt.Sprintf("Bench Player %d", i) }
func token(i int) string      { return fmt.Sprintf("%032x", 0xabcdef+i) }

// requestScript is a wrk script. It asks as players do who browse and play: items, images, segments of
// running streams, reports, pages of the web client, in headers and in queries; one in ten for an item
// that nobody asked for before. distinct is how many tokens take turns, each for ten requests, 0 for one per client.
func requestScript(distinct int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "local CLIENTS, DISTINCT, EACH = %d, %d, 10\n", clients, distinct)
	b.WriteString(`
local function token(n)
  return string.format("%032x", 0xabcdef + n)
end

local function auth(client, name, n)
  return string.format('MediaBrowser Client="%s", Device="Living room", '
    .. 'DeviceId="device%d", Version="4.8.%d", Token="%s"',
    name, client, client, token(n))
end

local KINDS = {
  function(id) return "/Users/5/Items/" .. id .. "?Fields=Overview%2CGenres" end,
  function(id) return "/emby/Users/5/Items?ParentId=" .. id .. "&Limit=50" end,
  function(id) return "/Items/" .. id .. "/Images/Primary?maxHeight=400&tag=a1b2c3d4" end,
  function(id) return "/Items/" .. id .. "/Images/Backdrop/0?maxWidth=1280" end,
  -- A play session is of one item: segments of one, ranges of another.
  function(id, c) return "/Videos/film" .. c .. "/hls1/main/" .. id .. ".ts?PlaySessionId=hls" .. c end,
  function(_, c) return "/emby/Videos/show" .. c .. "/stream.mkv?Static=true&PlaySessionId=direct" .. c end,
  function(id) return "/Items/" .. id .. "/PlaybackInfo" end,
  function(id) return "/web/bundle." .. id .. ".js" end,
  function(id) return "/Shows/" .. id .. "/Episodes?SeasonId=" .. id end,
  function() return "/System/Info/Public" end,
}

local count = 0

local function make(id)
  count = count + 1
  local client = count % CLIENTS
  local n = client
  if DISTINCT > 0 then
    n = math.floor(count / EACH) % DISTINCT
    client = n % CLIENTS
  end
  local name = "Bench Player " .. client
  local target = KINDS[count % #KINDS + 1](id, client)
  local headers = {
    Host = "emby1.com",
    ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    Accept = "application/json",
    ["Accept-Encoding"] = "gzip, deflate, br",
    ["Accept-Language"] = "zh-CN,zh;q=0.9,en;q=0.8",
  }
  if count % 4 == 0 then
    local mark = string.find(target, "?", 1, true) and "&" or "?"
    target = target .. mark .. "X-Emby-Client=" .. string.gsub(name, " ", "%%20")
      .. "&X-Emby-Device-Id=device" .. client .. "&X-Emby-Client-Version=4.8.1"
      .. "&X-Emby-Token=" .. token(n)
  else
    headers.Authorization = auth(client, name, n)
  end
  return wrk.format("GET", target, headers)
end

local prepared = {}

-- The first argument is how many requests went before.
function init(args)
  count = tonumber(args[1])
  math.randomseed(count)
  for i = 1, 4000 do
    prepared[i] = make(100000 + i)
  end
end

function request()
  if DISTINCT > 0 or math.random(10) == 1 then
    return make(math.random(1000000, 9999999))
  end
  return prepared[math.random(#prepared)]
end

function done(summary)
  local e = summary.errors
  io.write("errors: ", e.connect + e.read + e.write + e.timeout, " refused: ", e.status, "\n")
end
`)
	return b.Bytes()
}
