-- What players report of their playbacks: that one has started, goes on or has
-- ended. It says nothing that is believed about who they are.

local cjson = require "cjson.safe"
local playback = require "uhd.playback"
local query = require "uhd.query"


local concat = table.concat
local find = string.find
local fmt = string.format
local ngx = ngx
local sub = string.sub
local tonumber = tonumber
local type = type


-- Bytes of a report that are read; one has about 1 KB.
local MAX_BODY = 65536

-- A century in ticks of 100 ns; what is beyond is no position.
local MAX_TICKS = 100 * 365.25 * 86400 * 1e7

-- Where reports are sent to, as paths.read writes it, and what may follow.
local PLACE = "/sessions/playing/"
local EVENTS = {
  [""] = "start",
  ["progress/"] = "progress",
  ["stopped/"] = "stop",
}


local _M = {}


-- Returns start, progress or stop when a POST to path reports that; else nil.
function _M.event(path)
  -- It may have a base path of its own.
  local _, last = find(path, PLACE, 1, true)

  return last and EVENTS[sub(path, last + 1)]
end


-- Returns what the request at hand reports in its query or body: play_session,
-- item, position (ticks of 100 ns) and paused, each nil where it does not.
-- Access phase.
function _M.read(var)
  local stated = query.read(var)
  local report = {
    play_session = stated.play_session_id,
    item = stated.item_id,
  }
  local length = tonumber(var.http_content_length)
  if not length or length > MAX_BODY then
    return report
  end

  ngx.req.read_body()
  local document = cjson.decode(ngx.req.get_body_data() or "")
  if type(document) ~= "table" then
    return report
  end

  local play_session, item = playback.read(document)
  if not report.play_session then
    report.play_session, report.item = play_session, item or report.item
  end

  local position = document.PositionTicks or document.positionTicks
  position = type(position) == "number" and position or nil
  if position and position >= 0 and position <= MAX_TICKS then
    report.position = position
  end
  report.paused = document.IsPaused == true or document.isPaused == true

  return report
end


-- Returns how the access log writes a report.
function _M.json(event, report)
  return concat {
    playback.json(report.play_session, report.item),
    ',"playback":{"event":"', event,
    '","position_ticks":', fmt("%.0f", report.position or 0),
    ',"is_paused":', report.paused and "true" or "false", "}",
  }
end


return _M
