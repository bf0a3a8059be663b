-- What a profile's rules say about a request's path: skipped, blocked, asks
-- for the counts, or nothing. Remembered per path, for players ask for the
-- same ones again and again.

local lrucache = require "resty.lrucache"
local paths = require "uhd.paths"


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
    cache = lrucache.new(CACHED_PATHS),
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


local function decide(self, uri, request_uri)
  local path, other, dotted = paths.read(uri, request_uri)

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


-- uri is ngx.var.uri, request_uri is ngx.var.request_uri. Returns one of the
-- four constants.
function _M:decide(uri, request_uri)
  -- Only a path that was sent as nginx reads it has its uri for a name.
  if #uri > MAX_CACHED_PATH or not paths.is_plain(uri, request_uri) then
    return decide(self, uri, request_uri)
  end

  local decision = self.cache:get(uri)
  if not decision then
    decision = decide(self, uri, request_uri)
    self.cache:set(uri, decision)
  end

  return decision
end


return _M
