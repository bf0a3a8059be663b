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


-- A query that names a client, as an identity; remembered with it.
local function of_query(args)
  local identity = args.identity
  if not identity then
    identity = {
      client = args.client,
      version = args.version,
      device = args.device,
      device_id = args.device_id,
      token = args.token,
      kind = args.client and "query" or nil,
    }
    args.identity = identity
  end

  return identity
end


-- var: ngx.var, or for its http_* and args a table like it. Returns a table
-- that must not be changed: client, version, device, device_id, token, each nil
-- when not stated, and kind, where the client's name was read: "header" or
-- "query"; then whether it is the same table for the next request like this.
function _M.read(var)
  local header = header_of(var)
  local stated = header and authorization.read(header) or NONE
  if stated.client and stated.token and stated.device_id then
    return stated, true
  end

  local args = query.read(var)
  local token = stated.token
                or non_empty(var.http_x_emby_token)
                or non_empty(var.http_x_mediabrowser_token)
  if not token and not stated.client and not stated.device_id
     and args.client
  then
    return of_query(args), true
  end

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
  }, false
end


return _M
