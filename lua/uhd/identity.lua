-- Who a request says it comes from: client, version, device and token.
--
-- Read the way Jellyfin's AuthorizationContext reads it, down to its corners:
-- where gateway and server read differently, a request can show a different
-- face to each. Emby's own web and Android clients put all of it in the query.
--
-- A user id in header or query is a claim that servers ignore; it is not read.

local lrucache = require "resty.lrucache"


local byte = string.byte
local char = string.char
local decode_args = ngx.decode_args
local find = string.find
local gsub = string.gsub
local get_headers = ngx.req.get_headers
local get_uri_args = ngx.req.get_uri_args
local lower = string.lower
local match = string.match
local pairs = pairs
local sub = string.sub
local tonumber = tonumber
local type = type


local QUOTE = byte('"')
local COMMA = byte(",")
local EQUALS = byte("=")

-- Distinct headers remembered per worker. A longer header is parsed every
-- time, so that the memory has a bound.
local CACHED_HEADERS = 10000
local MAX_CACHED_HEADER = 1024

local NONE = {}


local _M = {}


local cache = lrucache.new(CACHED_HEADERS)


local function unescape_byte(hex)
  return char(tonumber(hex, 16))
end


-- WebUtility.UrlDecode, for a value with quotes around it or without.
local function value_of(text)
  local value = match(text, '^"*(.-)"*$')
  value = gsub(value, "+", " ")

  return (gsub(value, "%%(%x%x)", unescape_byte))
end


-- Splits `Key="value", Key=value`. Commas and equals signs between quotes
-- are data, there are no escapes, the last of a key wins. The server's loop,
-- step by step: an equals sign in a bare value begins a new value there too.
local function parts_of(text)
  local parts = {}
  local key = ""
  local start = 1
  local quoted = false

  for i = 1, #text do
    local c = byte(text, i)
    if c == QUOTE then
      quoted = not quoted

    elseif c == COMMA and not quoted then
      if start < i then
        parts[key] = value_of(sub(text, start, i - 1))
        key = ""
      end
      start = i + 1

    elseif c == EQUALS and not quoted then
      key = match(sub(text, start, i - 1), "^%s*(.-)%s*$")
      start = i + 1
    end
  end

  if start <= #text then
    parts[key] = value_of(sub(text, start))
  end

  return parts
end


local function non_empty(text)
  if text ~= "" then
    return text
  end
end


-- Returns what an authorization header says, NONE for another scheme.
local function parse(header)
  local scheme, rest = match(header, "^(%S*) (.*)$")
  scheme = scheme and lower(scheme)
  if scheme ~= "mediabrowser" and scheme ~= "emby" then
    return NONE
  end

  local parts = parts_of(rest)
  local client = non_empty(parts.Client)

  return {
    client = client,
    version = non_empty(parts.Version),
    device = non_empty(parts.Device),
    device_id = non_empty(parts.DeviceId),
    token = non_empty(parts.Token),
    kind = client and "header",
  }
end


local function parse_cached(header)
  local identity = cache:get(header)
  if identity then
    return identity
  end

  identity = parse(header)
  if #header <= MAX_CACHED_HEADER then
    cache:set(header, identity)
  end

  return identity
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
local function authorization(var)
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
-- not stated, and kind, where the client's name was read: "header" or "query".
function _M.read(var)
  local header = authorization(var)
  local stated = header and parse_cached(header) or NONE
  if stated.client and stated.token and stated.device_id then
    return stated
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
  }
end


return _M
