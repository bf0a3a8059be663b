-- The access chain: skip list, block list, identity, whitelist with minimum
-- version, fake counts, concurrent streams. It decides from this worker's
-- compiled rules and from what the shared dicts hold; only a token or a stream
-- that is seen for the first time is asked about, at the supervisor's socket.

local config = require "uhd.config"
local deny = require "uhd.deny"
local fake_counts = require "uhd.fake_counts"
local identity = require "uhd.identity"
local login = require "uhd.login"
local probe = require "uhd.probe"
local routes = require "uhd.routes"
local streams = require "uhd.streams"


local BLOCK = routes.BLOCK
local COUNTS = routes.COUNTS
local SKIP = routes.SKIP
local get_method = ngx.req.get_method
local ngx = ngx


local _M = {}


-- A browser asks leave for a cross-origin request without any header of the
-- request it is about: it cannot say which client it is.
local function is_preflight(var)
  return get_method() == "OPTIONS"
         and var.http_access_control_request_method ~= nil
end


-- Returns the reason why the client may not come in, and the lowest version
-- that may; nil when it may.
local function refuse_client(clients, var)
  local who = identity.read(var)
  if not who.client then
    who = clients:by_agent(var.http_user_agent) or who
  end

  local reason, minimum = clients:refuse(who.client, who.version)
  if reason and is_preflight(var) then
    return nil
  end

  return reason, minimum
end


-- Ends the request when the profile refuses or answers it; returns otherwise.
local function check(profile, var)
  local route = profile.routes:decide(var.uri, var.request_uri)
  if route == SKIP then
    return
  end

  if route == BLOCK then
    return deny.refuse("uri_blocked", profile.message)
  end

  if profile.clients then
    local reason, minimum = refuse_client(profile.clients, var)
    if reason then
      return deny.refuse(reason, profile.message, minimum)
    end
  end

  if route == COUNTS and profile.counts then
    local method = get_method()
    if method == "GET" or method == "HEAD" then
      return fake_counts.answer(profile.counts, var.http_accept)
    end
  end
end


function _M.run()
  local is_probe = probe.is_probe()

  local rules = config.current()
  if not rules then
    return deny.unavailable()
  end

  local var = ngx.var
  local profile = rules.profiles[var.config_profile_id] or rules.default
  check(profile, var)

  if is_probe then
    return ngx.exit(ngx.HTTP_NO_CONTENT)
  end

  if profile.streams or rules.streams then
    streams.check(profile.streams, rules.streams, var, identity.read(var))
  end

  login.prepare(var)
end


return _M
