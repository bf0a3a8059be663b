-- Rate limits, exact under all workers: N requests in a second (or minute) and
-- from then on N per second, and `burst` more once; what is left unused
-- comes back, up to the burst and one window's N.
--
-- The shared dict has no compare-and-swap, so a token bucket that is read,
-- refilled and written would lose requests between workers, and a lock costs
-- more than all else. What is atomic is incr. So each counter is one number,
--
--   start of the count in ms * SCALE + BIAS + requests since then
--
-- that is only ever changed by incr: a request adds 1 and reads from the sum
-- whether
--
--   requests <= burst + N * max(1, age in windows)
--
-- holds; if not, it takes its 1 back. No request is counted twice or
-- forgotten, and the usual one costs one operation of the dict. From time to
-- time the start moves forward and the requests that have been paid for by
-- then leave the count: one incr by the difference. Should two workers do
-- that at once, the second sees it in the sum and takes its move back.
--
-- A full dict forgets the counters that were used least recently, as nginx's
-- dicts do: a client that keeps coming stays limited, one that was away starts
-- anew. If there is no room even so, the request is let through. Both are
-- counted, see GET /state.

local monotonic_msec = require "resty.core.time".monotonic_msec


local ceil = math.ceil
local concat = table.concat
local floor = math.floor
local fmt = string.format
local insert = table.insert
local loadstring = loadstring
local max = math.max
local md5 = ngx.md5
local setmetatable = setmetatable


local dict = ngx.shared.rate_limit

-- Room for the requests, and for takers that have yet to take theirs back.
local SCALE = 2 ^ 24
local BIAS = 1024

-- Milliseconds since the machine started, so that no clock that is set moves
-- a limit, modulo 6 days. Counters live a day at most.
local SPAN = 2 ^ 29

-- A start that lies so many milliseconds ahead is one of two moves at once,
-- about to be taken back.
local AHEAD = 500

-- Longer values are hashed for their key.
local MAX_VALUE = 64


local _M = {}
local mt = { __index = _M }

-- The limits of one media server.
local Scoped = {}
local scoped_mt = { __index = Scoped }


local function now_ms()
  return monotonic_msec() % SPAN
end


-- Milliseconds from start to now, both modulo SPAN.
local function since(start, now)
  local age = now - start
  if age < -SPAN / 2 then
    return age + SPAN
  end

  return age
end


-- Moves the start of a count forward, by age when the bucket is full again,
-- else by whole windows. Returns by how much and what left the count; 0, 0
-- when another worker was first.
local function renew(limit, key, start, count, age)
  local windows = age / limit.window
  local by, paid
  if count - 1 <= limit.size * (windows - 1) then
    by, paid = age, count - 1

  else
    by = floor(windows) - 1
    paid = by * limit.size
    by = by * limit.window
  end

  local moved = (start + by) % SPAN
  local change = (moved - start) * SCALE - paid
  local value = dict:incr(key, change)
  if value and floor(value / SCALE) ~= moved then
    dict:incr(key, -change)
    return 0, 0
  end
  dict:expire(key, limit.kept)

  return by, paid
end


-- Takes one request from a counter. Returns nil when the limit holds, else the
-- seconds until it would.
local function take(limit, key, now)
  local value, err, evicted =
    dict:incr(key, 1, now * SCALE + BIAS, limit.kept)
  if not value then
    dict:incr(err == "no memory" and "unlimited" or "failed", 1, 0)
    return nil
  end

  if evicted then
    dict:incr("evicted", 1, 0)
  end

  local start = floor(value / SCALE)
  local count = value - start * SCALE - BIAS
  local age = since(start, now)
  if age >= 2 * limit.window then
    local by, paid = renew(limit, key, start, count, age)
    age, count = age - by, count - paid

  elseif age < -AHEAD then
    return nil
  end

  local over = count - limit.burst
  if over <= limit.size or over * limit.window <= limit.size * age then
    return nil
  end

  dict:incr(key, -1)

  return max(1, ceil((over / limit.size * limit.window - age) / 1000))
end


-- limits: as rate_rules.read returns them. Returns the limiter, false when
-- nothing is limited.
function _M.compile(limits)
  if #limits == 0 then
    return false
  end

  local by_dimension = {}
  for i = 1, #limits do
    local dimension = limits[i].dimension
    by_dimension[dimension] = by_dimension[dimension] or {}
    local list = by_dimension[dimension]
    list[#list + 1] = limits[i]
  end

  return setmetatable({ by_dimension = by_dimension, scopes = {} }, mt)
end


-- Returns the limits of one media server: none is shared between two. by_user
-- in it says whether users matter.
function _M:of(scope)
  local scoped = self.scopes[scope]
  if not scoped then
    scoped = setmetatable({
      limits = self.by_dimension,
      by_user = self.by_dimension.user ~= nil,
      scope = scope,
    }, scoped_mt)
    self.scopes[scope] = scoped
  end

  return scoped
end


-- The keys that the request at hand has been counted under. One list for all:
-- nothing here waits.
local taken = {}
local taken_count = 0
local worst


local function give_back()
  for i = 1, taken_count do
    dict:incr(taken[i], -1)
  end
end


-- Counts the request for one limit. Returns the limit and the seconds to wait
-- when it rejects it, else nil.
local function check_limit(limit, key, now)
  local wait = take(limit, key, now)
  if not wait then
    taken_count = taken_count + 1
    taken[taken_count] = key

  elseif limit.action == "reject" then
    -- What one limit refuses is not held against the others.
    give_back()
    return limit, wait

  elseif not worst or worst.action == "warn"
         or limit.action == "throttle" and limit.rate_bps < worst.rate_bps
  then
    worst = limit
  end
end


-- Functions that check so many limits one after the other. LuaJIT does not
-- compile loops that mostly make one or two rounds, so these have none.
local unrolled = {}


local function checker(count)
  if not unrolled[count] then
    local source = { "local check = ... return function(c, now)",
                     "local limit, wait" }
    for i = 1, count do
      insert(source, fmt("limit, wait = check(c[%d], c[%d], now)",
                         2 * i - 1, 2 * i))
      insert(source, "if limit then return limit, wait end")
    end
    insert(source, "end")
    unrolled[count] = loadstring(concat(source, "\n"))(check_limit)
  end

  return unrolled[count]
end


-- Adds the limits that a value has, each followed by the key of its counter.
local function add_counters(counters, scoped, dimension, value)
  local limits = value and scoped.limits[dimension]
  if not limits then
    return
  end

  local name = #value > MAX_VALUE and md5(value) or value
  for i = 1, #limits do
    local limit = limits[i]
    if not limit.value or limit.value == value then
      insert(counters, limit)
      insert(counters, limit.prefix .. scoped.scope .. ":" .. name)
    end
  end
end


-- ip, user and device: nil where unknown. Returns what check takes to count
-- their requests; false when there is nothing to count.
function Scoped:counters(ip, user, device)
  local counters = {}
  add_counters(counters, self, "ip", ip)
  add_counters(counters, self, "user", user)
  add_counters(counters, self, "device", device)
  add_counters(counters, self, "global", "")
  if #counters == 0 then
    return false
  end
  counters.check = checker(#counters / 2)

  return counters
end


-- Counts a request, as Scoped:counters has prepared it. Returns nil when it
-- keeps all limits, else the limit it is over, the most severe one, and the
-- seconds until a rejected one may come again.
function _M.check(counters)
  taken_count = 0
  worst = nil
  local limit, wait = counters.check(counters, now_ms())

  return limit or worst, wait
end


-- Returns what did not go as it should, for GET /state: counters that a full
-- dict forgot and requests that none could be made for, since nginx started.
function _M.counts()
  return {
    evicted = dict:get("evicted") or 0,
    unlimited = dict:get("unlimited") or 0,
  }
end


return _M
