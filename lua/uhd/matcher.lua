-- A list of path rules, compiled: exact patterns into a table, prefixes into
-- a sorted list for a binary search, regexes into alternations.

local paths = require "uhd.paths"
local regexes = require "uhd.regexes"


local byte = string.byte
local find = string.find
local floor = math.floor
local setmetatable = setmetatable
local sort = table.sort
local sub = string.sub


local SLASH = byte("/")


local _M = {}
local mt = { __index = _M }


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

  -- A plain find makes no text of what it compares.
  return prefix ~= nil and find(path, prefix, 1, true) == 1
end


-- Sorts one rule into its list. Returns true, or nil and an error.
local function add(rule, exact, prefixes, patterns)
  if rule.match_type == "regex" then
    local ok, err = regexes.try(rule.pattern)
    if not ok then
      return nil, err
    end

    patterns[#patterns + 1] = rule.pattern
    return true
  end

  local pattern = paths.pattern(rule.pattern)
  if not pattern then
    return nil, "a base path, which every path may have: "
                .. "use the prefix / to mean all"
  end

  if rule.match_type == "prefix" then
    prefixes[#prefixes + 1] = pattern
    return true
  end

  if byte(pattern, -1) ~= SLASH then
    pattern = pattern .. "/"
  end
  exact[pattern] = true

  return true
end


-- rules: list of { pattern, match_type }. Returns a matcher, false for an
-- empty list, or nil, an error and the field of the rule that is wrong.
function _M.compile(rules)
  if #rules == 0 then
    return false
  end

  local exact, prefixes, patterns = {}, {}, {}
  for i = 1, #rules do
    local ok, err = add(rules[i], exact, prefixes, patterns)
    if not ok then
      return nil, err, "[" .. i - 1 .. "].pattern"
    end
  end

  return setmetatable({
    exact = exact,
    prefixes = minimal(prefixes),
    regexes = regexes.compile(patterns),
  }, mt)
end


-- path as paths.read returns it. Returns true or false, or nil and an error
-- when a regex could not be decided.
function _M:matches(path)
  if self.exact[path] or has_prefix(self.prefixes, path) then
    return true
  end

  return self.regexes:matches(path)
end


return _M
