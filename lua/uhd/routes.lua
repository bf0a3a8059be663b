-- What a request's path says: what a profile's rules make of it (skipped,
-- blocked, asks for the counts, or nothing), whether it logs somebody in or
-- plays something, and how the access log writes it. Remembered per path, for
-- players ask for the same ones again and again.

local cjson = require "cjson.safe"
local login = require "uhd.login"
local memo = require "uhd.memo"
local pair_memo = require "uhd.pair_memo"
local paths = require "uhd.paths"
local playback = require "uhd.playback"
local redact = require "uhd.redact"
local reports = require "uhd.reports"


local find = string.find
local setmetatable = setmetatable


-- Distinct paths remembered per profile and worker; a longer one is decided
-- every time.
local CACHED_PATHS = 5000
local MAX_CACHED_PATH = 256

-- As paths.read writes it.
local COUNTS = "/items/counts/"


local _M = {
  NONE = 0,
  SKIP = 1,
  BLOCK = 2,
  COUNTS = 3,
}
local mt = { __index = _M }


-- skip, block: as matcher.compile returns them, false for an empty list.
function _M.new(skip, block)
  return setmetatable({
    skip = skip,
    block = block,
    cache = memo.new(CACHED_PATHS),
    shared = pair_memo.new(CACHED_PATHS),
  }, mt)
end


-- All readings of a path must be on the skip list. A regex that could not be
-- decided skips nothing.
local function skips(list, path, other, dotted)
  return not dotted and list:matches(path)
         and (not other or list:matches(other))
end


-- One reading on the block list is enough, and so is a regex that could not
-- be decided: a path that makes it give up would be a way around the rule.
local function blocks(list, path, other, dotted)
  return list:matches(path) ~= false
         or other ~= nil and list:matches(other) ~= false
         or dotted ~= nil and list:matches(dotted) ~= false
end


local function decide(self, path, other, dotted)
  if self.skip and skips(self.skip, path, other, dotted) then
    return _M.SKIP
  end

  if self.block and blocks(self.block, path, other, dotted) then
    return _M.BLOCK
  end

  if path == COUNTS or other == COUNTS then
    return _M.COUNTS
  end

  return _M.NONE
end


-- A plain look, which spares most paths the patterns.
local function may_log_in(path)
  return find(path, "/authenticate", 1, true) ~= nil
         or find(path, "/exchange/", 1, true) ~= nil
end


-- Paths that say nothing but what is decided share a route, and so do segments
-- of one item: one table stays in the processor's cache where thousands, read
-- in turn, do not, and that is a tenth of a request.
--
-- request_uri: nil for a path that reads one way only.
local function read(self, uri, request_uri)
  local path, other, dotted = paths.read(uri, request_uri)
  local item = playback.item(path) or other and playback.item(other) or nil
  local prepares = playback.prepared_item(path)
  local ends_by_post = playback.ends_stream("POST", path)
  local ends_by_delete = playback.ends_stream("DELETE", path)
  local event = reports.event(path)
  local logs_in = may_log_in(path) and (login.is_login("POST", uri)
                                        or login.is_login("GET", uri))
  local decision = decide(self, path, other, dotted)
  local has_more = prepares or ends_by_post or ends_by_delete or event
                   or logs_in or request_uri
  local route = not has_more and self.shared:get(decision, item or false)
  if route then
    return route
  end

  route = {
    decision = decision,
    item = item,
    prepares = prepares,
    ends_by_post = ends_by_post,
    ends_by_delete = ends_by_delete,
    plays = item or prepares or ends_by_post or ends_by_delete,
    reports = event,
    logs_in = logs_in,
    json = request_uri and ',"uri":' .. cjson.encode(redact.path(uri)),
    playback = item and playback.json(nil, item),
  }
  if not has_more then
    self.shared:set(decision, item or false, route)
  end

  return route
end


-- var: ngx.var; is_odd: false when nginx has found that the path was sent as it
-- is read, which spares us a text per request. Returns a table that must not be
-- changed: decision, one of the four constants; item and prepares, the id of
-- the item that it streams or prepares to; ends_by_post, ends_by_delete; plays,
-- whether it does any of these; reports, what a POST says of a playback;
-- logs_in; json, its part of the access log where nginx does not write it; and
-- playback, the part about a stream without a play session.
function _M:read(var, is_odd)
  local uri = var.uri
  -- Only a path that was sent as nginx reads it has its uri for a name.
  if is_odd then
    return read(self, uri, var.request_uri)
  end

  if #uri > MAX_CACHED_PATH then
    return read(self, uri)
  end

  local route = self.cache:get(uri)
  if not route then
    route = read(self, uri)
    self.cache:set(uri, route)
  end

  return route
end


return _M
