-- Tells the supervisor who logged in, and who failed to. Filters may open no
-- connection, so a timer does it; a supervisor that is away is tried again for
-- about a minute, since a restart of it takes seconds.

local supervisor = require "uhd.supervisor"


local ngx = ngx
local timer_at = ngx.timer.at


-- Logins a worker holds for a supervisor that is away.
local MAX_WAITING = 128

-- Seconds before the second try, doubled for each further one.
local FIRST_DELAY = 1
local MAX_TRIES = 7

local ERR = ngx.ERR
local WARN = ngx.WARN


local _M = {}


local waiting = 0


local function deliver(_, event, try)
  local status, err = supervisor.call("POST", "/logins", event)
  if not status and try < MAX_TRIES then
    -- Fails when the worker is ending, which drops the event.
    if timer_at(FIRST_DELAY * 2 ^ (try - 1), deliver, event, try + 1) then
      return
    end
  end

  waiting = waiting - 1
  if not status then
    ngx.log(WARN, "login not reported: ", err)

  elseif status >= 300 then
    ngx.log(ERR, "login not reported: supervisor answered ", status)
  end
end


-- event: the body of POST /logins, see docs/architecture.md; it holds no
-- token. Returns true, or nil and an error when it is dropped.
function _M.report(event)
  if waiting >= MAX_WAITING then
    return nil, "too many logins wait for the supervisor"
  end

  local ok, err = timer_at(0, deliver, event, 1)
  if not ok then
    return nil, err
  end
  waiting = waiting + 1

  return true
end


return _M
