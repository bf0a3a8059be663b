-- Which requests are streams, by their path. Subtitles, images, previews and
-- playlists of subtitles are not, although some lie beside the streams.

local cjson = require "cjson.safe"


local encode = cjson.encode
local find = string.find
local gsub = string.gsub
local lower = string.lower
local match = string.match
local pairs = pairs
local sub = string.sub
local type = type


-- Names directly below /videos/{id}/ and /audio/{id}/, without extension.
local NAMES = {
  stream = true, original = true, universal = true, master = true,
  main = true, live = true,
}

-- Emby takes any name there for the stream's when it has such an extension.
local EXTENSIONS = {}
for extension in ([[
  3gp aac ac3 aiff alac asf avi dts eac3 flac flv m2ts m4a m4v mka mkv mov
  mp2 mp3 mp4 mpeg mpg mts oga ogg ogv opus strm ts wav weba webm wma wmv wtv
]]):gmatch("%w+") do
  EXTENSIONS[extension] = true
end

local MAX_ID = 256


local _M = {}


-- rest: what follows /videos/{id}/ or /audio/{id}/.
local function is_media(rest)
  if sub(rest, 1, 4) == "hls/" or sub(rest, 1, 5) == "hls1/"
     or sub(rest, 1, 7) == "stream/"
  then
    return true
  end

  local name = match(rest, "^([^/]+)/$")
  if not name then
    return false
  end

  return NAMES[match(name, "^[^.]*")] or EXTENSIONS[match(name, "%.(%w+)$")]
         or false
end


-- Each with what stands before the item's id, and what follows it: a text, or
-- what tells whether it may.
local PLACES = {
  { "/videos/", is_media },
  { "/audio/", is_media },
  { "/items/", "download/" },
  { "/items/", "file/" },
  { "/jobitems/", "file/" },
  { "/livestreamfiles/", function()
    return true
  end },
  { "/liverecordings/", "stream/" },
}


-- Returns an item's id in one form: servers take it with dashes and without,
-- in any case.
function _M.item_id(text)
  return (gsub(lower(text), "-", ""))
end


-- Returns the item's id when path is one of a stream, else nil. path: as
-- paths.read returns it; it may have a base path of its own.
function _M.item(path)
  for i = 1, #PLACES do
    local before, after = PLACES[i][1], PLACES[i][2]
    local is_text = type(after) == "string"
    local _, last = find(path, before, 1, true)
    -- A plain look spares most paths below /items/ the pattern.
    if last and (not is_text or find(path, after, last, true)) then
      local id, rest = match(path, "^([^/]+)/(.*)$", last + 1)
      if id and #id <= MAX_ID
         and (rest == after or not is_text and after(rest))
      then
        return _M.item_id(id)
      end
    end
  end
end


-- Returns the item's id when path is the one by which players prepare to play
-- it, /Items/{id}/PlaybackInfo; else nil.
function _M.prepared_item(path)
  -- A plain look is cheaper than a pattern, and nearly always enough.
  local id = find(path, "/playbackinfo/", 1, true)
             and match(path, "/items/([^/]+)/playbackinfo/$")

  return id and _M.item_id(id) or nil
end


-- Tells whether the request says that a stream has ended. Which one is in its
-- query or body.
function _M.ends_stream(method, path)
  if method == "POST" then
    return find(path, "/sessions/playing/stopped/", 1, true) ~= nil
           or find(path, "/videos/activeencodings/delete/", 1, true) ~= nil
  end

  return method == "DELETE"
         and find(path, "/videos/activeencodings/", 1, true) ~= nil
end


-- Returns how the access log writes a play session, nil for none, and its item.
function _M.json(play_session, item)
  return ',"play_session_id":' .. encode(play_session or "") .. ',"item_id":'
         .. encode(item or "")
end


local FIELDS = { playsessionid = "play_session_id", itemid = "item_id" }


local function text_of(value)
  if type(value) == "table" then
    value = value[1]
  end

  if type(value) == "string" and value ~= "" and #value <= MAX_ID then
    return value
  end
end


-- Returns play_session_id and item_id, names in any case, of a table from name
-- to value: a query's arguments or a report's JSON. Each is nil when it is not
-- stated or longer than any server's.
function _M.read(args)
  local found = {}
  for name, value in pairs(args) do
    local field = type(name) == "string" and FIELDS[lower(name)]
    if field then
      found[field] = found[field] or text_of(value)
    end
  end

  return found.play_session_id,
         found.item_id and _M.item_id(found.item_id)
end


return _M
