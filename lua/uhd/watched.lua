-- State of the few requests that the filters have to look after: logins and
-- large answers. ngx.ctx would make a table for each request that asks
-- whether it is one of them, and most of them are not.
--
-- A state is found by the address of nginx's request. nginx uses an address
-- again; so a state that no log handler took away (a location may have a log
-- handler of its own) is told by when its request began, and dropped.

local ffi = require "ffi"
local get_request = require "resty.core.base".get_request


local ffi_cast = ffi.cast
local start_time = ngx.req.start_time
local tonumber = tonumber
local uintptr = ffi.typeof("uintptr_t")


local _M = {}


local states = {}


-- Returns the state of this request, made when there is none.
function _M.add()
  local address = tonumber(ffi_cast(uintptr, get_request()))
  local began = start_time()
  local state = states[address]
  if not state or state.began ~= began then
    -- Made with all members that it may get, so that it never grows.
    state = {
      began = began,
      accounted = 0,
      counted = 0,
      epoch = false,
      is_new = false,
      login = false,
      parts = 0,
      quotas = false,
      reported_at = 0,
      stream = false,
    }
    states[address] = state
  end

  return state
end


-- Returns the state of this request, or nil.
function _M.get()
  local address = tonumber(ffi_cast(uintptr, get_request()))
  local state = states[address]
  if not state then
    return nil
  end

  if state.began ~= start_time() then
    states[address] = nil
    return nil
  end

  return state
end


-- Forgets this request. Returns its state, or nil.
function _M.remove()
  local state = _M.get()
  if state then
    states[tonumber(ffi_cast(uintptr, get_request()))] = nil
  end

  return state
end


return _M
