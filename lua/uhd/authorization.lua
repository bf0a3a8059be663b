-- The Authorization header of Emby and Jellyfin clients, read the way
-- Jellyfin's AuthorizationContext reads it, down to its corners.

local memo = require "uhd.memo"


local byte = string.byte
local char = string.char
local find = string.find
local gsub = string.gsub
local lower = string.lower
local match = string.match
local sub = string.sub
local tonumber = tonumber


local QUOTE = byte('"')
local COMMA = byte(",")
local EQUALS = byte("=")

-- Distinct headers remembered per worker. A longer header is parsed every
-- time, so that the memory has a bound.
local CACHED_HEADERS = 10000
local MAX_CACHED_HEADER = 1024

local NONE = {}


local _M = {}


local cache = memo.new(CACHED_HEADERS)


local function unescape_byte(hex)
  return char(tonumber(hex, 16))
end


-- Takes whitespace off both ends. In time that grows with the text, as the
-- pattern "(.-)%s*$" would not: headers may have 32 KB.
local function trim(text)
  local from = find(text, "%S")

  return from and match(text, ".*%S", from) or ""
end


local function unquote(text)
  local from = find(text, '[^"]')

  return from and match(text, '.*[^"]', from) or ""
end


-- WebUtility.UrlDecode, for a value with quotes around it or without.
local function value_of(text)
  local value = gsub(unquote(text), "+", " ")

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
      key = trim(sub(text, start, i - 1))
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


-- NONE for another scheme.
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


-- Returns what an authorization header says: client, version, device,
-- device_id and token, each nil when not stated or empty, and kind, "header"
-- where it states a client. The table is shared and must not be changed.
function _M.read(header)
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


return _M
