-- Header filter: finds the few answers that have to be looked after while
-- they are sent. All others pay for one variable. A probe's key is longer than
-- any number that is passed over for being short.

local login = require "uhd.login"
local probe = require "uhd.probe"
local streams = require "uhd.streams"
local transfers = require "uhd.transfers"
local watched = require "uhd.watched"


local byte = string.byte
local ngx = ngx


-- An answer of fewer digits of length than this has at most 999,999 bytes. It
-- is over before anything could be done about it.
local LARGE_DIGITS = 7

local ZERO, NINE = byte("09", 1, 2)


local _M = {}


-- mark: what the access phase left, else the answer's length, "" if that is
-- unknown, and a probe's key.
local function filter(mark)
  if mark == "login" then
    return login.filter_header()
  end

  if mark == "stream" then
    streams.filter_header()

  elseif probe.filter_header() then
    return
  end
  transfers.start(watched.add())
end


function _M.filter_header()
  local mark = ngx.var.uhd_mark or ""
  local first = byte(mark)
  if first and first >= ZERO and first <= NINE and #mark < LARGE_DIGITS then
    return
  end

  return filter(mark)
end


return _M
