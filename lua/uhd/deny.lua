-- Refusals: what a player is told, with a reason code and a request id by
-- which an operator finds out why.

local cjson = require "cjson.safe"
local config = require "uhd.config"
local entry = require "uhd.entry"
local languages = require "uhd.languages"


local concat = table.concat
local find = string.find
local fmt = string.format
local gsub = string.gsub
local lower = string.lower
local max = math.max
local ngx = ngx
local time = ngx.time


-- Reason codes are for programs and logs and never change; texts are what
-- players show.
local MESSAGES = {
  uri_blocked = "该请求已被服务器管理员禁止",
  client_not_allowed = "当前客户端不在允许列表中，请更换受支持的客户端",
  client_outdated = "客户端版本过低，请升级到 %s 或更高版本",
  client_unidentified = "无法识别当前客户端，请使用受支持的客户端",
  ban = "访问已被服务器管理员禁止",
  kicked = "播放已被服务器管理员停止",
  rate_limited = "请求过于频繁，请稍后重试",
  quota_requests = "请求次数配额已用完，请稍后重试",
  quota_bandwidth = "流量配额已用完，请稍后重试",
  streams_exceeded = "同时播放数已达上限，请先停止其他设备上的播放",
  no_rules = "网关尚未就绪，请稍后重试",
}

-- 403 for all others.
local STATUS = {
  rate_limited = 429,
  quota_requests = 429,
  quota_bandwidth = 429,
  no_rules = 503,
}

local TEXT = "text/plain; charset=utf-8"
local JSON = "application/json; charset=utf-8"


local _M = {}


-- The operator's text for a reason, in a language that the player takes, as
-- JSON text; nil where there is none. version: in place of {version}.
local function own_message(reason, version)
  local rules = config.current()
  if not rules then
    return nil
  end

  local var = ngx.var
  local profile = rules.profiles[var.config_profile_id or ""] or rules.default
  local text = profile.messages and
               languages.pick(profile.messages[reason],
                              var.http_accept_language)

  return text and cjson.encode((gsub(text, "{version}", function()
    return version
  end)))
end


-- message: JSON text. Returns the body and its type: JSON for clients that ask
-- for it, else something that a person can read.
local function compose(accept, reason, message, details, request_id)
  if accept and find(lower(accept), "json", 1, true) then
    return concat {
      '{"message":', message, ',"reason":"', reason,
      '","request_id":"', request_id, '"', details or "", "}",
    }, JSON
  end

  return concat {
    cjson.decode(message), "\n", reason, " ", request_id, "\n",
  }, TEXT
end


-- Ends the request. message: JSON text or nil for the usual one, where the
-- operator has none for this reason; details: more members of the JSON; rule:
-- the id of the rule that it was, or nil; version: see own_message.
local function answer(reason, message, details, rule, version)
  local request_id = entry.set_verdict("reject", reason, rule or "")
  local body, content_type =
    compose(ngx.var.http_accept, reason,
            own_message(reason, version) or message
            or cjson.encode(MESSAGES[reason]), details, request_id)

  -- For the log phase; looking at ngx.ctx in each request would make one.
  local ctx = ngx.ctx
  ctx.uhd_reason, ctx.uhd_request_id = reason, request_id

  ngx.status = STATUS[reason] or 403
  local header = ngx.header
  header["Content-Type"] = content_type
  header["Content-Length"] = #body
  header["Cache-Control"] = "no-store"
  -- Web players served from elsewhere can show the message.
  header["Access-Control-Allow-Origin"] = "*"
  header["X-Request-Id"] = request_id
  header["X-UHD-Reason"] = reason
  ngx.print(body)

  -- The status is sent; this only ends the request.
  return ngx.exit(ngx.HTTP_OK)
end


-- Refuses the request. message: the profile's own deny message as JSON text,
-- or nil; minimum: the lowest version let in, for client_outdated.
function _M.refuse(reason, message, minimum)
  if not minimum then
    return answer(reason, message)
  end

  return answer(reason,
                message or cjson.encode(fmt(MESSAGES[reason], minimum)),
                ',"min_version":' .. cjson.encode(minimum), nil, minimum)
end


-- Refuses what a decision rejects, as decisions.find returns it.
function _M.refuse_by(decision, message)
  if decision.quota and decision.ends then
    ngx.header["Retry-After"] = max(1, decision.ends - time())
  end

  return answer(decision.reason, decision.reason == "ban" and message or nil,
                nil, decision.rule)
end


-- Refuses a request that is over a limit; wait: seconds until it may come
-- again.
function _M.refuse_rate(limit, wait)
  ngx.header["Retry-After"] = wait

  return answer("rate_limited", nil, nil, limit.rule)
end


-- Answers 503: there is nothing to decide by, and letting everyone in would
-- be a decision.
function _M.unavailable()
  ngx.header["Retry-After"] = 5

  return answer("no_rules")
end


return _M
