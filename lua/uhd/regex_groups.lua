-- Groups regexes that begin alike. An alternation of five hundred that all
-- begin with ^/items/[^/]+/ reads that part five hundred times before it
-- knows that a path is none of theirs; grouped it does so once.
--
-- A pattern is cut behind its last slash that is not in a class or a group and
-- not repeated. Patterns with the same text up to there are the same up to
-- there, and mean together what each of them meant.

local find = string.find
local sub = string.sub


local _M = {}


-- Returns where the class ends that begins at from; nil when it does not.
local function class_end(pattern, from)
  local _, last = find(pattern, "^%[%^?%]?", from)
  local i = last + 1
  while i <= #pattern do
    local c = sub(pattern, i, i)
    if c == "]" then
      return i
    end

    if c == "\\" then
      i = i + 1

    elseif c == "[" then
      _, last = find(pattern, "^%[:%^?%a+:%]", i)
      i = last or i
    end
    i = i + 1
  end
end


-- Returns the place of the slash to cut behind, 0 for none.
local function place_of_cut(pattern)
  local place, depth, i = 0, 0, 1
  while i <= #pattern do
    local c = sub(pattern, i, i)
    if c == "\\" then
      i = i + 1

    elseif c == "[" then
      i = class_end(pattern, i)
      if not i then
        return 0
      end

    elseif c == "(" then
      depth = depth + 1

    elseif c == ")" then
      depth = depth - 1

    elseif depth == 0 and c == "/" and not find(pattern, "^[?*+{]", i + 1) then
      place = i
    end
    i = i + 1
  end

  return place
end


-- Returns a list of groups in the order of their first patterns, each with
-- beginning, "" for those that cannot be cut, and rests, of which each after
-- the beginning is one of the patterns.
function _M.of(patterns)
  local groups, by_beginning = {}, {}
  for i = 1, #patterns do
    local pattern = patterns[i]
    local place = place_of_cut(pattern)
    local beginning = sub(pattern, 1, place)
    local group = by_beginning[beginning]
    if not group then
      group = { beginning = beginning, rests = {} }
      by_beginning[beginning] = group
      groups[#groups + 1] = group
    end
    group.rests[#group.rests + 1] = sub(pattern, place + 1)
  end

  return groups
end


return _M
