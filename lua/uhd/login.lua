-- Learns from login answers whose token is whose. The answer passes as it is,
-- byte for byte; what is kept of it is the hash of the token and who the user
-- is, and only for as long as it takes to read them.
--
-- Answers in XML, which some Emby clients ask for, are not read: the supervisor
-- is asked about such a token when it first matters. Nor are compressed ones,
-- which an upstream sends only against our asking.

local cjson = require "cjson.safe"
local entry = require "uhd.entry"
local identity = require "uhd.identity"
local login_events = require "uhd.login_events"
local tokens = require "uhd.tokens"
local users = require "uhd.users"
local watched = require "uhd.watched"


local concat = table.concat
local find = string.find
local get_method = ngx.req.get_method
local lower = string.lower
local ngx = ngx
local sub = string.sub
local type = type


local dict = ngx.shared.session_store

-- Bytes of an answer that are collected; Jellyfin's have about 3 KB.
local MAX_BODY = 65536

local MAX_TOKEN = 1024
local MAX_NAME = 256


local _M = {}


-- Tells whether the request logs somebody in. Servers take these paths in any
-- case and below any base path.
function _M.is_login(method, uri)
  if method == "POST" then
    uri = lower(uri)

    return find(uri, "/users/authenticatebyname/?$") ~= nil
           or find(uri, "/users/authenticatewithquickconnect/?$") ~= nil
           or find(uri, "/users/[^/]+/authenticate/?$") ~= nil
  end

  if method == "GET" then
    -- Most requests are GETs: one cheap look tells them apart.
    return find(lower(sub(uri, -10)), "/exchange", 1, true) ~= nil
           and find(lower(uri), "/connect/exchange/?$") ~= nil
  end

  return false
end


-- Counts an outcome; GET /state shows the counters.
local function count(outcome)
  dict:incr("logins:" .. outcome, 1, 0)
end


-- Returns how many logins had which outcome since nginx started.
function _M.counts()
  local counts = {}
  for _, outcome in ipairs { "captured", "failed", "compressed", "too_large",
                             "unreadable", "not_reported" }
  do
    counts[outcome] = dict:get("logins:" .. outcome) or 0
  end

  return counts
end


-- Asks the media server for an answer that can be read, and has the header
-- filter look at it. Access phase, for paths that log somebody in.
function _M.prepare(var)
  if _M.is_login(get_method(), var.uri) then
    ngx.req.set_header("Accept-Encoding", "identity")
    var.uhd_mark = "login"
  end
end


local function clip(text)
  return type(text) == "string" and sub(text, 1, MAX_NAME) or ""
end


-- Returns what an answer says: token, user_id, user_name; nil when it says no
-- token and user.
local function read_answer(body)
  local document = cjson.decode(body)
  if type(document) ~= "table" then
    return nil
  end

  local token = document.AccessToken or document.accessToken
  local user = document.User or document.user
  if type(user) ~= "table" then
    user = { Id = document.LocalUserId or document.localUserId }
  end

  local user_id = user.Id or user.id
  if type(token) ~= "string" or token == "" or #token > MAX_TOKEN
     or not users.is_id(user_id)
  then
    return nil
  end

  return token, user_id, clip(user.Name or user.name)
end


local function report(token_hash, user_id, user_name)
  local var = ngx.var
  entry.add_login(user_id, user_name)
  local who = identity.read(var)
  local ok = login_events.report {
    scope = var.config_server_id,
    token_hash = token_hash or "",
    user_id = user_id or "",
    user_name = user_name or "",
    device_id = clip(who.device_id),
    device_name = clip(who.device),
    client_name = clip(who.client),
    client_version = clip(who.version),
    client_ip = var.remote_addr,
    success = token_hash ~= nil,
  }
  if not ok then
    count("not_reported")
  end
end


local function capture(body)
  local token, user_id, user_name = read_answer(body)
  local token_hash = tokens.hash(token)
  if not token_hash then
    return count("unreadable")
  end

  users.bind(ngx.var.config_server_id, token_hash, user_id)
  count("captured")
  report(token_hash, user_id, user_name)
end


-- Header filter: begins to collect the answer to a login.
function _M.filter_header()
  local status = ngx.status
  if status == 401 then
    count("failed")
    return report()
  end

  if status ~= 200 then
    return
  end

  local encoding = ngx.header["Content-Encoding"]
  if encoding and encoding ~= "" and encoding ~= "identity" then
    return count("compressed")
  end

  watched.add().login = { size = 0 }
end


-- Body filter, for each part of an answer whose state has a login.
function _M.filter_body(state, chunk, eof)
  local collected = state.login
  local size = collected.size + #chunk
  if size > MAX_BODY then
    state.login = false
    return count("too_large")
  end

  collected.size = size
  collected[#collected + 1] = chunk

  if eof then
    state.login = false
    -- An error here would cut the player's login short.
    local ok, err = pcall(capture, concat(collected))
    if not ok then
      count("unreadable")
      ngx.log(ngx.ERR, "login not captured: ", err)
    end
  end
end


return _M
