-- Large answers while they run: a ban, an exhausted quota or a kicked session
-- ends them, a throttle cuts them, and their bytes are reported.
--
-- A throttle cuts because limit_rate, lowered under way, stalls a transfer
-- until its average has come down. The player comes back with a Range request,
-- and that starts at the new rate.

local config = require "uhd.config"
local countdown = require "uhd.countdown"
local decisions = require "uhd.decisions"
local entry = require "uhd.entry"
local login = require "uhd.login"
local query = require "uhd.query"
local request = require "uhd.request"
local sessions = require "uhd.sessions"
local usage = require "uhd.usage"
local watched = require "uhd.watched"


local ngx = ngx
local now = ngx.now
local tonumber = tonumber


-- Bytes or seconds, whichever comes first, between two reports.
local REPORT_BYTES = 8 * 1024 * 1024
local REPORT_SECONDS = 10

-- Parts of an answer, of at most 32 KB each, between two looks at its bytes.
local PARTS_PER_LOOK = 16


local _M = {}


-- Begins to look after an answer. Header filter.
function _M.start(state)
  -- Where nothing is counted down, the access chain has looked already.
  state.epoch = decisions.counting and 0 or decisions.epoch
  state.parts = 0
  state.accounted = 0
  state.reported_at = now()
end


-- Begins to count down what is sent to a caller, where that is asked for. What
-- was reported before is in the supervisor's number.
local function watch_quotas(state, view, caller)
  local quotas = view.counts
                 and decisions.counted(view.quotas, caller.ip,
                                       caller.user_key, caller.device_id)
  if quotas and not state.quotas then
    state.counted = state.accounted
  end
  state.quotas = quotas
end


-- Returns the decision that ends the transfer at hand, or nil.
local function find_end(state, var)
  local rules = config.current()
  if not rules then
    return nil
  end

  local sender = request.sender(rules, var)
  local view = decisions.of(sender.server.scope)
  if not view.bans and not view.quotas then
    state.quotas = false
    return nil
  end

  local caller = sender:caller(var)
  watch_quotas(state, view, caller)
  local session = query.read(var).play_session_id
  local rate = tonumber(var.limit_rate) or 0

  for _, step in ipairs { "bans", "quotas" } do
    local tables = view[step]
    local user = caller.user_key
                 or tables and tables.user and request.claimed_user(var)
    local found = tables and decisions.find(tables, caller.ip, user,
                                            caller.device_id, session)
    if found and (found.reject or rate == 0 or found.rate_bps < rate) then
      return found
    end
  end
end


-- Counts what was sent since the last look. Returns the quota that it has
-- used up, or nil.
local function count(state, sent)
  local bytes = sent - state.counted
  state.counted = sent

  local over
  for i = 1, #state.quotas do
    if countdown.take(state.quotas[i], bytes) then
      over = state.quotas[i]
    end
  end

  return over
end


-- Looks at the bytes of the transfer at hand. Returns the quota that it has
-- used up, or nil.
local function look(state, var)
  state.parts = 0

  local sent = tonumber(var.bytes_sent)
  local over = state.quotas and count(state, sent)
  local bytes = sent - state.accounted
  if bytes < REPORT_BYTES and now() - state.reported_at < REPORT_SECONDS
     and not over
  then
    return
  end

  state.reported_at = now()
  if bytes > 0 and usage.report(var, bytes) then
    state.accounted = state.accounted + bytes
  end

  return over
end


local function cut(verdict, reason, rule)
  entry.set_verdict(verdict, reason, rule)

  return ngx.ERROR
end


-- Body filter: for each part of an answer. Returns ngx.ERROR for a transfer
-- that is to end.
function _M.filter_body()
  local state = watched.get()
  if not state then
    return nil
  end

  if state.login then
    local arg = ngx.arg
    login.filter_body(state, arg[1], arg[2])
  end

  if not state.epoch then
    return nil
  end

  if state.epoch ~= decisions.epoch then
    state.epoch = decisions.epoch
    local found = find_end(state, ngx.var)
    if found then
      return cut(found.reject and "reject" or "throttle", found.reason,
                 found.rule)
    end
  end

  if state.stream and not sessions.keep(state.stream) then
    return cut("reject", "kicked", "")
  end

  state.parts = state.parts + 1
  if state.parts >= PARTS_PER_LOOK
     or now() - state.reported_at >= REPORT_SECONDS
  then
    local over = look(state, ngx.var)
    if over then
      return cut("reject", over.reason, over.rule)
    end
  end
end


-- Log phase: says in the access log what was reported before.
function _M.finish()
  local state = watched.remove()
  if state and state.accounted and state.accounted > 0 then
    ngx.var.uhd_accounted = state.accounted
  end
end


return _M
