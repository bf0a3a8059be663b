-- Refusals: what a player is told, with a reason code and a request id by
-- which an operator finds out why.

local cjson = require "cjson.safe"


local concat = table.concat
local fmt = string.format
local ngx = ngx


-- Reason codes are for programs and logs and never change; texts are what
-- players show.
local MESSAGES = {
  uri_blocked = "该请求已被服务器管理员禁止",
  client_not_allowed = "当前客户端不在允许列表中，请更换受支持的客户端",
  client_outdated = "客户端版本过低，请升级到 %s 或更高版本",
  client_unidentified = "无法识别当前客户端，请使用受支持的客户端",
  streams_exceeded = "同时播放数已达上限，请先停止其他设备上的播放",
  no_rules = "网关尚未就绪，请稍后重试",
}


local _M = {}


-- Ends the request with a JSON body. message is encoded JSON text.
local function answer(status, reason, message, details)
  local request_id = ngx.var.request_id
  local body = concat {
    '{"message":', message, ',"reason":"', reason,
    '","request_id":"', request_id, '"', details or "", "}",
  }

  -- For the log phase; one table, since ngx.ctx is not free.
  ngx.ctx.uhd_reason = reason

  ngx.status = status
  local header = ngx.header
  header["Content-Type"] = "application/json; charset=utf-8"
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


-- Refuses the request with 403. message: the profile's own deny message as
-- JSON text, or nil; minimum: the lowest version let in, for client_outdated.
function _M.refuse(reason, message, minimum)
  if not message then
    message = cjson.encode(fmt(MESSAGES[reason], minimum))
  end

  local details = minimum
                  and ',"min_version":' .. cjson.encode(minimum)

  return answer(403, reason, message, details)
end


-- Answers 503: there is nothing to decide by, and letting everyone in would
-- be a decision.
function _M.unavailable()
  ngx.header["Retry-After"] = 5

  return answer(503, "no_rules", cjson.encode(MESSAGES.no_rules))
end


return _M
