-- A set of regexes over paths, joined into as few alternations as PCRE takes.

local regex_groups = require "uhd.regex_groups"


local concat = table.concat
local find = string.find
local floor = math.floor
local ipairs = ipairs
local lower = string.lower
local re_find = ngx.re.find
local setmetatable = setmetatable
local sub = string.sub


-- Case-insensitive, JIT, compiled once per worker, "." matches newlines: a
-- path with %0A in it is no way around ".*".
local OPTIONS = "ijos"

-- The same without the cache, for trying a pattern.
local TRY_OPTIONS = "ijs"

local BASES = { "emby", "mediabrowser" }


local _M = {}
local mt = { __index = _M }


-- Returns true, or false and PCRE's message.
function _M.try(pattern)
  local _, _, err = re_find("", pattern, TRY_OPTIONS)
  if err then
    return false, err
  end

  return true
end


-- Tells whether a pattern means the same inside an alternation: nothing in
-- it refers to groups by number or name, sets options for what follows,
-- steers the matching as a whole, or can swallow the closing parenthesis.
local function is_joinable(pattern)
  return not find(pattern, "%(%*")
         and not find(pattern, "%(%?[^:=!]")
         and not find(pattern, "\\[%dgkQEK]")
end


-- Appends to list patterns that together match what those do that begin with
-- beginning and go on with rests[from..to]; halves what is too large for PCRE.
local function join(list, beginning, rests, from, to)
  if from > to then
    return
  end

  if from == to then
    list[#list + 1] = beginning .. rests[from]
    return
  end

  local joined = beginning .. "(?:(?:" .. concat(rests, ")|(?:", from, to)
                 .. "))"
  if _M.try(joined) then
    list[#list + 1] = joined
    return
  end

  local middle = floor((from + to) / 2)
  join(list, beginning, rests, from, middle)
  join(list, beginning, rests, middle + 1, to)
end


-- Appends to list alternations that together match what patterns match.
local function join_groups(list, patterns)
  local joined = {}
  for _, group in ipairs(regex_groups.of(patterns)) do
    join(joined, group.beginning, group.rests, 1, #group.rests)
  end
  join(list, "", joined, 1, #joined)
end


-- patterns: each of them has passed try.
function _M.compile(patterns)
  local alternations, joinable, named_bases = {}, {}, {}

  for i = 1, #patterns do
    local pattern = patterns[i]
    local list = is_joinable(pattern) and joinable or alternations
    list[#list + 1] = pattern

    for j = 1, #BASES do
      local base = BASES[j]
      named_bases[base] = named_bases[base]
                          or find(lower(pattern), base, 1, true) ~= nil
    end
  end

  join_groups(alternations, joinable)

  return setmetatable({
    alternations = alternations,
    emby = named_bases.emby,
    mediabrowser = named_bases.mediabrowser,
  }, mt)
end


-- Returns true or false, or nil and an error when PCRE gave up.
local function any(alternations, subject)
  for i = 1, #alternations do
    local from, _, err = re_find(subject, alternations[i], OPTIONS)
    if from then
      return true
    end

    if err then
      return nil, err
    end
  end

  return false
end


-- A path is written with and without its trailing slash; a regex may be
-- meant for either.
local function any_form(alternations, path)
  local hit, err = any(alternations, path)
  if hit ~= false or path == "/" then
    return hit, err
  end

  return any(alternations, sub(path, 1, -2))
end


-- path as paths.read returns it, without its base path, which a regex may
-- name all the same. Returns true or false, or nil and an error when a regex
-- could not be decided.
function _M:matches(path)
  local alternations = self.alternations
  if #alternations == 0 then
    return false
  end

  local hit, err = any_form(alternations, path)
  if hit == false and self.emby then
    hit, err = any_form(alternations, "/emby" .. path)
  end
  if hit == false and self.mediabrowser then
    hit, err = any_form(alternations, "/mediabrowser" .. path)
  end

  return hit, err
end


return _M
