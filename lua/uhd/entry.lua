-- The part of an access log line that nginx cannot write itself: the path,
-- who asked, and what was decided, as members of a JSON object. They are
-- escaped once where they are remembered, so that a request costs one
-- concatenation and one variable.

local cjson = require "cjson.safe"
local memo = require "uhd.memo"


local encode = cjson.encode
local find = string.find
local ngx = ngx
local sub = string.sub


-- Distinct User-Agents remembered per worker.
local CACHED_AGENTS = 1000

local NO_PLAYBACK = ',"play_session_id":"","item_id":""'
local NO_AGENT = ',"user_agent":""'


local _M = {}


local agents = memo.new(CACHED_AGENTS)


local function agent_json(agent)
  if not agent then
    return NO_AGENT
  end

  local json = agents:get(agent)
  if not json then
    json = ',"user_agent":' .. encode(agent)
    agents:set(agent, json)
  end

  return json
end


-- Returns the part about a stream.
function _M.playback(play_session, item)
  return ',"play_session_id":' .. encode(play_session or "")
         .. ',"item_id":' .. encode(item or "")
end


local function verdict_json(verdict, reason, rule)
  return ',"verdict":"' .. verdict .. '","reason":"' .. reason
         .. '","rule":"' .. rule .. '"'
end


local ALLOW = verdict_json("allow", "", "")


-- Writes the entry of a request that is let through, so far. route: as
-- routes.read returns it; playback_json: as playback returns it, nil for none.
function _M.write(var, server, route, caller, playback_json)
  var.uhd_entry = server.json .. route.json .. caller.json
                  .. (playback_json or NO_PLAYBACK)
                  .. agent_json(var.http_user_agent) .. ALLOW
end


-- Changes the verdict of an entry that has been written.
function _M.change_verdict(verdict, reason, rule)
  local text = ngx.var.uhd_entry
  -- A text from outside has its quotes escaped and cannot look like this.
  local from = text and find(text, ',"verdict":"', 1, true)
  if from then
    ngx.var.uhd_entry = sub(text, 1, from - 1)
                        .. verdict_json(verdict, reason, rule)
  end
end


return _M
