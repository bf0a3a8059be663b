-- Times as Go writes them in JSON: 2026-01-31T12:00:00.5+08:00.

local floor = math.floor
local match = string.match
local tonumber = tonumber


local _M = {}


-- Days from 1970-01-01 to a date of the Gregorian calendar. Years begin in
-- March here, so that the leap day is their last.
local function days_of(year, month, day)
  if month <= 2 then
    year = year - 1
    month = month + 12
  end

  return 365 * year + floor(year / 4) - floor(year / 100) + floor(year / 400)
         + floor((153 * (month - 3) + 2) / 5) + day - 719469
end


-- Returns the Unix seconds of a time, or nil for a text that is none. A time
-- without its zone is none: it could be anybody's.
function _M.parse(text)
  local year, month, day, hour, minute, second, zone = match(text,
    "^(%d%d%d%d)%-(%d%d)%-(%d%d)[Tt ](%d%d):(%d%d):(%d%d%.?%d*)(.+)$")
  if not year then
    return nil
  end

  local offset = 0
  if zone ~= "Z" and zone ~= "z" then
    local sign, hours, minutes = match(zone, "^([+-])(%d%d):(%d%d)$")
    if not sign then
      return nil
    end

    offset = (hours * 60 + minutes) * (sign == "+" and 60 or -60)
  end

  return days_of(tonumber(year), tonumber(month), tonumber(day)) * 86400
         + hour * 3600 + minute * 60 + tonumber(second) - offset
end


return _M
