-- Whose a token is. Bindings come from captured logins, from the supervisor
-- after an nginx start, and, for a token that nobody has seen log in, from one
-- question to the supervisor. It is asked by the token's hash; only where it
-- does not know that and says that the media server can tell does it get the
-- token itself, which it hands to that server and forgets.
--
-- Shared dict session_store:
--   user:<scope>:<token hash>     user id, "" while known to be unknown
--   asking:<scope>:<token hash>   there while somebody asks
--   used:<scope>:<token hash>     there while the supervisor need not hear
--                                 that the token is in use
--
-- A user id that a client states is never looked at here.

local cjson = require "cjson.safe"
local lrucache = require "resty.lrucache"
local schema = require "uhd.schema"
local supervisor = require "uhd.supervisor"


local dict = ngx.shared.session_store
local timer_at = ngx.timer.at
local type = type


-- Bindings remembered per worker, and seconds until the dict is looked at
-- again.
local CACHED_USERS = 10000
local CACHED_FOR = 60

-- Seconds that a binding is kept without being looked up anew, that "unknown"
-- is believed, and that a question may take at the longest.
local KEPT_FOR = 7 * 24 * 3600
local UNKNOWN_FOR = 10
local ASKING_FOR = 1

-- Seconds between two signs to the supervisor, which forgets what is not used.
local USED_EVERY = 24 * 3600

-- Flag of bindings that hold for a while only.
local FOR_A_WHILE = 1

local MAX_ID = 256


local _M = {}


local cache = lrucache.new(CACHED_USERS)


-- Tells whether text can be a user id.
function _M.is_id(text)
  return type(text) == "string" and text ~= "" and #text <= MAX_ID
end


local function key_of(scope, token_hash)
  return scope .. ":" .. token_hash
end


-- valid_for: seconds, after which it has to be asked again, or nil.
local function keep(key, user_id, valid_for)
  cache:delete(key)
  if type(valid_for) == "number" and valid_for > 0 and valid_for < KEPT_FOR
  then
    return dict:set("user:" .. key, user_id, valid_for, FOR_A_WHILE)
  end

  return dict:set("user:" .. key, user_id, KEPT_FOR)
end


-- Remembers whose a token is that is in use; valid_for: seconds, after which it
-- has to be asked again, or nil. Returns true, or nil and an error.
function _M.bind(scope, token_hash, user_id, valid_for)
  local key = key_of(scope, token_hash)
  dict:set("used:" .. key, true, USED_EVERY)

  return keep(key, user_id, valid_for)
end


-- In a timer: the supervisor hears that a token is in use, and what it knows of
-- it holds for as long again.
local function confirm(premature, scope, token_hash)
  if premature then
    return
  end

  local path = "/users" .. supervisor.query("scope", scope,
                                            "token_hash", token_hash)
  local status, answer = supervisor.call("GET", path)
  if status == 200 and type(answer) == "table" and _M.is_id(answer.user_id)
  then
    _M.bind(scope, token_hash, answer.user_id)
  end
end


-- Takes over text, {"users": [{"scope", "token_hash", "user_id"}]}, each with
-- valid_for or without: whole or not at all. Returns how many, or nil, an error
-- and the field it is about.
function _M.load(text)
  local document, err = cjson.decode(text)
  if type(document) ~= "table" then
    return nil, "not a JSON object" .. (err and ": " .. err or "")
  end

  local list, field
  list, err, field = schema.records(document, "users",
                                    { "scope", "token_hash", "user_id" })
  if not list then
    return nil, err, field
  end

  for i = 1, #list do
    if not _M.is_id(list[i].user_id) then
      return nil, "must be a text of 1 to " .. MAX_ID .. " bytes",
             "users[" .. i - 1 .. "].user_id"
    end
  end

  for i = 1, #list do
    keep(key_of(list[i].scope, list[i].token_hash), list[i].user_id,
         list[i].valid_for)
  end

  return #list
end


-- Returns the user id of a token as far as it is known here, without asking:
-- nil for an unknown one, and then "" when it is known to be unknown.
local function look_up(key, scope, token_hash)
  local user_id = cache:get(key)
  if user_id then
    return user_id
  end

  local flags
  user_id, flags = dict:get("user:" .. key)
  if not user_id then
    return nil
  end
  if user_id == "" then
    return nil, ""
  end

  cache:set(key, user_id, CACHED_FOR)
  if flags ~= FOR_A_WHILE and supervisor.reachable()
     and dict:add("used:" .. key, true, USED_EVERY)
  then
    timer_at(0, confirm, scope, token_hash)
  end

  return user_id
end


-- Returns the user id of a token that is known without asking, or nil. scope:
-- the media server; token_hash: as tokens.hash returns it, nil for no token.
function _M.known(scope, token_hash)
  return token_hash and look_up(key_of(scope, token_hash), scope, token_hash)
         or nil
end


-- Asks the supervisor, by the hash and, where that helps, by the token of who.
-- Returns the status and the answer, or nil when there was none in time.
local function put_question(scope, token_hash, who)
  local path = "/users" .. supervisor.query("scope", scope,
                                            "token_hash", token_hash)
  local status, answer = supervisor.ask("GET", path)
  if status ~= 404 or type(answer) ~= "table" or not answer.resolvable then
    return status, answer
  end

  return supervisor.ask("POST", "/users/resolve", {
    scope = scope,
    token = who.token,
    device_id = who.device_id or "",
    client_name = who.client or "",
  })
end


local function ask(scope, token_hash, who)
  local status, answer = put_question(scope, token_hash, who)
  if not status then
    return nil
  end

  if status == 200 and type(answer) == "table" and _M.is_id(answer.user_id)
  then
    _M.bind(scope, token_hash, answer.user_id, answer.valid_for)
    return answer.user_id
  end

  -- add: a login that was captured meanwhile knows better.
  dict:add("user:" .. key_of(scope, token_hash), "", UNKNOWN_FOR)

  return _M.known(scope, token_hash)
end


-- Returns the user id of a token, or nil. Asks the supervisor about an unknown
-- one, once; who comes while another request asks goes on without. who: who
-- sends the request, as identity.read returns it. Access phase only.
function _M.of(scope, token_hash, who)
  if not token_hash then
    return nil
  end

  local key = key_of(scope, token_hash)
  local user_id, unknown = look_up(key, scope, token_hash)
  if user_id or unknown or not supervisor.reachable()
     or not dict:add("asking:" .. key, true, ASKING_FOR)
  then
    return user_id
  end

  user_id = ask(scope, token_hash, who)
  dict:delete("asking:" .. key)

  return user_id
end


return _M
