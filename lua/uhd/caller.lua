-- Who sends a request: the identity it states, the user that its token belongs
-- to, why the whitelist does not let it in (reason and minimum, as
-- clients.refuse returns them), which limits it counts for, and what the access
-- log says of it.

local cjson = require "cjson.safe"
local rate_rules = require "uhd.rate_rules"
local tokens = require "uhd.tokens"
local users = require "uhd.users"


local concat = table.concat
local encode = cjson.encode
local gsub = string.gsub
local now = ngx.now
local setmetatable = setmetatable


-- Seconds until uhd.users is asked again whose a token is.
local KNOWN_FOR = 30
local UNKNOWN_FOR = 1

local FOREVER = math.huge


local _M = {}
local mt = { __index = _M }


-- Takes out the backslash that cjson writes before each slash, which every
-- User-Agent has: lines without any are read in half the time. One of the
-- text's own is doubled, so what stands before a slash is cjson's.
local function plain(json)
  return (gsub(json, "\\/", "/"))
end


-- Works out what depends on the user.
local function set_user(self, user)
  local server = self.server
  self.user = user
  self.user_key = user and rate_rules.normalise("user", user)
  self.counters = server.limiter
                  and server.limiter:counters(self.ip, self.user_key,
                                              self.device_id)
  self.line = concat {
    server.json,
    ',"client_name":', encode(self.client or ""),
    ',"client_version":', encode(self.version or ""),
    ',"device_id":', encode(self.device_id or ""),
    ',"device_name":', encode(self.device or ""),
    ',"kind":"', self.kind or "",
    '","user_id":', encode(user or ""),
    ',"user_agent":', plain(encode(self.agent or "")),
    -- Last: LuaJIT tells long texts apart by their ends.
    ',"token_hash":"', self.token_hash or "", '"',
  }
end


-- sender: as uhd.senders makes it; who: as identity.join returns it. Returns
-- the caller: what it states in client, version, device, device_id and kind,
-- token_hash, user, and user_key as rules by user write it, each nil where
-- unknown; counters for rate_limiter.check, and line for the access log.
function _M.new(sender, who)
  local server = sender.server
  local clients = server.profile.clients
  local agent = not who.client and clients and clients:by_agent(sender.agent)
  local name_from = agent or who
  local caller = setmetatable({
    server = server,
    scope = server.scope,
    ip = sender.ip,
    agent = sender.agent,
    who = who,
    client = name_from.client,
    version = name_from.version,
    kind = name_from.kind,
    device = who.device,
    device_id = who.device_id,
    token_hash = tokens.hash(who.token),
    looked_until = 0,
    asked_until = 0,
  }, mt)
  if clients then
    caller.reason, caller.minimum =
      clients:refuse(caller.client, caller.version)
  end
  if not caller.token_hash then
    caller.looked_until, caller.asked_until = FOREVER, FOREVER
  end
  set_user(caller, nil)

  return caller
end


-- Finds out whose the token is, in user and what depends on it; nil for an
-- unknown one. needed: something does depend on it, so that the supervisor may
-- be asked; then in the access phase only.
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
  if user ~= self.user then
    set_user(self, user)
  end
end


return _M
