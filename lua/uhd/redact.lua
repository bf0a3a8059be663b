-- Paths as logs show them: without what a client should have sent in the query
-- or not at all. nginx decodes a path once, so "%3Fapi_key=…" is in it as
-- "?api_key=…"; matrix parameters, a query that was encoded whole and an
-- ampersand for a question mark bring tokens into it as well. Nothing after
-- the first of them is kept.
--
-- Of requests that never meet the chain, nginx.conf leaves such a path out.

local find = string.find
local lower = string.lower
local re_find = ngx.re.find
local sub = string.sub


-- A name that holds a secret, after what may come before a parameter.
local SECRET = [[(?:^|[;?&,/\s]|%(?:26|3b|3f))]]
               .. [[(?:x-emby-token|x-mediabrowser-token]]
               .. [[|(?:x-emby-)?authorization|api_?key|(?:access_?)?token]]
               .. [[|pw|password)\s*(?:=|%3d)]]

-- The servers' calls for API keys have the key itself in the path.
local KEYS = "/auth/keys/"

local REMOVED = "***"


local _M = {}


-- Returns uri, which is ngx.var.uri, fit for a log.
function _M.path(uri)
  local kept

  if find(uri, "=", 1, true) or find(uri, "%", 1, true) then
    local _, last = re_find(uri, SECRET, "ijo")
    kept = last
  end

  local _, last = find(lower(uri), KEYS, 1, true)
  if last and last < #uri and not (kept and kept < last) then
    kept = last
  end

  if not kept then
    return uri
  end

  return sub(uri, 1, kept) .. REMOVED
end


return _M
