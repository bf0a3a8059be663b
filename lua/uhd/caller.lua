-- Who sends a request, worked out once per client and worker: the identity it
-- states, the user that its token belongs to, and why the whitelist does not
-- let it in (reason and minimum, as clients.refuse returns them).

local cjson = require "cjson.safe"
local identity = require "uhd.identity"
local memo = require "uhd.memo"
local rate_rules = require "uhd.rate_rules"
local tokens = require "uhd.tokens"
local users = require "uhd.users"


local concat = table.concat
local encode = cjson.encode
local now = ngx.now
local setmetatable = setmetatable


-- Clients remembered per server block and worker.
local CACHED_CALLERS = 5000

-- Seconds until uhd.users is asked again whose a token is.
local KNOWN_FOR = 30
local UNKNOWN_FOR = 1

local FOREVER = math.huge


local _M = {}
local mt = { __index = _M }


function _M.memory()
  return memo.new(CACHED_CALLERS)
end


local function new(who, scope, clients)
  local caller = setmetatable({
    who = who,
    scope = scope,
    client = who.client,
    version = who.version,
    device = who.device,
    device_id = who.device_id,
    kind = who.kind,
    token_hash = tokens.hash(who.token),
    looked_until = 0,
    asked_until = 0,
  }, mt)
  if clients then
    caller.reason, caller.minimum = clients:refuse(who.client, who.version)
  end
  if not caller.token_hash then
    caller.looked_until, caller.asked_until = FOREVER, FOREVER
  end

  return caller
end


-- What tells one client from another, for one that is not remembered by the
-- table of its header.
local function key_of(who)
  return concat({ who.client or "", who.version or "", who.device or "",
                  who.device_id or "", who.token or "", who.kind or "" }, "\0")
end


-- Returns who with the client that a User-Agent names.
local function with_agent(who, agent)
  return {
    client = agent.client,
    version = agent.version,
    kind = agent.kind,
    device = who.device,
    device_id = who.device_id,
    token = who.token,
  }
end


-- Returns the caller. memory: as memory returns it, of the server block whose
-- scope it is; clients: the profile's whitelist, or false.
function _M.read(memory, scope, clients, var)
  local who, shared = identity.read(var)
  local key = who
  if not shared then
    local agent = not who.client and clients
                  and clients:by_agent(var.http_user_agent)
    if agent then
      who = with_agent(who, agent)
    end
    key = key_of(who)
  end

  local caller = memory:get(key)
  if not caller then
    caller = new(who, scope, clients)
    memory:set(key, caller)
  end

  return caller
end


local function set_user(self, user)
  if user == self.user then
    return
  end

  self.user = user
  self.user_key = user and rate_rules.normalise("user", user)
end


-- Returns how the access log writes it.
function _M:json()
  return concat {
    ',"client_name":', encode(self.client or ""),
    ',"client_version":', encode(self.version or ""),
    ',"device_id":', encode(self.device_id or ""),
    ',"device_name":', encode(self.device or ""),
    ',"kind":"', self.kind or "",
    '","user_id":', encode(self.user or ""),
    ',"token_hash":"', self.token_hash or "", '"',
  }
end


-- Finds out whose the token is, in user, and in user_key as rules by user
-- write it; both nil for an unknown one. needed: something depends on it, so
-- that the supervisor may be asked; then in the access phase only.
function _M:resolve(needed)
  local time = now()
  if time < (needed and self.asked_until or self.looked_until) then
    return
  end

  local user
  if needed then
    user = users.of(self.scope, self.token_hash, self.who)

  else
    user = users.known(self.scope, self.token_hash)
  end

  -- Waiting for the supervisor takes less than it matters here.
  local ends = time + (user and KNOWN_FOR or UNKNOWN_FOR)
  self.looked_until = ends
  if user or needed then
    self.asked_until = ends
  end
  set_user(self, user)
end


return _M
