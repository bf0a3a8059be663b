-- One line per refusal in nginx's error log, so that the request id a player
-- shows can be looked up.
--
-- The lines wait for the worker's timer: nginx adds the request with its
-- query to what is logged while it runs, and queries hold tokens.

local redact = require "uhd.redact"
local transfers = require "uhd.transfers"


local concat = table.concat
local gsub = string.gsub
local ngx = ngx


-- Lines between two flushes, a tenth of a second apart: a player that hammers
-- must not fill a disk.
local MAX_LINES = 10


local _M = {}


local waiting = {}
local dropped = 0


-- Called in the log phase of each request.
function _M.run()
  transfers.finish()

  -- ngx.ctx would be made for every request by being looked at.
  local status = ngx.status
  if status ~= 403 and status ~= 429 and status ~= 503 then
    return
  end

  local ctx = ngx.ctx
  local reason = ctx.uhd_reason
  if not reason then
    return
  end

  if #waiting >= MAX_LINES then
    dropped = dropped + 1
    return
  end

  local var = ngx.var
  local path = gsub(redact.path(var.uri), "%c", "?")
  waiting[#waiting + 1] = concat {
    "refused: reason=", reason, " request_id=", ctx.uhd_request_id,
    " client=", var.remote_addr, " server=", var.server_name,
    " method=", var.request_method, " path=", path,
  }
end


-- Writes what waits. Called by the worker's timer.
function _M.flush()
  if #waiting == 0 then
    return
  end

  local lines, left_out = waiting, dropped
  waiting, dropped = {}, 0

  for i = 1, #lines do
    ngx.log(ngx.WARN, lines[i])
  end
  if left_out > 0 then
    ngx.log(ngx.WARN, left_out, " more refusals not logged")
  end
end


return _M
