-- Bytes of running transfers, reported while they run: a film takes hours and
-- its quota must not learn of it at the end.
--
-- Shared dict telemetry_buffer: the list "usage" of JSON records, each an
-- access log entry with the bytes since the one before. What was reported is
-- part of the final line's bytes_sent again, and in its `accounted`; so the sum
-- of a transfer is its records plus (bytes_sent - accounted), or its records
-- alone while it runs. A record that finds no room is not counted as
-- accounted: nothing is lost by it, only late.
--
-- The supervisor reads records by number and says up to which one it has them
-- for good; only then are they forgotten. So a record that is handed out moves
-- from the list to "usage:<seq>". usage:first is the lowest number that is
-- kept, usage:last the highest. Numbers begin anew with nginx, when all of this
-- is gone: usage:epoch tells the one count from the other.

local entry = require "uhd.entry"


local concat = table.concat
local dict = ngx.shared.telemetry_buffer
local fmt = string.format
local min = math.min
local ngx = ngx
local now = ngx.now
local sub = string.sub


-- Records waiting to be taken, about 1 KB each; a gigabit of streams makes 16
-- a second.
local MAX_RECORDS = 10000


local _M = {}


-- Reports bytes of the request at hand. Returns true, or false when there was
-- no room.
function _M.report(var, bytes)
  local line = entry.read(var)
  if not line then
    return false
  end

  if dict:get("usage:closed") then
    return false
  end

  if (dict:llen("usage") or 0) >= MAX_RECORDS then
    dict:incr("usage:refused", 1, 0)
    return false
  end

  local length = dict:rpush("usage", concat {
    fmt('{"timestamp":%.3f,"ip":"', now()), var.remote_addr, '",', line,
    fmt(',"bytes":%d}', bytes),
  })
  if not length then
    dict:incr("usage:refused", 1, 0)
  end

  return length ~= nil
end


-- Returns what tells the numbers of this nginx from those of the one before.
function _M.epoch()
  dict:add("usage:epoch", fmt("%.3f-%d", now(), ngx.worker.pid()))

  return dict:get("usage:epoch")
end


-- Forgets all records up to that number.
local function forget(last)
  local first = dict:get("usage:first") or 1
  last = min(last, dict:get("usage:last") or 0)
  for number = first, last do
    dict:delete("usage:" .. number)
  end

  if last >= first then
    dict:set("usage:first", last + 1)
  end
end


-- Gives the oldest record of the list the next number. Returns it, or nil.
local function draw()
  local text = dict:lpop("usage")
  if not text then
    return nil
  end

  local number = dict:incr("usage:last", 1, 0)
  text = fmt('{"seq":%d,', number) .. sub(text, 2)
  if not dict:safe_set("usage:" .. number, text) then
    dict:incr("usage:lost", 1, 0)
  end

  return text
end


-- Makes no more records: nginx is about to end, and nobody would read them.
function _M.close()
  dict:set("usage:closed", true)
end


-- Returns up to max records as a list of JSON texts, oldest first. Those up to
-- the number `after` of that epoch are forgotten, all others are returned
-- again until they are.
function _M.read(epoch, after, max)
  if epoch == _M.epoch() then
    forget(after)
  end

  local records = {}
  local first, last = dict:get("usage:first") or 1, dict:get("usage:last") or 0
  for number = first, min(last, first + max - 1) do
    records[#records + 1] = dict:get("usage:" .. number)
  end

  while #records < max do
    local text = draw()
    if not text then
      break
    end
    records[#records + 1] = text
  end

  return records
end


-- Returns how many records wait, and how many found no room since nginx
-- started; those that were lost had been reported and cannot be read.
function _M.counts()
  local first, last = dict:get("usage:first") or 1, dict:get("usage:last") or 0

  return {
    waiting = (dict:llen("usage") or 0) + last - first + 1,
    refused = dict:get("usage:refused") or 0,
    lost = dict:get("usage:lost") or 0,
  }
end


return _M
