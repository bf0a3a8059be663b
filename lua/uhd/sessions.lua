-- The streams that run now, for all workers of all generations, in the shared
-- dict session_store:
--   session:<id>            "<state> <since> <group> <play session>"
--   streams:<dimension key> ids of streams that may count there, end to end,
--                           in the order of their admission
--   lock:<scope>            there while a worker admits a stream
--
-- A session lives for IDLE seconds after its last byte: whoever sends bytes
-- prolongs its key, and nobody has to clear up. Its states:
--   LIVE     counts
--   GHOST    over, as far as one knows: reported stopped, or replaced by a new
--            play session of the same device. Does not count. One that goes on
--            for longer than GRACE is no ghost, and has to be admitted anew.
--   KICKED   had to make room; its transfers end

local memo = require "uhd.memo"


local base64 = ngx.encode_base64
local byte = string.byte
local concat = table.concat
local dict = ngx.shared.session_store
local error = error
local fmt = string.format
local match = string.match
local now = ngx.now
local pairs = pairs
local pcall = pcall
local sha1 = ngx.sha1_bin
local sleep = ngx.sleep
local sub = string.sub
local tonumber = tonumber


local LIVE, GHOST, KICKED = "L", "G", "K"
local LIVE_BYTE, KICKED_BYTE = byte(LIVE), byte(KICKED)

-- Characters of an id: a SHA-1 in base64.
local ID_LENGTH = 28

-- Seconds. Players that seek or change the quality let go of the old stream
-- well within GRACE; 90 s without a byte is what operators were promised.
local IDLE = 90
local GRACE = 30

-- Seconds between two looks at a stream that runs.
local INTERVAL = 1

-- Seconds after which a lock's owner counts as dead; it needs microseconds.
-- A waiter that may sleep waits longer than that.
local LOCK_EXPIRY = 1
local SPINS = 20
local NAPS = 1500


-- Digests remembered per worker.
local CACHED_DIGESTS = 2000


local _M = {}


-- Other times than the usual ones, for tests.
function _M.set_times(idle, grace)
  IDLE, GRACE = idle, grace
end


local digests = memo.new(CACHED_DIGESTS)


local function digest(...)
  local text = concat({ ... }, "\0")
  local hash = digests:get(text)
  if not hash then
    hash = base64(sha1(text))
    digests:set(text, hash)
  end

  return hash
end


-- Completes a stream, a table of its own for each request: scope, owner,
-- device (nil for none), ip, play_session. limits: those that apply to it, as
-- stream_rules.applying returns them; nil for a stream that is only looked up.
function _M.prepare(stream, limits)
  local scope = stream.scope
  local device = stream.device or stream.ip

  stream.group = digest(scope, stream.owner, device)
  stream.id = digest(stream.group, stream.play_session)
  stream.next_look = 0
  stream.lists = {
    user = "streams:" .. scope .. ":user:" .. stream.owner,
    device = "streams:" .. scope .. ":device:" .. device,
    ip = "streams:" .. scope .. ":ip:" .. stream.ip,
  }

  -- The others are short and always kept, for a rule that is yet to come.
  stream.limits = limits or {}
  for i = 1, #stream.limits do
    if stream.limits[i].by == "global" then
      stream.lists.global = "streams:" .. scope .. ":global"
    end
  end
end


local function read(id)
  local text = dict:get("session:" .. id)
  if not text then
    return nil
  end

  local state, group, play_session = match(text, "^(%a) %S+ (%S+) (.*)$")

  return {
    id = id, state = state, group = group, play_session = play_session,
  }
end


local function write(session, state)
  local text = fmt("%s %.3f %s %s", state, now(), session.group,
                   session.play_session)

  return dict:set("session:" .. session.id, text, IDLE)
end


-- Returns the sessions of a list that are live.
local function live_in(key)
  local ids = dict:get(key) or ""
  local live = {}
  for i = 1, #ids, ID_LENGTH do
    local session = read(sub(ids, i, i + ID_LENGTH - 1))
    if session and session.state == LIVE then
      live[#live + 1] = session
    end
  end

  return live
end


-- Puts a session on a list, from which all that are not live fall off.
local function enlist(key, id)
  local live = live_in(key)
  local ids = {}
  for i = 1, #live do
    if live[i].id ~= id then
      ids[#ids + 1] = live[i].id
    end
  end
  ids[#ids + 1] = id

  dict:set(key, concat(ids), IDLE)
end


-- Adds to doomed the sessions that have to go so that one more fits under
-- limit. Returns true, or false when none may be made to go.
local function make_room(stream, limit, replaces, doomed)
  local live = live_in(stream.lists[limit.by])
  local counted = {}
  for i = 1, #live do
    local session = live[i]
    if session.id ~= stream.id and not doomed[session.id]
       and not (replaces and session.group == stream.group)
    then
      counted[#counted + 1] = session
    end
  end

  local excess = #counted - limit.max + 1
  if excess <= 0 then
    return true
  end
  if not limit.kick then
    return false
  end

  -- Lists are in the order of admission: the oldest come first.
  for i = 1, excess do
    doomed[counted[i].id] = counted[i]
  end

  return true
end


-- Turns the other streams of the same device into ghosts, and those that the
-- supervisor named into kicked ones: only ever the owner's own.
local function retire(stream, replaces, kick)
  local live = live_in(stream.lists.user)
  for i = 1, #live do
    local session = live[i]
    if kick and kick[session.play_session] and session.id ~= stream.id then
      write(session, KICKED)

    elseif replaces and session.group == stream.group
           and session.id ~= stream.id
    then
      write(session, GHOST)
    end
  end
end


-- The part of admit that no two workers do at once; it never yields.
local function decide(stream, replaces, kick)
  local known = read(stream.id)
  if known and known.state == LIVE then
    return true
  end
  if known and known.state == KICKED then
    return false
  end

  local limits, doomed = stream.limits, {}
  for i = 1, #limits do
    if not make_room(stream, limits[i], replaces, doomed) then
      return false, limits[i]
    end
  end

  for _, session in pairs(doomed) do
    write(session, KICKED)
  end
  retire(stream, replaces, kick)

  write(stream, LIVE)
  for _, key in pairs(stream.lists) do
    enlist(key, stream.id)
  end

  return true
end


local function lock(key, may_sleep)
  for i = 1, may_sleep and SPINS + NAPS or SPINS do
    if dict:add(key, true, LOCK_EXPIRY) then
      return true
    end

    if i > SPINS then
      sleep(0.001)
    end
  end

  return false
end


-- Lets a prepared stream in when all its limits have room for it, or can be
-- given room.
-- replaces: the other streams of its device end with it; kick: a set of play
-- sessions of the same owner that are to end.
-- Returns true; or false and the limit that was met, nil for a stream that was
-- kicked; or nil when nobody could tell without waiting.
function _M.admit(stream, replaces, kick, may_sleep)
  local key = "lock:" .. stream.scope
  if not lock(key, may_sleep) and not may_sleep then
    return nil
  end

  local ok, admitted, limit = pcall(decide, stream, replaces, kick)
  dict:delete(key)
  if not ok then
    error(admitted)
  end

  return admitted, limit
end


-- Returns what is known of a prepared stream: "live", "ending" for a ghost
-- within its grace, "overdue" for one that goes on beyond it, "kicked", or
-- nil for a stream not seen before.
function _M.state(stream)
  local text = dict:get("session:" .. stream.id)
  if not text then
    return nil
  end

  local state = byte(text)
  if state == LIVE_BYTE then
    return "live"
  end
  if state == KICKED_BYTE then
    return "kicked"
  end

  local since = tonumber(match(text, "^%a (%S+)"))

  return now() - since < GRACE and "ending" or "overdue"
end


local function prolong(stream)
  dict:expire("session:" .. stream.id, IDLE)
  for _, key in pairs(stream.lists) do
    dict:expire(key, IDLE)
  end
end


-- Called while bytes of a stream flow, in the body filter. Returns false when
-- the transfer is to end. A stream that was over and goes on, or that was
-- silent for so long that it was forgotten, has to find room again.
function _M.keep(stream)
  local time = now()
  if time < stream.next_look then
    return true
  end
  stream.next_look = time + INTERVAL

  local state = _M.state(stream)
  if state == "live" then
    prolong(stream)
    return true
  end

  if state == "ending" then
    return true
  end

  if state ~= "kicked" and _M.admit(stream, false, nil, false) ~= false then
    return true
  end
  stream.next_look = 0

  return false
end


-- A stream was reported to have ended. Returns whether it was live.
function _M.stop(stream)
  local session = read(stream.id)
  if not session or session.state ~= LIVE then
    return false
  end
  write(session, GHOST)

  return true
end


-- Takes back an admission: the stream did not come about.
function _M.forget(stream)
  dict:delete("session:" .. stream.id)
end


return _M
