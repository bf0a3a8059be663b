-- Request paths as rules see them: lower case, no base path, no doubled or
-- trailing slash. nginx has already decoded the path and resolved its dots.
--
-- nginx and the media server do not read every path alike: behind Kestrel
-- %2F stays part of a segment, other servers cut parameters after ";" or
-- take "\" for a slash. A path whose spelling leaves room for that gets a
-- second reading. A rule that blocks holds when either reading matches, one
-- that skips checks only when both do, and never when ".." is among what is
-- read differently: so no spelling evades the one or borrows the other.

local byte = string.byte
local char = string.char
local concat = table.concat
local find = string.find
local gmatch = string.gmatch
local gsub = string.gsub
local lower = string.lower
local match = string.match
local sub = string.sub
local tonumber = tonumber


local SLASH = byte("/")
local QUERY = byte("?")
local E, M = byte("em", 1, 2)


local _M = {}


-- Emby serves everything under /emby and /mediabrowser as well; Jellyfin
-- before 12 does the same.
local function strip_base(path)
  while true do
    -- Most paths are told by a byte, which makes no text.
    local second = byte(path, 2)
    if second == E and sub(path, 1, 6) == "/emby/" then
      path = sub(path, 6)

    elseif second == M and sub(path, 1, 14) == "/mediabrowser/" then
      path = sub(path, 14)

    else
      return path
    end
  end
end


-- Returns path, which is decoded, in the form that rules are matched in. It
-- ends in a slash: "/web/" is what /web, /web/ and /emby//Web all become.
local function normalise(path)
  if find(path, "//", 1, true) then
    path = gsub(path, "//+", "/")
  end

  path = lower(path)
  if byte(path, -1) ~= SLASH then
    path = path .. "/"
  end

  return strip_base(path)
end


local function unescape(hex)
  return char(tonumber(hex, 16))
end


-- Takes "." and ".." out of a path.
local function resolve(path)
  local segments = {}
  for segment in gmatch(path, "[^/]+") do
    if segment == ".." then
      segments[#segments] = nil

    elseif segment ~= "." then
      segments[#segments + 1] = segment
    end
  end

  return "/" .. concat(segments, "/")
end


-- The reading of a lenient server: everything decoded, backslashes taken for
-- slashes, parameters of segments dropped, then dots resolved. Returns it,
-- and the path with its dots where there was a ".." among them.
local function lenient(raw)
  local path = gsub(raw, "%%(%x%x)", unescape)
  path = gsub(path, "\\", "/")
  path = gsub(path, ";[^/]*", "")

  local dotted = find(path .. "/", "/../", 1, true) and normalise(path) or nil

  return normalise(resolve(path)), dotted
end


-- uri is ngx.var.uri, request_uri is ngx.var.request_uri. Tells whether the
-- request spelled its path as nginx reads it, with nothing in it that some
-- server reads otherwise.
function _M.is_plain(uri, request_uri)
  local len = #uri
  local next_byte = byte(request_uri, len + 1)

  -- Plain finds, one by one: LuaJIT compiles them, unlike patterns.
  return (next_byte == nil or next_byte == QUERY)
         and sub(request_uri, 1, len) == uri
         and not find(uri, ";", 1, true)
         and not find(uri, "\\", 1, true)
         and not find(uri, "%", 1, true)
end


-- uri is ngx.var.uri; request_uri is ngx.var.request_uri, or nil when nginx has
-- said that it is plain. Returns the normalised path; when the spelling leaves
-- room for another reading, that one, else nil; and when ".." is part of such a
-- spelling, the path that keeps it, else nil.
function _M.read(uri, request_uri)
  local path = normalise(uri)
  if not request_uri or _M.is_plain(uri, request_uri) then
    return path
  end

  local raw = match(request_uri, "^[^?#]*")
  if not find(raw, "[\\;]") and not find(raw, "%%[25][CEFcef]") and
     not find(raw, "%%3[Bb]")
  then
    return path
  end

  local other, dotted = lenient(match(raw, "^%a[%w+.-]*://[^/]*(.*)$") or raw)
  if other == path then
    other = nil
  end

  return path, other, dotted
end


-- Returns the pattern of an exact or prefix rule in the form of paths, or nil
-- for one that is a base path and no more, which would mean every path. A
-- prefix "/web/" keeps its slash: it means the directory, not /webhook.
function _M.pattern(text)
  local pattern = lower(gsub("/" .. text, "%%(%x%x)", unescape))
  pattern = gsub(pattern, "//+", "/")

  local stripped = strip_base(pattern)
  if stripped == "/emby" or stripped == "/mediabrowser" or
     (stripped == "/" and pattern ~= "/")
  then
    return nil
  end

  return stripped
end


return _M
