-- A request as the steps of the chain see it: the server block it came to, its
-- path and its caller. Each of the three is worked out once and remembered.

local caller = require "uhd.caller"
local cjson = require "cjson.safe"
local scopes = require "uhd.scope"


local encode = cjson.encode
local find = string.find
local get_uri_args = ngx.req.get_uri_args
local lower = string.lower
local match = string.match
local pairs = pairs
local sub = string.sub
local type = type


local _M = {}


local function new_server(rules, scope, profile_id, var)
  return {
    scope = scope,
    profile = rules.profiles[profile_id] or rules.default,
    limiter = rules.limiter and rules.limiter:of(scope),
    callers = caller.memory(),
    json = '"server_name":' .. encode(var.server_name or "")
           .. ',"scope":' .. encode(scope)
           .. ',"profile":' .. encode(profile_id),
  }
end


-- Returns what the rules say for the server block of a request: scope,
-- profile, limiter (false without rate rules) and json for the access log; then
-- whether the request may be a probe, which nobody has looked at yet.
function _M.server(rules, var)
  -- Its id, name and profile, and what probes send; see nginx.conf.
  local key = var.uhd_server
  local server = rules.servers[key]
  if server then
    return server, false
  end

  local probe = var.http_x_uhd_probe
  if probe then
    -- Clients make up as many of these as they like.
    key = sub(key, 1, -1 - #probe)
    server = rules.servers[key]
  end

  if not server then
    server = new_server(rules, scopes.of(var) or "",
                        var.config_profile_id or "", var)
    rules.servers[key] = server
  end

  return server, probe ~= nil
end


-- Returns the caller of a request to that server block.
function _M.caller(server, var)
  return caller.read(server.callers, server.scope, server.profile.clients,
                     var)
end


-- Returns the user that a request merely claims to be of, in the form of rules,
-- or nil. Good for a ban and for nothing else.
function _M.claimed_user(var)
  local claimed = match(lower(var.uri), "/users/(%x[%x-]+)/")
                  or match(lower(var.uri), "/users/(%x[%x-]+)$")
  if not claimed and find(lower(var.args or ""), "userid", 1, true) then
    for name, value in pairs(get_uri_args(0)) do
      if lower(name) == "userid" and value ~= true then
        claimed = value
        break
      end
    end
  end

  if type(claimed) == "table" then
    claimed = claimed[1]
  end
  if type(claimed) ~= "string" then
    return nil
  end

  return (lower(claimed):gsub("-", ""))
end


return _M
