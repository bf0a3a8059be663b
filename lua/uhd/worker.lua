-- What each worker does beside requests: it looks ten times a second whether
-- there are new decisions and whether its generation has new rules, reports
-- which it has loaded, and writes the log lines that requests left.

local cjson = require "cjson.safe"
local config = require "uhd.config"
local decisions = require "uhd.decisions"
local refusals = require "uhd.log"


local log = ngx.log
local ERR = ngx.ERR
local dict = ngx.shared.config_cache


-- Seconds. A change of rules is to reach every worker within one second.
local INTERVAL = 0.1

-- Ticks between two signs of life, and seconds until a report without one is
-- forgotten.
local TICKS_PER_REPORT = 50
local REPORT_KEPT = 30


local _M = {}


local loaded_at = 0
local reported
local ticks = 0
local complained


local function key_of(generation, id)
  return "worker:" .. generation .. ":" .. id
end


local function report()
  local hash = config.hash()
  local text = cjson.encode {
    id = ngx.worker.id(),
    pid = ngx.worker.pid(),
    rules_hash = hash,
    loaded_at = loaded_at,
  }

  local key = key_of(config.generation, ngx.worker.id())
  local ok, err = dict:safe_set(key, text, REPORT_KEPT)
  if not ok then
    error("could not report to config_cache: " .. err)
  end

  config.keep_alive()
  reported = hash
  ticks = 0
end


local function tick()
  local ok, problem = decisions.refresh()
  if not ok then
    error(problem)
  end

  local changed, err = config.refresh()
  if changed == nil then
    error(err)
  end

  if config.hash() ~= reported then
    loaded_at = ngx.now()
    report()
    return
  end

  ticks = ticks + 1
  if ticks >= TICKS_PER_REPORT then
    report()
  end
end


-- Whatever goes wrong is said once, and tried again at the next tick.
local function safe_tick()
  local ok, err = pcall(tick)
  if ok then
    complained = nil

  elseif err ~= complained then
    log(ERR, "rules not loaded: ", err)
    complained = err
  end
end


local function on_timer(premature)
  -- The last call, when the worker is told to end, still has lines to write.
  pcall(refusals.flush)

  if not premature then
    safe_tick()
  end
end


-- Called by each worker before its first request.
function _M.start()
  if not ngx.worker.id() then
    return
  end

  safe_tick()

  local ok, err = ngx.timer.every(INTERVAL, on_timer)
  if not ok then
    log(ERR, "rules will not follow changes: no timer: ", err)
  end
end


-- Returns what the workers of this generation reported, a list of tables id,
-- pid, rules_hash, loaded_at. A worker that has not reported is missing.
function _M.reports()
  local list = {}
  for id = 0, ngx.worker.count() - 1 do
    local text = dict:get(key_of(config.generation, id))
    if text then
      list[#list + 1] = cjson.decode(text)
    end
  end

  return list
end


return _M
