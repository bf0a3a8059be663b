-- Rate rules of rules.json, checked and made into limits: a rule that has both
-- rates becomes two.

local schema = require "uhd.schema"


local floor = math.floor
local fmt = string.format
local gsub = string.gsub
local lower = string.lower
local member = schema.member
local min = math.min
local typed = schema.typed


local DIMENSIONS = { ip = true, user = true, device = true, global = true }

local ACTIONS = { reject = true, throttle = true, warn = true }

-- Requests. A counter's number has room for a few times as many, and no nginx
-- answers more: what is higher is no limit, and this is none either.
local MAX_RATE = 2000000
local MAX_NUMBER = 2 ^ 53

-- Milliseconds.
local SECOND = 1000
local MINUTE = 60000

-- Windows after which a counter has filled up again whatever happened in
-- them, beside what its burst takes; and seconds that one is kept at most.
local WINDOWS_KEPT = 4
local MAX_KEPT = 86400


local _M = {}


-- Returns t[name], a whole number, not negative.
local function number(t, name)
  local value, err = typed(t, name, "number", 0)
  if not value then
    return nil, err, name
  end

  if value < 0 or value > MAX_NUMBER or value ~= floor(value) then
    return nil, "must be a whole number, 0 for none", name
  end

  return value
end


-- User ids in one form: servers take them with dashes and without, in any
-- case.
function _M.normalise(dimension, value)
  if dimension == "user" then
    return (gsub(lower(value), "-", ""))
  end

  if dimension == "ip" then
    return lower(value)
  end

  return value
end


local function add_limit(limits, rule, name, size, window, burst)
  if size == 0 then
    return
  end

  size, burst = min(size, MAX_RATE), min(burst, MAX_RATE)
  local refill = burst / size
  limits[#limits + 1] = {
    rule = rule.id,
    dimension = rule.dimension,
    value = rule.value,
    action = rule.action,
    rate_bps = rule.rate_bps,
    prefix = rule.id .. ":" .. name .. ":",
    size = size,
    window = window,
    burst = burst,
    kept = min(MAX_KEPT, (WINDOWS_KEPT + refill) * window / 1000),
  }
end


-- Returns what the limits of a rule share, or nil, an error and its field.
local function read_rule(document)
  local rule = {}

  local err, field
  rule.id, err, field = number(document, "id")
  if not rule.id then
    return nil, err, field
  end
  rule.id = fmt("%d", rule.id)

  rule.dimension = member(document, "apply_to")
  if not DIMENSIONS[rule.dimension] then
    return nil, "must be ip, user, device or global", "apply_to"
  end

  local value
  value, err, field = typed(document, "apply_value", "string", "")
  if not value then
    return nil, err, field
  end
  rule.value = value ~= "" and rule.dimension ~= "global"
               and _M.normalise(rule.dimension, value) or nil

  rule.rate_bps, err, field = number(document, "throttle_rate_bps")
  if not rule.rate_bps then
    return nil, err, field
  end

  rule.action = member(document, "over_action") or "reject"
  if rule.action == "" then
    rule.action = "reject"
  end
  if not ACTIONS[rule.action] then
    return nil, "must be reject, throttle or warn", "over_action"
  end

  return rule
end


local function add_rule(limits, document)
  local rule, err, field = read_rule(document)
  if not rule then
    return nil, err, field
  end

  local per_second, per_minute, burst
  per_second, err, field = number(document, "rate_per_second")
  if not per_second then
    return nil, err, field
  end

  burst, err, field = number(document, "rate_burst")
  if not burst then
    return nil, err, field
  end

  per_minute, err, field = number(document, "rate_per_minute")
  if not per_minute then
    return nil, err, field
  end

  if rule.action == "throttle" and rule.rate_bps == 0
     and per_second + per_minute > 0
  then
    return nil, "must say to how many bytes per second over_action throttles",
           "throttle_rate_bps"
  end

  add_limit(limits, rule, "s", per_second, SECOND, burst)
  add_limit(limits, rule, "m", per_minute, MINUTE, 0)

  return true
end


-- document: rate_limit of rules.json. Returns the list of limits, or nil, an
-- error and its field.
function _M.read(document)
  local rules, err, field = schema.list(document, "rules", "table")
  if not rules then
    return nil, err, field
  end

  local limits, seen = {}, {}
  for i = 1, #rules do
    local ok
    ok, err, field = add_rule(limits, rules[i])
    if not ok then
      return nil, err, fmt("rules[%d].%s", i - 1, field)
    end

    -- Two rules of one id would share a counter.
    local id = member(rules[i], "id") or 0
    if seen[id] then
      return nil, "must be this rule's alone", fmt("rules[%d].id", i - 1)
    end
    seen[id] = true
  end

  return limits
end


return _M
