-- A request as the steps of the chain see it: who sends it, and to which server
-- block. Both are worked out once and remembered by all that they depend on.

local cjson = require "cjson.safe"
local senders = require "uhd.senders"


local encode = cjson.encode
local find = string.find
local get_uri_args = ngx.req.get_uri_args
local lower = string.lower
local match = string.match
local pairs = pairs
local sub = string.sub
local type = type


local _M = {}


-- Returns what compiled rules remember here: senders and servers.
function _M.memory()
  return senders.new(), {}
end


-- Returns what the rules say for the server block of a request: scope, profile,
-- limiter (false without rate rules) and json for the access log.
local function server_of(rules, var)
  local scope, name = var.config_server_id, var.server_name
  local profile_id = var.config_profile_id
  local key = scope .. "\n" .. name .. "\n" .. profile_id
  local server = rules.servers[key]
  if not server then
    server = {
      scope = scope,
      profile = rules.profiles[profile_id] or rules.default,
      limiter = rules.limiter and rules.limiter:of(scope),
      json = '"server_name":' .. encode(name) .. ',"scope":' .. encode(scope)
             .. ',"profile":' .. encode(profile_id),
    }
    rules.servers[key] = server
  end

  return server
end


-- Returns the sender of a request, see uhd.senders; then whether the request
-- has one of the two rare traits that nginx.conf adds to the same variable: it
-- may be a probe, or its path can be read in two ways.
function _M.sender(rules, var)
  local key = var.uhd_sender
  local sender = rules.senders:get(key)
  if sender then
    return sender, false
  end

  -- Clients make up as many of these as they like: not part of what is kept.
  local rare = #(var.uhd_odd_path or "") + #(var.http_x_uhd_probe or "")
  if rare > 0 then
    key = sub(key, 1, -1 - rare)
    sender = rules.senders:get(key)
  end

  return sender or rules.senders:add(key, server_of(rules, var), var), rare > 0
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
