-- A bounded memory of what was worked out before, cheaper than an LRU list: two
-- tables, of which the older one is let go of when the newer one is full. What
-- is asked for moves to the newer one.

local setmetatable = setmetatable


local _M = {}
local mt = { __index = _M }


-- capacity: entries kept for certain; twice as many are kept at most.
function _M.new(capacity)
  return setmetatable({
    capacity = capacity,
    count = 0,
    young = {},
    old = {},
  }, mt)
end


-- Makes room for one more entry in the newer table.
function _M:make_room()
  if self.count >= self.capacity then
    self.old, self.young, self.count = self.young, {}, 0
  end

  self.count = self.count + 1
end


function _M:set(key, value)
  self:make_room()
  self.young[key] = value
end


-- Returns what was set for key, or nil.
function _M:get(key)
  local value = self.young[key]
  if value ~= nil then
    return value
  end

  value = self.old[key]
  if value ~= nil then
    self:set(key, value)
  end

  return value
end


return _M
