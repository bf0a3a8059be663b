-- Decisions about single clients, checked: those that the supervisor pushes
-- (bans, exhausted quotas, kicked sessions) and the enforcements of rules.json.

local countdown = require "uhd.countdown"
local rate_rules = require "uhd.rate_rules"
local rfc3339 = require "uhd.rfc3339"
local schema = require "uhd.schema"


local find = string.find
local fmt = string.format
local member = schema.member
local pairs = pairs
local typed = schema.typed


local DIMENSIONS = {
  ip = true, user = true, device = true, global = true, session = true,
}

-- To count is to reject once what is left is used up, see uhd.countdown.
local ACTIONS = { reject = true, throttle = true, count = true }

local REASONS = {
  ban = true, quota_requests = true, quota_bandwidth = true, kicked = true,
}


local _M = {}


-- Reads what decisions and enforcements have in common.
local function read(document, value_name)
  local dimension = member(document, "dimension")
  if not DIMENSIONS[dimension] then
    return nil, "must be ip, user, device, global or session", "dimension"
  end

  local value, err, field = typed(document, value_name, "string", "")
  if not value then
    return nil, err, field
  end
  if value == "" and dimension ~= "global" then
    return nil, "must not be empty", value_name
  end

  local rate
  rate, err, field = typed(document, "throttle_rate_bps", "number", 0)
  if not rate then
    return nil, err, field
  end

  local action = member(document, "action")
  if not ACTIONS[action] or action == "count" and value_name ~= "value" then
    return nil, "must be reject or throttle", "action"
  end
  if action == "throttle" and rate < 1 then
    return nil, "must be the bytes per second to throttle to",
           "throttle_rate_bps"
  end

  return {
    dimension = dimension,
    value = dimension == "global" and ""
            or rate_rules.normalise(dimension, value),
    scope = "",
    reject = action ~= "throttle",
    counts = action == "count",
    rate_bps = rate,
    reason = "ban",
    quota = false,
    rule = "",
  }
end


local function read_decision(document)
  local decision, err, field = read(document, "value")
  if not decision then
    return nil, err, field
  end

  decision.scope, err, field = typed(document, "scope", "string", "")
  if not decision.scope then
    return nil, err, field
  end

  decision.reason = member(document, "reason")
  if not REASONS[decision.reason] then
    return nil, "must be ban, quota_requests, quota_bandwidth or kicked",
           "reason"
  end
  decision.quota = find(decision.reason, "quota", 1, true) == 1

  local rule
  rule, err, field = typed(document, "rule_id", "number", 0)
  if not rule then
    return nil, err, field
  end
  decision.rule = rule ~= 0 and fmt("%d", rule) or ""

  decision.ends, err, field = typed(document, "until", "number")
  if err then
    return nil, err, field
  end

  if decision.counts then
    decision.left, err, field = typed(document, "bytes_left", "number")
    if not decision.left then
      return nil, err or "must be the bytes that are left",
             field or "bytes_left"
    end
    decision.key = countdown.key(decision)
  end

  return decision
end


local function read_enforcement(document)
  local decision, err, field = read(document, "dimension_value")
  if not decision then
    return nil, err, field
  end

  local text
  text, err, field = typed(document, "effective_until", "string")
  if err then
    return nil, err, field
  end

  decision.ends = text and rfc3339.parse(text)
  if text and not decision.ends then
    return nil, "must be a time with its zone, as 2026-01-31T12:00:00Z",
           "effective_until"
  end

  return decision
end


local function read_list(document, name, read_one)
  local list, err, field = schema.list(document, name, "table")
  if not list then
    return nil, err, field
  end

  local decisions = {}
  for i = 1, #list do
    decisions[i], err, field = read_one(list[i])
    if not decisions[i] then
      return nil, err, fmt("%s[%d].%s", name, i - 1, field)
    end
  end

  return decisions
end


-- document: { version, decisions }. Returns the list of decisions, or nil, an
-- error and its field.
function _M.read(document)
  return read_list(document, "decisions", read_decision)
end


-- document: rate_limit of rules.json. Returns the list of its enforcements as
-- decisions, or nil, an error and its field.
function _M.read_enforcements(document)
  return read_list(document, "enforcements", read_enforcement)
end


local function add(tables, decision)
  local by_value = tables[decision.dimension] or {}
  tables[decision.dimension] = by_value

  local list = by_value[decision.value] or {}
  by_value[decision.value] = list
  list[#list + 1] = decision
end


-- Returns what concerns one media server: bans and quotas, each a table
-- dimension → value → list of decisions, or nil where there are none; by_user,
-- whether some are about users; and counts, whether some are counted down.
function _M.view(lists, scope)
  local view = {}
  for _, list in pairs(lists) do
    for i = 1, #list do
      local decision = list[i]
      if decision.scope == "" or decision.scope == scope then
        local step = decision.quota and "quotas" or "bans"
        view[step] = view[step] or {}
        view.by_user = view.by_user or decision.dimension == "user"
      view.counts = view.counts or decision.counts
        add(view[step], decision)
      end
    end
  end

  return view
end


return _M
