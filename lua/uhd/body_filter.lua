-- What happens to an answer while it passes: logins are read, and streams that
-- have to end are ended. Parts of all other answers cost one look.

local login = require "uhd.login"
local sessions = require "uhd.sessions"


local ngx = ngx


local _M = {}


-- Returns ngx.ERROR to end the transfer.
function _M.run()
  local ctx = ngx.ctx

  local collected = ctx.uhd_login
  if collected then
    login.filter_body(collected, ngx.arg[1], ngx.arg[2])
  end

  local stream = ctx.uhd_stream
  if stream and not sessions.keep(stream) then
    return ngx.ERROR
  end
end


return _M
