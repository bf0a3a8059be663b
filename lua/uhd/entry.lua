-- What the chain adds to the access log line that nginx writes: who asked, for
-- what, and what was decided, as members of a JSON object. They are escaped
-- once, where they are remembered, and set as variables without making a new
-- text per request.
--
--   $uhd_caller    server block, caller and User-Agent
--   $uhd_path      the path, where nginx cannot write it as it is
--   $uhd_playback  play session and item, of streams; what players report of
--                  them; what became of a login
--   $uhd_verdict   what was decided, unless the request was simply let through

local cjson = require "cjson.safe"
local playback = require "uhd.playback"


local concat = table.concat
local crc32 = ngx.crc32_long
local encode = cjson.encode
local fmt = string.format
local ngx = ngx
local now = ngx.now
local tostring = tostring


local _M = {}


local numbered = 0
local worker_salt


-- Tells the ids of this worker from those of others that start to count in the
-- same millisecond, here or on another host.
local function salt()
  worker_salt = worker_salt or crc32(ngx.worker.pid() .. tostring({}) .. now())

  return worker_salt
end


-- Writes the entry of a request that is let through, so far. route: as
-- routes.read returns it; args: as query.read returns them, for a stream.
function _M.write(var, caller, route, args)
  var.uhd_caller = caller.line
  if route.json then
    var.uhd_path = route.json
  end

  if args then
    local json = route.playback
    if args.play_session_id then
      -- Segments of a stream come with one query, one after the other.
      if args.logged_item ~= route.item then
        args.logged_item = route.item
        args.logged = playback.json(args.play_session_id, route.item)
      end
      json = args.logged
    end
    var.uhd_playback = json
  end
end


-- json: as reports.json returns it, in place of a stream's play session.
function _M.write_report(var, json)
  var.uhd_playback = json
end


-- Adds what became of a login. user_id and user_name: nil for one that failed.
function _M.add_login(user_id, user_name)
  local var = ngx.var
  local success = user_id and "true" or "false"
  var.uhd_playback = concat {
    var.uhd_playback,
    ',"login":{"success":', success,
    ',"user_id":', encode(user_id or ""),
    ',"user_name":', encode(user_name or ""), "}",
  }
end


-- verdict: reject, throttle or warn. Returns the id that the entry is found by.
-- Requests that are simply let through have none: nginx's own, with its random
-- bytes, costs a tenth of a request.
function _M.set_verdict(verdict, reason, rule)
  numbered = numbered + 1
  local id = fmt("%012x%08x%012x", now() * 1000, salt(), numbered)
  ngx.var.uhd_verdict = ',"verdict":"' .. verdict .. '","reason":"' .. reason
                        .. '","rule":"' .. rule .. '","request_id":"' .. id
                        .. '"'

  return id
end


-- Keeps the request out of the access log.
function _M.omit()
  ngx.var.uhd_logged = "0"
end


-- Returns the entry as it stands, or nil when the request has none.
function _M.read(var)
  if var.uhd_logged == "0" then
    return nil
  end

  return var.uhd_caller .. var.uhd_path .. var.uhd_playback .. var.uhd_verdict
end


return _M
