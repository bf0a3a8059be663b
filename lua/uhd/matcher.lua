-- A list of path rules, compiled: exact patterns into a table, prefixes into
-- a sorted list for a binary search, regexes into as few alternations as
-- PCRE takes.

local paths = require "uhd.paths"


local byte = string.byte
local concat = table.concat
local find = string.find
local floor = math.floor
local sort = table.sort
local sub = string.sub
local re_find = ngx.re.find


local SLASH = byte("/")

-- Case-insensitive, JIT, compiled once per worker, "." matches newlines: a
-- path with %0A in it is no way around ".*".
local OPTIONS = "ijos"

-- The same without the cache, for trying a pattern.
local TRY_OPTIONS = "ijs"


local _M = {}
local mt = { __index = _M }


-- Returns true, or false and PCRE's message.
local function try(pattern)
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


-- Appends to list alternations that together match what patterns[from..to]
-- match; halves what is too large for PCRE.
local function join(list, patterns, from, to)
  if from > to then
    return
  end

  if from == to then
    list[#list + 1] = patterns[from]
    return
  end

  local joined = "(?:" .. concat(patterns, ")|(?:", from, to) .. ")"
  if try(joined) then
    list[#list + 1] = joined
    return
  end

  local middle = floor((from + to) / 2)
  join(list, patterns, from, middle)
  join(list, patterns, middle + 1, to)
end


-- Sorts prefixes and drops those that a shorter one covers, which is what
-- makes one comparison after the binary search enough.
local function minimal(prefixes)
  sort(prefixes)

  local kept = {}
  local last
  for i = 1, #prefixes do
    local prefix = prefixes[i]
    if not last or sub(prefix, 1, #last) ~= last then
      kept[#kept + 1] = prefix
      last = prefix
    end
  end

  return kept
end


local function has_prefix(prefixes, path)
  local low, high = 1, #prefixes
  while low <= high do
    local middle = floor((low + high) / 2)
    if prefixes[middle] <= path then
      low = middle + 1

    else
      high = middle - 1
    end
  end

  local prefix = prefixes[high]

  return prefix ~= nil and sub(path, 1, #prefix) == prefix
end


-- rules: list of { pattern, match_type }. Returns a matcher, false for an
-- empty list, or nil, an error and the field of the rule that is wrong.
function _M.compile(rules)
  local exact = {}
  local prefixes = {}
  local joinable = {}
  local regexes = {}
  local bases = {}

  for i = 1, #rules do
    local rule = rules[i]
    local field = "[" .. i - 1 .. "].pattern"
    local kind = rule.match_type
    local text = rule.pattern

    if kind == "regex" then
      local ok, err = try(text)
      if not ok then
        return nil, err, field
      end

      local list = is_joinable(text) and joinable or regexes
      list[#list + 1] = text

      for _, base in ipairs { "emby", "mediabrowser" } do
        if find(text:lower(), base, 1, true) then
          bases[base] = true
        end
      end

    else
      local pattern = paths.pattern(text)
      if not pattern then
        return nil, "a base path, which every path may have: "
                    .. "use the prefix / to mean all", field
      end

      if kind == "exact" then
        if byte(pattern, -1) ~= SLASH then
          pattern = pattern .. "/"
        end
        exact[pattern] = true

      else
        prefixes[#prefixes + 1] = pattern
      end
    end
  end

  if #rules == 0 then
    return false
  end

  join(regexes, joinable, 1, #joinable)

  return setmetatable({
    exact = exact,
    prefixes = minimal(prefixes),
    regexes = regexes,
    emby = bases.emby,
    mediabrowser = bases.mediabrowser,
  }, mt)
end


-- Returns true or false, or nil and an error when PCRE gave up.
local function any_regex(regexes, subject)
  for i = 1, #regexes do
    local from, _, err = re_find(subject, regexes[i], OPTIONS)
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
local function any_form(regexes, path)
  local hit, err = any_regex(regexes, path)
  if hit ~= false or path == "/" then
    return hit, err
  end

  return any_regex(regexes, sub(path, 1, -2))
end


-- path as paths.read returns it. Returns true or false, or nil and an error
-- when a regex could not be decided.
function _M:matches(path)
  if self.exact[path] or has_prefix(self.prefixes, path) then
    return true
  end

  local regexes = self.regexes
  if #regexes == 0 then
    return false
  end

  local hit, err = any_form(regexes, path)
  if hit == false and self.emby then
    hit, err = any_form(regexes, "/emby" .. path)
  end
  if hit == false and self.mediabrowser then
    hit, err = any_form(regexes, "/mediabrowser" .. path)
  end

  return hit, err
end


return _M
