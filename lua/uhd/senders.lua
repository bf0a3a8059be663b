-- Who sends a request, found by all that it depends on. A sender is address,
-- server block, Authorization and User-Agent, and most senders are one caller.
-- Where Authorization leaves something open, the callers of a sender are told
-- apart by its other headers, and then by what its query says.

local callers = require "uhd.caller"
local identity = require "uhd.identity"
local memo = require "uhd.memo"
local pair_memo = require "uhd.pair_memo"
local query = require "uhd.query"


local concat = table.concat
local setmetatable = setmetatable


-- Senders and callers remembered per worker. What takes longer texts to find is
-- worked out every time, so that the memory has a bound.
local CACHED_SENDERS = 5000
local CACHED_CALLERS = 5000
local MAX_CACHED = 2048

-- $uhd_more_headers without any of them.
local NO_HEADERS = "\n\n"

local NONE = {}


local _M = {}
local mt = { __index = _M }

-- A sender.
local Sender = {}
local sender_mt = { __index = Sender }


-- Returns an empty memory.
function _M.new()
  return setmetatable({
    senders = memo.new(CACHED_SENDERS),
    callers = pair_memo.new(CACHED_CALLERS),
    count = 0,
  }, mt)
end


-- Returns the sender of that key, or nil.
function _M:get(key)
  return self.senders:get(key)
end


-- Returns the sender of the request at hand, and remembers it. server: as
-- uhd.request remembers it.
function _M:add(key, server, var)
  self.count = self.count + 1
  local sender = setmetatable({
    memory = self,
    number = self.count,
    server = server,
    ip = var.remote_addr,
    agent = var.http_user_agent,
  }, sender_mt)

  local stated = identity.of_authorization(var)
  if stated and identity.is_whole(stated, stated.token) then
    sender.only = callers.new(sender,
                              identity.join(stated, stated.token, NONE))
  end

  if #key <= MAX_CACHED then
    self.senders:set(key, sender)
  end

  return sender
end


local function new_caller(sender, var, args)
  local stated, token = identity.of_headers(var)

  return callers.new(sender, identity.join(stated, token, args))
end


-- Returns the caller of this sender's request.
function Sender:caller(var)
  if self.only then
    return self.only
  end

  local headers, args = var.uhd_more_headers, query.read(var)
  local key = args.identity
  if headers ~= NO_HEADERS then
    -- What a query says begins with a digit: it can never pass for this.
    key = concat { "\n", headers, "\n", key }

  elseif key == "" then
    self.plain = self.plain or new_caller(self, var, NONE)
    return self.plain
  end

  local known = self.memory.callers
  local caller = known:get(self.number, key)
  if not caller then
    caller = new_caller(self, var, args)
    if #key <= MAX_CACHED then
      known:set(self.number, key, caller)
    end
  end

  return caller
end


return _M
