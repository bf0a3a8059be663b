-- Header filter: finds the few answers that have to be looked after while
-- they are sent. All others pay for one variable.

local login = require "uhd.login"
local probe = require "uhd.probe"
local streams = require "uhd.streams"
local transfers = require "uhd.transfers"
local watched = require "uhd.watched"


local find = string.find
local ngx = ngx


-- An answer of fewer digits of length than this has at most 999,999 bytes. It
-- is over before anything could be done about it.
local LARGE_DIGITS = 7


local _M = {}


function _M.filter_header()
  -- See nginx.conf: "probe" for what asks to be taken for one, else the mark
  -- that the access phase left, else the answer's length, "" if unknown.
  local watch = ngx.var.uhd_watch or ""
  if find(watch, "^%d") then
    if #watch >= LARGE_DIGITS then
      transfers.start(watched.add())
    end

  elseif watch == "probe" then
    probe.filter_header()

  elseif watch == "login" then
    login.filter_header()

  else
    -- Of unknown length, or a stream of whatever length.
    if watch == "stream" then
      streams.filter_header()
    end
    transfers.start(watched.add())
  end
end


return _M
