-- What a query says of who asks and what is played, remembered per query: HLS
-- segments come by the hundred with the same one.

local memo = require "uhd.memo"
local playback = require "uhd.playback"


local concat = table.concat
local decode_args = ngx.decode_args
local find = string.find
local get_uri_args = ngx.req.get_uri_args
local lower = string.lower
local pairs = pairs
local type = type


-- Distinct queries remembered per worker; a longer one is read every time.
local CACHED_QUERIES = 5000
local MAX_CACHED = 512

-- What an empty query says.
local NONE = { identity = "" }

-- Names of arguments, in lower case, and what they say.
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


local IDENTITY = { "client", "version", "device", "device_id", "token" }


local _M = {}


local cache = memo.new(CACHED_QUERIES)


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


-- Returns a text that is the same for two queries when they state the same
-- identity, and only then; "" for none. Lengths tell where each part ends.
local function identity_of(found)
  local parts = {}
  for i = 1, #IDENTITY do
    local value = found[IDENTITY[i]]
    if value then
      parts[#parts + 1] = i .. " " .. #value .. " " .. value
    end
  end

  return concat(parts)
end


local function parse()
  local found = {}
  local args = get_uri_args(0)
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

  found.device_id = found.device_id or found.plain_device_id
  found.token = found.ApiKey or found.api_key or found.emby_token
  found.play_session_id, found.item_id = playback.read(args)
  found.identity = identity_of(found)

  return found
end


-- Returns client, version, device, device_id, token, play_session_id and
-- item_id as the query of the request at hand states them, each nil when it
-- does not; and identity, a name for the first five together, "" for none. The
-- table is shared and must not be changed.
function _M.read(var)
  local args = var.args
  if not args or args == "" then
    return NONE
  end

  local found = cache:get(args)
  if not found then
    found = parse()
    if #args <= MAX_CACHED then
      cache:set(args, found)
    end
  end

  return found
end


return _M
