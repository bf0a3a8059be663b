-- What the chain adds to the access log line that nginx writes: who asked, for
-- what, and what was decided, as members of a JSON object. They are escaped
-- once, where they are remembered, and set as variables without making a new
-- text per request.
--
--   $uhd_caller    server block, caller and User-Agent
--   $uhd_path      the path
--   $uhd_playback  play session and item, of streams; what players report of
--                  them; what became of a login
--   $uhd_verdict   what was decided, unless the request was simply let through

local cjson = require "cjson.safe"


local concat = table.concat
local encode = cjson.encode
local ngx = ngx


local _M = {}


-- Remembers with the caller what the log says of it. Its User-Agent is nearly
-- always the one it had before.
local function caller_json(server, caller, agent)
  if caller.logged_agent ~= agent or caller.logged_user ~= caller.user
     or not caller.logged
  then
    caller.logged_agent, caller.logged_user = agent, caller.user
    caller.logged = server.json .. caller:json()
                    .. ',"user_agent":' .. encode(agent or "")
  end

  return caller.logged
end


-- Writes the entry of a request that is let through, so far. route: as
-- routes.read returns it; play_session: nil where there is none.
function _M.write(var, server, route, caller, play_session)
  var.uhd_caller = caller_json(server, caller, var.http_user_agent)
  var.uhd_path = route.json
  if route.item then
    var.uhd_playback = ',"play_session_id":' .. encode(play_session or "")
                       .. ',"item_id":' .. encode(route.item)
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


-- verdict: reject, throttle or warn.
function _M.set_verdict(verdict, reason, rule)
  ngx.var.uhd_verdict = ',"verdict":"' .. verdict .. '","reason":"' .. reason
                        .. '","rule":"' .. rule .. '"'
end


-- Keeps the request out of the access log.
function _M.omit()
  ngx.var.uhd_caller = "0"
end


-- Returns the entry as it stands, or nil when the request has none.
function _M.read(var)
  local caller = var.uhd_caller
  if not caller or #caller < 2 then
    return nil
  end

  return caller .. var.uhd_path .. var.uhd_playback .. var.uhd_verdict
end


return _M
