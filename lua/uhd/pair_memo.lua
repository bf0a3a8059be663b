-- A bounded memory as uhd.memo, of what is found by two keys: a table for each
-- first key spares a text made of both at every look.

local memo = require "uhd.memo"


local make_room = memo.make_room
local setmetatable = setmetatable


local _M = {}
local mt = { __index = _M }


-- capacity: as of memo.new.
function _M.new(capacity)
  return setmetatable(memo.new(capacity), mt)
end


function _M:set(first, second, value)
  make_room(self)
  local seconds = self.young[first]
  if not seconds then
    seconds = {}
    self.young[first] = seconds
  end
  seconds[second] = value
end


-- Returns what was set for the two keys, or nil.
function _M:get(first, second)
  local seconds = self.young[first]
  local value = seconds and seconds[second]
  if value ~= nil then
    return value
  end

  seconds = self.old[first]
  value = seconds and seconds[second]
  if value ~= nil then
    self:set(first, second, value)
  end

  return value
end


return _M
