-- The supervisor's probe: a request that goes through the whole access chain
-- and shows whether an answer of 5xx is of our own making.

local config = require "uhd.config"
local entry = require "uhd.entry"


local ngx = ngx
local match = string.match


local _M = {}


-- Set in nginx's master, which alone may read the file. nil: no probes.
local probe_key


function _M.set_key(text)
  local key = text and match(text, "^%s*(.-)%s*$")
  probe_key = key ~= "" and key or nil
end


-- Tells whether the request is a probe of ours. A header with another key is
-- taken off the request: the media server has no business with it.
function _M.is_probe(var)
  local given = var.http_x_uhd_probe
  if not given then
    return false
  end

  if given == probe_key then
    return true
  end

  ngx.req.clear_header("X-UHD-Probe")

  return false
end


-- Tells whether the request is a probe of ours; if so, adds to its answer whose
-- rules it ran through and what the media server said, "-" when it was not
-- asked.
function _M.filter_header()
  local given = ngx.var.http_x_uhd_probe
  if not given or given ~= probe_key then
    return false
  end

  -- The access log is about players.
  entry.omit()
  ngx.header["X-UHD-Release"] = config.hash()
  ngx.header["X-UHD-Upstream"] = ngx.var.upstream_status or "-"

  return true
end


return _M
