-- Bytes of running transfers, reported while they run: a film takes hours and
-- its quota must not learn of it at the end.
--
-- Shared dict telemetry_buffer: the list "usage" of JSON records, each an
-- access log entry with the bytes since the one before. What was reported is
-- part of the final line's bytes_sent again, and in its `accounted`; so the sum
-- of a transfer is its records plus (bytes_sent - accounted), or its records
-- alone while it runs. A record that finds no room is not counted as
-- accounted: nothing is lost by it, only late.

local cjson = require "cjson.safe"
local entry = require "uhd.entry"


local concat = table.concat
local decode = cjson.decode
local dict = ngx.shared.telemetry_buffer
local fmt = string.format
local now = ngx.now


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

  if (dict:llen("usage") or 0) >= MAX_RECORDS then
    dict:incr("usage:refused", 1, 0)
    return false
  end

  local length = dict:rpush("usage", concat {
    fmt('{"ts":%.3f,"id":"', now()), var.request_id,
    '","ip":"', var.remote_addr, '",', line,
    fmt(',"bytes":%d}', bytes),
  })
  if not length then
    dict:incr("usage:refused", 1, 0)
  end

  return length ~= nil
end


-- Takes away up to max records. Returns them as a list of tables.
function _M.take(max)
  local records = {}
  while #records < max do
    local text = dict:lpop("usage")
    if not text then
      break
    end
    records[#records + 1] = decode(text)
  end

  return records
end


-- Returns how many records wait, and how many found no room since nginx
-- started.
function _M.counts()
  return {
    waiting = dict:llen("usage") or 0,
    refused = dict:get("usage:refused") or 0,
  }
end


return _M
