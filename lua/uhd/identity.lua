-- Who a request says it comes from: client, version, device and token.
--
-- Read in the servers' own order: where gateway and server read differently, a
-- request can show a different face to each. Emby's own web and Android
-- clients put all of it in the query.
--
-- A user id in header or query is a claim that servers ignore; it is not read.

local authorization = require "uhd.authorization"


local decode_args = ngx.decode_args
local find = string.find
local get_headers = ngx.req.get_headers
local get_uri_args = ngx.req.get_uri_args
local lower = string.lower
local pairs = pairs
local type = type


local NONE = {}


local _M = {}


local function non_empty(text)
  if text ~= "" then
    return text
  end
end


-- The first of an argument's values that is not empty.
local function first(value)
  if type(value) == "table" then
    for i = 1, #value do
      if value[i] ~= true and value[i] ~= "" then
        return value[i]
      end
    end

    return nil
  end

  if value ~= true and value ~= "" then
    return value
  end
end


-- Returns the authorization header that counts, or nil.
local function header_of(var)
  local header = var.http_authorization
  if header and header ~= "" then
    return header
  end

  if not var.http_x_emby_authorization then
    return nil
  end

  -- nginx from 1.23 on joins headers of one name; only the first one counts.
  -- 0: all headers, a hundred dummies must not hide it.
  header = get_headers(0)["x-emby-authorization"]
  if type(header) == "table" then
    return header[1]
  end

  return header
end


-- Names of query arguments, in lower case, and what they say.
local ARGUMENTS = {
  ["x-emby-client"] = "client",
  ["x-emby-client-version"] = "version",
  ["x-emby-device-name"] = "device",
  ["x-emby-device-id"] = "device_id",
  ["x-emby-token"] = "emby_token",
  ["apikey"] = "ApiKey",
  ["api_key"] = "api_key",
  ["deviceid"] = "plain_device_id",
}


local function collect(args, found)
  for name, value in pairs(args) do
    local field = ARGUMENTS[lower(name)]
    if field then
      found[field] = found[field] or first(value)

    elseif value == true and find(name, "=", 1, true) then
      -- The whole query percent-encoded, once.
      for inner, text in pairs(decode_args(name, 0)) do
        field = ARGUMENTS[lower(inner)]
        if field then
          found[field] = found[field] or first(text)
        end
      end
    end
  end

  return found
end


-- var: ngx.var, or for its http_* a table like it. Returns a table that must
-- not be changed: client, version, device, device_id, token, each nil when
-- not stated, and kind, where the client's name was read: "header" or "query";
-- then whether it is the same table for each request with this header.
function _M.read(var)
  local header = header_of(var)
  local stated = header and authorization.read(header) or NONE
  if stated.client and stated.token and stated.device_id then
    return stated, true
  end

  local args = collect(get_uri_args(0), {})
  -- Name, version and device come from one place, or they make up a client
  -- that nobody has stated.
  local name_from = (stated.client or not args.client) and stated or args

  return {
    client = name_from.client,
    version = name_from.version,
    device = name_from.device,
    device_id = stated.device_id or args.device_id or args.plain_device_id,
    token = stated.token
            or non_empty(var.http_x_emby_token)
            or non_empty(var.http_x_mediabrowser_token)
            or args.ApiKey or args.api_key or args.emby_token,
    kind = stated.kind or args.client and "query" or nil,
  }, false
end


return _M
