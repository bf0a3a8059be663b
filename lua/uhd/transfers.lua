-- Large answers while they run: a ban, an exhausted quota or a kicked session
-- ends them, a throttle cuts them, and their bytes are reported.
--
-- A throttle cuts because limit_rate, lowered under way, stalls a transfer
-- until its average has come down. The player comes back with a Range request,
-- and that starts at the new rate.

local config = require "uhd.config"
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
  state.epoch = decisions.epoch
  state.parts = 0
  state.accounted = 0
  state.reported_at = now()
end


-- Returns the decision that ends the transfer at hand, or nil.
local function find_end(var)
  local rules = config.current()
  if not rules then
    return nil
  end

  local server = request.server(rules, var)
  local view = decisions.of(server.scope)
  if not view.bans and not view.quotas then
    return nil
  end

  local caller = request.caller(server, var)
  local session = query.read(var).play_session_id
  local rate = tonumber(var.limit_rate) or 0

  for _, step in ipairs { "bans", "quotas" } do
    local tables = view[step]
    local user = caller.user_key
                 or tables and tables.user and request.claimed_user(var)
    local found = tables and decisions.find(tables, var.remote_addr, user,
                                            caller.device_id, session)
    if found and (found.reject or rate == 0 or found.rate_bps < rate) then
      return found
    end
  end
end


local function report(state, var)
  state.parts = 0

  local bytes = tonumber(var.bytes_sent) - state.accounted
  if bytes < REPORT_BYTES and now() - state.reported_at < REPORT_SECONDS then
    return
  end

  state.reported_at = now()
  if bytes > 0 and usage.report(var, bytes) then
    state.accounted = state.accounted + bytes
  end
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
    local found = find_end(ngx.var)
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
    report(state, ngx.var)
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
