-- The access chain: skip list, block list, identity, whitelist with minimum
-- version, fake counts. It decides from this worker's compiled rules and
-- speaks to nobody.

local config = require "uhd.config"
local deny = require "uhd.deny"
local fake_counts = require "uhd.fake_counts"
local identity = require "uhd.identity"
local paths = require "uhd.paths"
local probe = require "uhd.probe"


local get_headers = ngx.req.get_headers
local get_method = ngx.req.get_method
local ngx = ngx


local _M = {}


-- All readings of a path must be on the skip list. A regex that could not be
-- decided skips nothing.
local function skips(list, path, other, dotted)
  return not dotted and list:matches(path)
         and (not other or list:matches(other))
end


-- One reading on the block list is enough, and so is a regex that could not
-- be decided: a path that makes it give up would be a way around the rule.
local function blocks(list, path, other, dotted)
  return list:matches(path) ~= false
         or other ~= nil and list:matches(other) ~= false
         or dotted ~= nil and list:matches(dotted) ~= false
end


-- A browser asks leave for a cross-origin request without any header of the
-- request it is about: it cannot say which client it is.
local function is_preflight(headers)
  return headers["access-control-request-method"] ~= nil
         and get_method() == "OPTIONS"
end


-- Returns the reason why the client may not come in, and the lowest version
-- that may; nil when it may.
local function refuse_client(clients)
  -- 0: all of them. A hundred dummy headers must not hide the real one.
  local headers = get_headers(0)
  local who = identity.read(headers)
  if not who.client then
    local agent = headers["user-agent"]
    if type(agent) == "table" then
      agent = agent[1]
    end
    who = clients:by_agent(agent) or who
  end

  local reason, minimum = clients:refuse(who.client, who.version)
  if reason and is_preflight(headers) then
    return nil
  end

  return reason, minimum
end


-- Ends the request when the profile refuses or answers it; returns otherwise.
local function check(profile, var)
  local path, other, dotted = paths.read(var.uri, var.request_uri)

  if profile.skip and skips(profile.skip, path, other, dotted) then
    return
  end

  if profile.block and blocks(profile.block, path, other, dotted) then
    return deny.refuse("uri_blocked", profile.message)
  end

  if profile.clients then
    local reason, minimum = refuse_client(profile.clients)
    if reason then
      return deny.refuse(reason, profile.message, minimum)
    end
  end

  if profile.counts and fake_counts.asked(get_method(), path, other) then
    return fake_counts.answer(profile.counts, var.http_accept)
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
end


return _M
