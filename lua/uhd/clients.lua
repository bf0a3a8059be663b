-- Which clients may come in: the whitelist with minimum versions, and the
-- names that User-Agent patterns give to clients that state none.
--
-- It is policy, not security: who wants to can state another client's name.

local lrucache = require "resty.lrucache"
local version = require "uhd.version"


local find = string.find
local lower = string.lower
local match = string.match
local re_match = ngx.re.match
local re_find = ngx.re.find
local sub = string.sub


-- Distinct User-Agents and distinct clients with their versions remembered
-- per profile and worker; a longer one is looked up every time.
local CACHED_AGENTS = 1000
local CACHED_VERDICTS = 1000
local MAX_CACHED = 512

-- The verdict on who may pass.
local NONE = {}


local _M = {}
local mt = { __index = _M }


-- Names are compared in lower case, without whitespace around them.
local function key_of(name)
  local from = find(name, "%S")

  return from and lower(match(name, ".*%S", from)) or ""
end


-- allowed: list of names, empty for all; min_versions: name → version;
-- patterns: list of { name, pattern }; reject_unidentified: boolean.
-- Returns the compiled whitelist, false when it lets everyone in, or nil, an
-- error and its field.
function _M.compile(allowed, min_versions, patterns, reject_unidentified)
  for i = 1, #patterns do
    local _, _, err = re_find("", patterns[i].pattern, "ij")
    if err then
      return nil, err, "client_patterns[" .. i - 1 .. "].pattern"
    end
  end

  local names
  for _, name in ipairs(allowed) do
    names = names or {}
    names[key_of(name)] = true
  end

  local minimums
  for name, text in pairs(min_versions) do
    local numbers = version.parse(text)
    if #numbers == 0 and text ~= "" then
      return nil, "must be a version such as 1.2.3", "min_versions." .. name
    end

    if #numbers > 0 then
      minimums = minimums or {}
      minimums[key_of(name)] = { text = text, numbers = numbers }
    end
  end

  if not names and not minimums and not reject_unidentified then
    return false
  end

  return setmetatable({
    names = names,
    minimums = minimums,
    patterns = patterns,
    reject_unidentified = reject_unidentified,
    agents = lrucache.new(CACHED_AGENTS),
    verdicts = lrucache.new(CACHED_VERDICTS),
  }, mt)
end


-- The version that a User-Agent states: the pattern's first group where it
-- has one, else what follows the match as in "VLC/3.0.18".
local function version_in(agent, found, to)
  local text = found[1] or match(sub(agent, to + 1), "^[%s/]*([%d][%w.-]*)")

  return text or nil
end


local function name_agent(patterns, agent)
  for i = 1, #patterns do
    local found = re_match(agent, patterns[i].pattern, "ijo")
    if found then
      local _, to = find(agent, found[0], 1, true)

      return {
        client = patterns[i].name,
        version = version_in(agent, found, to),
        kind = "user_agent",
      }
    end
  end

  return false
end


-- Returns the identity that the patterns give to a User-Agent, or false.
function _M:by_agent(agent)
  if not agent or #self.patterns == 0 then
    return false
  end

  local identity = self.agents:get(agent)
  if identity == nil then
    identity = name_agent(self.patterns, agent)
    if #agent <= MAX_CACHED then
      self.agents:set(agent, identity)
    end
  end

  return identity
end


-- Returns { reason, minimum } for a client that states a name, or NONE.
local function judge(self, client, stated_version)
  local key = key_of(client)
  if self.names and not self.names[key] then
    return { reason = "client_not_allowed" }
  end

  local minimum = self.minimums and self.minimums[key]
  if not minimum then
    return NONE
  end

  -- A client that keeps its version to itself has none that is high enough.
  local numbers = version.parse(stated_version)
  if #numbers == 0 or version.less(numbers, minimum.numbers) then
    return { reason = "client_outdated", minimum = minimum.text }
  end

  return NONE
end


-- client and stated_version as the request states them, nil for nothing.
-- Returns nil when it may pass, or the reason code why not and, for an old
-- client, the lowest version that may.
function _M:refuse(client, stated_version)
  if not client then
    return self.reject_unidentified and "client_unidentified" or nil
  end

  stated_version = stated_version or ""
  local key = client .. "\n" .. stated_version
  local verdict = self.verdicts:get(key)
  if not verdict then
    verdict = judge(self, client, stated_version)
    if #key <= MAX_CACHED then
      self.verdicts:set(key, verdict)
    end
  end

  return verdict.reason, verdict.minimum
end


return _M
