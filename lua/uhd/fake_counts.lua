-- GET /Items/Counts answered with one number for everything: what a library
-- holds is nobody's business, and counting it is slow.

local cjson = require "cjson.safe"


local find = string.find
local floor = math.floor
local lower = string.lower
local ngx = ngx


-- ItemCounts of Emby and Jellyfin; a client ignores what its server lacks.
local FIELDS = {
  "MovieCount", "SeriesCount", "EpisodeCount", "GameCount", "ArtistCount",
  "ProgramCount", "GameSystemCount", "TrailerCount", "SongCount",
  "AlbumCount", "MusicVideoCount", "BoxSetCount", "BookCount", "ItemCount",
}


local _M = {}


-- Returns the two bodies that say value: in the servers' own spelling, and
-- for clients that ask Jellyfin for camelCase.
function _M.compile(value)
  local pascal, camel = {}, {}
  for i = 1, #FIELDS do
    local name = FIELDS[i]
    pascal[name] = floor(value)
    camel[lower(name:sub(1, 1)) .. name:sub(2)] = floor(value)
  end

  return { pascal = cjson.encode(pascal), camel = cjson.encode(camel) }
end


-- Answers the request; counts is what compile returned.
function _M.answer(counts, accept)
  local camel = accept and find(lower(accept), "camelcase", 1, true)
  local body = camel and counts.camel or counts.pascal

  ngx.status = 200
  ngx.header["Content-Type"] = "application/json; charset=utf-8"
  ngx.header["Content-Length"] = #body
  ngx.header["Cache-Control"] = "no-store"
  ngx.print(body)

  return ngx.exit(200)
end


return _M
