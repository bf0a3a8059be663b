-- Who a request says it comes from: client, version, device and token.
--
-- Read in the servers' own order: where gateway and server read differently, a
-- request can show a different face to each. Emby's own web and Android
-- clients put all of it in the query.
--
-- A user id in header or query is a claim that servers ignore; it is not read.

local authorization = require "uhd.authorization"
local query = require "uhd.query"


local get_headers = ngx.req.get_headers
local type = type


local NONE = {}


local _M = {}


local function non_empty(text)
  if text ~= "" then
    return text
  end
end


-- Returns what Authorization says, as authorization.read returns it; nil when
-- there is none, so that X-Emby-Authorization counts.
function _M.of_authorization(var)
  local header = var.http_authorization

  return header and header ~= "" and authorization.read(header) or nil
end


-- Returns the X-Emby-Authorization that counts, or nil.
local function emby_header(var)
  if not var.http_x_emby_authorization then
    return nil
  end

  -- nginx from 1.23 on joins headers of one name; only the first one counts.
  -- 0: all headers, a hundred dummies must not hide it.
  local header = get_headers(0)["x-emby-authorization"]
  if type(header) == "table" then
    return header[1]
  end

  return header
end


-- Returns what the headers say: a table that must not be changed, with client,
-- version, device, device_id and kind, and the token; each nil when not stated.
-- var: ngx.var, or for its http_* and args a table like it.
function _M.of_headers(var)
  local stated = _M.of_authorization(var)
  if not stated then
    local header = emby_header(var)
    stated = header and authorization.read(header) or NONE
  end

  return stated, stated.token
                 or non_empty(var.http_x_emby_token)
                 or non_empty(var.http_x_mediabrowser_token)
end


-- Tells whether headers leave nothing to the query.
function _M.is_whole(stated, token)
  return stated.client ~= nil and token ~= nil and stated.device_id ~= nil
end


-- stated, token: as of_headers returns them; args: as query.read returns them.
-- Returns the identity: client, version, device, device_id, token, each nil
-- when not stated, and kind, where the name was read: "header" or "query".
function _M.join(stated, token, args)
  -- Name, version and device come from one place, or they make up a client
  -- that nobody has stated.
  local name_from = (stated.client or not args.client) and stated or args

  return {
    client = name_from.client,
    version = name_from.version,
    device = name_from.device,
    device_id = stated.device_id or args.device_id,
    token = token or args.token,
    kind = stated.kind or args.client and "query" or nil,
  }
end


-- Returns the identity that the request at hand states, as join returns it.
function _M.read(var)
  local stated, token = _M.of_headers(var)

  return _M.join(stated, token,
                 _M.is_whole(stated, token) and NONE or query.read(var))
end


return _M
