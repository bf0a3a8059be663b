-- What is left of bandwidth quotas that are nearly exhausted. The supervisor
-- hears of bytes with the records of running transfers, some megabytes of each
-- late; so it says how many are left, and workers count those down themselves.
--
-- Shared dict config_cache:
--   left:<quota>   bytes, of all workers together
--   told:<quota>   what the supervisor said last
--
-- What it says is a little old when it comes: a lower number here is the truer
-- one, unless it says more than it said before.

local fmt = string.format
local max = math.max
local min = math.min
local time = ngx.time


local dict = ngx.shared.config_cache


-- Seconds for which the numbers of a quota without an end are kept.
local KEPT = 86400


local _M = {}


-- Returns what names the quota of a decision.
function _M.key(decision)
  return fmt("%s:%s:%s:%s:%d", decision.dimension, decision.value,
             decision.scope, decision.rule, decision.ends or 0)
end


-- Takes over what a list of decisions says is left. Called by the one worker
-- that they were pushed to.
function _M.tell(list)
  for i = 1, #list do
    local decision = list[i]
    if decision.left then
      local key, left = decision.key, decision.left
      local told = dict:get("told:" .. key)
      local counted = dict:get("left:" .. key)
      if told and counted and left <= told then
        left = min(left, counted)
      end

      local kept = decision.ends and max(1, decision.ends - time()) or KEPT
      dict:safe_set("left:" .. key, left, kept)
      dict:safe_set("told:" .. key, decision.left, kept)
    end
  end
end


-- Returns whether nothing is left.
function _M.is_over(decision)
  local left = dict:get("left:" .. decision.key)

  return left ~= nil and left <= 0
end


-- Counts bytes that were sent. Returns whether nothing is left then.
function _M.take(decision, bytes)
  local left = dict:incr("left:" .. decision.key, -bytes)

  return left ~= nil and left <= 0
end


return _M
