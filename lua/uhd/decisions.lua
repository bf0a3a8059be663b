-- Decisions that hold now: bans, throttles, exhausted quotas, kicked sessions.
-- The supervisor counts and decides, here is only looked up, in tables.
--
-- Shared dict config_cache:
--   decisions           the set that was pushed last, as JSON
--   decisions:changes   how many were pushed, by which workers notice
--
-- Unlike rules they belong to no generation: a reload keeps them, and old
-- workers that finish their streams follow them too.

local cjson = require "cjson.safe"
local countdown = require "uhd.countdown"
local decision_set = require "uhd.decision_set"


local dict = ngx.shared.config_cache
local time = ngx.time
local type = type


local _M = {
  -- Goes up with each change in this process. A running transfer compares it
  -- to learn whether it has to look again.
  epoch = 0,

  -- Whether bytes are to be counted down, of anybody.
  counting = false,
}


local lists = { pushed = {}, enforced = {} }
local views = {}
local changes = 0
local version = 0


local function use(name, list)
  lists[name] = list
  views = {}
  _M.counting = false
  for i = 1, #lists.pushed do
    _M.counting = _M.counting or lists.pushed[i].counts
  end
  _M.epoch = _M.epoch + 1
end


-- Makes the enforcements of the rules that this process has loaded hold.
function _M.use_enforcements(list)
  if #list > 0 or #lists.enforced > 0 then
    use("enforced", list)
  end
end


-- Returns the version of the pushed set that this process goes by, 0 for none.
function _M.version()
  return version
end


local function compile(text)
  local document, err = cjson.decode(text)
  if type(document) ~= "table" then
    return nil, "not a JSON object" .. (err and ": " .. err or "")
  end

  if type(document.version) ~= "number" then
    return nil, "must be a number", "version"
  end

  local list, field
  list, err, field = decision_set.read(document)
  if not list then
    return nil, err, field
  end

  return { version = document.version, list = list }
end


-- Makes text, a set of decisions, the one that all workers go by: whole or not
-- at all. Returns its version, or nil, an error and the field it is about.
function _M.push(text)
  local set, err, field = compile(text)
  if not set then
    return nil, err, field
  end

  local ok
  ok, err = dict:safe_set("decisions", text)
  if not ok then
    return nil, "no room in config_cache for " .. #text .. " bytes: " .. err
  end

  countdown.tell(set.list)
  changes = dict:incr("decisions:changes", 1, 0) or changes
  version = set.version
  use("pushed", set.list)

  return version
end


-- Takes over what was pushed to another worker. Returns true, or nil and an
-- error.
function _M.refresh()
  local pushed = dict:get("decisions:changes")
  if not pushed or pushed == changes then
    return true
  end

  local set, err, field = compile(dict:get("decisions") or "")
  if not set then
    return nil, (field or "decisions") .. ": " .. err
  end

  changes = pushed
  version = set.version
  use("pushed", set.list)

  return true
end


-- Returns what concerns one media server: a table with bans and quotas, each
-- nil where there are none, and counts, whether some are counted down.
function _M.of(scope)
  local view = views[scope]
  if not view then
    view = decision_set.view(lists, scope)
    views[scope] = view
  end

  return view
end


-- Returns the more severe of found and the decisions of list that have not
-- ended.
local function pick(list, found)
  for i = 1, #list do
    local decision = list[i]
    if (not decision.ends or decision.ends > time())
       and (not decision.counts or countdown.is_over(decision))
    then
      if decision.reject then
        return decision
      end

      if not found or decision.rate_bps < found.rate_bps then
        found = decision
      end
    end
  end

  return found
end


-- Reject wins over throttle, the slower throttle over the faster.
local function look(tables, dimension, value, found)
  if found and found.reject or not value then
    return found
  end

  local by_value = tables[dimension]
  local list = by_value and by_value[value]
  if not list then
    return found
  end

  return pick(list, found)
end


-- tables: the bans or the quotas of a view; the rest nil where unknown. user is
-- in the form of rate_rules.normalise. Returns the decision that holds, with
-- reject, rate_bps, reason and rule, or nil.
function _M.find(tables, ip, user, device, session)
  local found = look(tables, "global", "")
  found = look(tables, "ip", ip, found)
  found = look(tables, "user", user, found)
  found = look(tables, "device", device, found)

  return look(tables, "session", session, found)
end


local function add_counted(tables, dimension, value, found)
  local by_value = tables[dimension]
  local list = value and by_value and by_value[value]
  for i = 1, list and #list or 0 do
    local decision = list[i]
    if decision.counts and (not decision.ends or decision.ends > time()) then
      found[#found + 1] = decision
    end
  end
end


-- tables: the quotas of a view whose counts is set. Returns a list of those
-- that count down what is sent to a caller, or nil.
function _M.counted(tables, ip, user, device)
  local found = {}
  add_counted(tables, "global", "", found)
  add_counted(tables, "ip", ip, found)
  add_counted(tables, "user", user, found)
  add_counted(tables, "device", device, found)

  return #found > 0 and found or nil
end


return _M
