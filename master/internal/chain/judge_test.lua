-- What the chain of lua/uhd makes of a test's cases, as the content of a
-- request: JSON in, JSON out.
local cjson = require "cjson"
local clients = require "uhd.clients"
local matcher = require "uhd.matcher"
local routes = require "uhd.routes"
local time = require "resty.core.time"


local JUDGES = {}


-- Returns a decision per path: 0 none, 1 skipped, 2 blocked.
function JUDGES.paths(case)
  local skip, block = matcher.compile(case.skip), matcher.compile(case.block)
  assert(skip ~= nil and block ~= nil)
  local list = routes.new(skip, block)
  local decisions = {}
  for i, path in ipairs(case.paths) do
    decisions[i] = list:read(path, true).decision
  end

  return decisions
end


-- Returns per client its name, version, reason and minimum.
function JUDGES.clients(case)
  local list = assert(clients.compile(case.allowed, case.min_versions,
                                      case.patterns, case.strict))
  local verdicts = {}
  for i, who in ipairs(case.clients) do
    local name = who.name ~= "" and who.name or nil
    local version = who.version ~= "" and who.version or nil
    local agent = who.agent ~= "" and who.agent or nil
    local found = not name and list:by_agent(agent)
    if found then
      name, version = found.client, found.version
    end
    local reason, minimum = list:refuse(name, version)
    verdicts[i] = { name or "", version or "", reason or "", minimum or "" }
  end

  return verdicts
end


-- Returns per moment, in milliseconds, whether the limits hold. The module's
-- clock is this one's.
function JUDGES.rates(case)
  local real, now = time.monotonic_msec, 0
  time.monotonic_msec = function() return now end
  package.loaded["uhd.rate_limiter"] = nil
  local limiter = require "uhd.rate_limiter"
  local limits = assert(require "uhd.rate_rules".read { rules = { case.rule } })
  local scoped = limiter.compile(limits):of(case.name)
  local held = {}
  for i, at in ipairs(case.at) do
    now = at
    held[i] = limiter.check(scoped:counters("192.0.2.1")) == nil
  end
  time.monotonic_msec = real

  return held
end


ngx.req.read_body()
local question = cjson.decode(ngx.req.get_body_data())
ngx.print(cjson.encode(JUDGES[question.judge](question.case)))
