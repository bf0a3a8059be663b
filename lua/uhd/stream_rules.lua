-- How many streams may run at once: a profile's concurrent_streams, which
-- counts per user, and the stream rules of all profiles, which count per user,
-- device, address, or everything on a media server. All that apply must hold.

local cjson = require "cjson.safe"
local rate_rules = require "uhd.rate_rules"
local schema = require "uhd.schema"


local floor = math.floor
local fmt = string.format
local insert = table.insert
local typed = schema.typed


local DIMENSIONS = { user = true, device = true, ip = true, global = true }

-- Where a stream says what a rule's value is compared with.
local FIELDS = { user = "user_key", device = "device", ip = "ip" }

local KICKS = { [""] = false, reject = false, kick_oldest = true }


local _M = {}


-- Returns the limit that a document states, false when it states none, or nil,
-- an error and its field.
local function compile(document)
  local max, err, field = typed(document, "max_streams", "number", 0)
  if not max then
    return nil, err, field
  end
  if max < 0 or max ~= floor(max) then
    return nil, "must be a whole number, 0 for no limit", "max_streams"
  end

  local action
  action, err, field = typed(document, "action_on_exceed", "string", "")
  if not action then
    return nil, err, field
  end

  local kick = KICKS[action]
  if kick == nil then
    return nil, "must be reject or kick_oldest", "action_on_exceed"
  end

  local message
  message, err, field = typed(document, "deny_message", "string", "")
  if not message then
    return nil, err, field
  end

  return max > 0 and {
    by = "user",
    value = "",
    max = max,
    kick = kick,
    message = message ~= "" and cjson.encode(message) or nil,
  }
end


-- Compiles a profile's concurrent_streams. Returns a list of one limit, false
-- for no limit, or nil, an error and its field.
function _M.compile_profile(document)
  local settings, err, field =
    typed(document, "concurrent_streams", "table", {})
  if not settings then
    return nil, err, field
  end

  local limit
  limit, err, field = compile(settings)
  if limit == nil then
    return nil, err, "concurrent_streams." .. field
  end

  return limit and { limit }
end


local function compile_rule(rule)
  local limit, err, field = compile(rule)
  if not limit then
    return limit, err, field
  end

  limit.by = schema.member(rule, "apply_to")
  if not DIMENSIONS[limit.by] then
    return nil, "must be user, device, ip or global", "apply_to"
  end

  local value
  value, err, field = typed(rule, "apply_value", "string", "")
  if not value then
    return nil, err, field
  end
  limit.value = rate_rules.normalise(limit.by, value)

  limit.id = schema.member(rule, "id")

  return limit
end


-- Compiles rate_limit.stream_rules. Returns a list of limits, false for none,
-- or nil, an error and its field.
function _M.compile_rules(document)
  local rules, err, field = schema.list(document, "stream_rules", "table")
  if not rules then
    return nil, err, field
  end

  local limits = {}
  for i = 1, #rules do
    local limit
    limit, err, field = compile_rule(rules[i])
    if limit == nil then
      return nil, err, fmt("stream_rules[%d].%s", i - 1, field)
    end

    if limit then
      limits[#limits + 1] = limit
    end
  end

  return #limits > 0 and limits
end


-- Appends to applying those of limits that apply to a stream: its user_key
-- and device, nil where they are not known, and ip.
local function select(applying, limits, stream)
  if not limits then
    return
  end

  for i = 1, #limits do
    local limit = limits[i]
    if limit.value == "" or limit.by == "global"
       or limit.value == stream[FIELDS[limit.by]]
    then
      insert(applying, limit)
    end
  end
end


-- Returns the limits that apply to a stream. profile, shared: lists of limits,
-- or false.
function _M.applying(profile, shared, stream)
  local applying = {}
  select(applying, profile, stream)
  select(applying, shared, stream)

  return applying
end


-- Returns the lowest limit that counts per user, or nil.
function _M.lowest_by_user(limits)
  local lowest
  for i = 1, #limits do
    local limit = limits[i]
    if limit.by == "user" and (not lowest or limit.max < lowest.max) then
      lowest = limit
    end
  end

  return lowest
end


return _M
