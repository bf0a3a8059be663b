-- What the access chain does about streams: finds out whose each one is, has
-- it admitted when it is seen first, and takes note of those that end.
--
-- A stream's owner is the user of its token, else its device, else its
-- address. A user id that the request states plays no part.

local deny = require "uhd.deny"
local memo = require "uhd.memo"
local recent = require "uhd.recent"
local reports = require "uhd.reports"
local sessions = require "uhd.sessions"
local stream_rules = require "uhd.stream_rules"
local supervisor = require "uhd.supervisor"
local watched = require "uhd.watched"


local dict = ngx.shared.session_store
local get_method = ngx.req.get_method
local ngx = ngx
local now = ngx.now
local pairs = pairs
local sleep = ngx.sleep
local sub = string.sub
local type = type


-- Seconds after which a check-in counts as lost, and how often, 10 ms apart,
-- another request of the same stream looks whether it is done.
local CHECKING_FOR = 1
local MAX_LOOKS = 35
local LOOK_INTERVAL = 0.01

-- Bytes of a device's id; what it has beyond is of no account.
local MAX_DEVICE = 256

-- Streams remembered of each caller, per worker.
local STREAMS_PER_CALLER = 10


local _M = {}


-- who: the caller, as uhd.caller reads it.
local function new_stream(who, item, play_session)
  local user = who.user

  return {
    scope = who.scope,
    ip = who.ip,
    user = user,
    user_key = who.user_key,
    owner = user and "user " .. user or nil,
    device = who.device_id and sub(who.device_id, 1, MAX_DEVICE),
    item = item,
    play_session = play_session,
  }
end


local function device_owner(stream)
  return stream.device and "device " .. stream.device
end


-- Fills in what a request left open.
local function complete(stream)
  if not stream.owner or not stream.device or not stream.play_session then
    recent.complete(stream)
  end

  stream.owner = stream.owner or device_owner(stream) or "ip " .. stream.ip
  stream.play_session = stream.play_session or "item " .. stream.item
end


local function refuse(limit)
  return deny.refuse("streams_exceeded", limit and limit.message)
end


-- Tells the supervisor that a stream has ended, for the count of all hosts.
-- failed: it did not come about.
local function report_end(stream, failed)
  supervisor.tell("POST", "/sessions/end", {
    scope = stream.scope,
    play_session_id = stream.play_session,
    user_id = stream.user or "",
    device_id = stream.device or "",
    client_ip = stream.ip,
    failed = failed,
  })
end


-- Asks the supervisor about a stream that is new here. Returns its answer, or
-- nil when there was none in time.
local function ask(stream, who)
  -- Fleet-wide, only users are counted.
  local limit = stream.user and stream_rules.lowest_by_user(stream.limits)
  local status, answer = supervisor.ask("POST", "/sessions/checkin", {
    scope = stream.scope,
    play_session_id = stream.play_session,
    user_id = stream.user or "",
    device_id = stream.device or "",
    device_name = who.device or "",
    item_id = stream.item,
    client_name = who.client or "",
    client_ip = stream.ip,
    max_streams = limit and limit.max or 0,
    action_on_exceed = limit and limit.kick and "kick_oldest" or "reject",
  })

  return status == 200 and type(answer) == "table" and answer or nil
end


-- Returns true when this request is the one of its stream that may ask; false
-- when the stream was admitted meanwhile, or that takes too long.
local function await_turn(stream)
  for _ = 1, MAX_LOOKS do
    if dict:add("checking:" .. stream.id, true, CHECKING_FOR) then
      return true
    end

    sleep(LOOK_INTERVAL)
    if sessions.state(stream) == "live" then
      return false
    end
  end

  return false
end


-- Returns a set of the play sessions that an answer asks to kick.
local function kicks_of(answer)
  if not answer or type(answer.kick) ~= "table" then
    return nil
  end

  local kick = {}
  for _, play_session in pairs(answer.kick) do
    kick[play_session] = true
  end

  return kick
end


-- Returns true; or false and the limit that was met.
local function admit(stream, who, state)
  -- What goes on although it was replaced does not replace in its turn: two
  -- streams that run side by side on one device are two.
  local replaces = state == nil

  if not supervisor.reachable() or not await_turn(stream) then
    return sessions.admit(stream, replaces, nil, true)
  end

  local answer = ask(stream, who)
  local admitted, limit
  if answer and answer.allowed == false then
    admitted, limit = false, stream_rules.lowest_by_user(stream.limits)

  else
    admitted, limit = sessions.admit(stream, replaces, kicks_of(answer), true)
    if not admitted then
      -- It was counted there, and does not run.
      report_end(stream, true)
    end
  end
  dict:delete("checking:" .. stream.id)

  return admitted, limit
end


-- Has the filters look after a stream. is_new: it was admitted just now.
local function watch(var, stream, is_new)
  local state = watched.add()
  state.stream = stream
  state.is_new = is_new
  var.uhd_mark = "stream"
end


-- Returns the stream that this caller's request belongs to when it was found
-- live within the last second: segments come one after the other.
local function look_up(who, play_session, item)
  local stream = who.streams and who.streams:get(play_session or item)
  -- Another item can mean another owner where it takes uhd.recent to tell.
  if stream and now() < stream.next_look and stream.user == who.user
     and (stream.item == item or who.user and who.device_id)
  then
    return stream
  end
end


local function check_stream(profile_limits, shared_limits, var, who, item, args)
  local play_session = args.play_session_id
  local known = look_up(who, play_session, item)
  if known then
    return watch(var, known, false)
  end

  local stream = new_stream(who, item, play_session)
  complete(stream)

  local limits =
    stream_rules.applying(profile_limits, shared_limits, stream)
  if #limits == 0 then
    return
  end
  sessions.prepare(stream, limits)

  local is_new = false
  local state = sessions.state(stream)
  if state == "kicked" then
    return refuse(stream_rules.lowest_by_user(limits))
  end

  if state ~= "live" and state ~= "ending" then
    local admitted, limit = admit(stream, who, state)
    if not admitted then
      return refuse(limit)
    end
    is_new = true
    recent.remember(stream)
  end

  if is_new or not who.streams then
    -- It may have replaced the others.
    who.streams = memo.new(STREAMS_PER_CALLER)
  end
  who.streams:set(play_session or item, stream)
  watch(var, stream, is_new)
end


-- report: as reports.read returns it.
local function check_report(who, report)
  if not report.play_session and not report.item then
    return
  end

  local stream = new_stream(who, report.item or "", report.play_session)
  -- Nobody ends another's stream by naming it, nor by naming its device.
  stream.owner = stream.owner or device_owner(stream)
  if not stream.owner then
    return
  end

  complete(stream)
  sessions.prepare(stream)
  if sessions.stop(stream) then
    report_end(stream, false)
  end
end


local function check_preparation(who, item)
  local stream = new_stream(who, item)
  stream.owner = stream.owner or device_owner(stream)
  if stream.owner then
    recent.remember(stream)
  end
end


-- Access phase: counts a stream, or refuses it. profile_limits, shared_limits:
-- as stream_rules compiles them, one of them not false; who: the caller; route:
-- as routes.read returns it; args: of a stream, as query.read returns them;
-- report: what the request reports of a playback, nil for nothing. Comes after
-- all other checks, since it makes room at the expense of other streams.
function _M.check(profile_limits, shared_limits, var, who, route, args,
                  report)
  local method = get_method()
  if method == "HEAD" or method == "OPTIONS" then
    return
  end

  if route.item then
    return check_stream(profile_limits, shared_limits, var, who, route.item,
                        args)
  end

  if route.prepares then
    return check_preparation(who, route.prepares)
  end

  if method == "POST" and route.ends_by_post
     or method == "DELETE" and route.ends_by_delete
  then
    return check_report(who, report or reports.read(var))
  end
end


-- Header filter: a stream that was admitted and then refused, or that the
-- media server has not got, does not count.
function _M.filter_header()
  if ngx.status < 400 then
    return
  end

  local state = watched.get()
  local stream = state and state.stream
  if stream then
    state.stream = false
    if state.is_new then
      sessions.forget(stream)
      report_end(stream, true)
    end
  end
end


return _M
