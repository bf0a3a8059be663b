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


-- watch: the mark that the access phase left, else the answer's length, "" if
-- that is unknown.
local function filter(watch)
  if find(watch, "^%d") then
    if #watch >= LARGE_DIGITS then
      transfers.start(watched.add())
    end
    return
  end

  if watch == "login" then
    return login.filter_header()
  end

  if watch == "stream" then
    streams.filter_header()
  end
  transfers.start(watched.add())
end


function _M.filter_header()
  local var = ngx.var
  local watch = var.uhd_watch or ""
  if watch == "probe" then
    -- Anybody can ask to be taken for one.
    if probe.filter_header() then
      return
    end
    watch = var.uhd_unprobed or ""
  end

  return filter(watch)
end


return _M
