-- Versions of clients: 3.2.32-17.41, 2.0.95g, 3.0.0pre13, v10.8. Compared by
-- their numbers up to the first letter, missing ones being 0.

local gmatch = string.gmatch
local match = string.match
local max = math.max
local tonumber = tonumber


local _M = {}


-- Returns the list of a version's numbers, empty when it has none.
function _M.parse(text)
  local numbers = {}
  for number in gmatch(match(text, "^%s*[vV]?(%A*)"), "%d+") do
    numbers[#numbers + 1] = tonumber(number)
  end

  return numbers
end


-- Tells whether parsed version a is lower than parsed version b.
function _M.less(a, b)
  for i = 1, max(#a, #b) do
    local x, y = a[i] or 0, b[i] or 0
    if x ~= y then
      return x < y
    end
  end

  return false
end


return _M
