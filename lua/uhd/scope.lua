-- Which media server a request belongs to. Tokens, users, sessions and
-- counters are kept per scope: two servers on one host share none of them.

local _M = {}


-- var: ngx.var. The renderer numbers servers; where an older master does not,
-- their names tell them apart.
function _M.of(var)
  local id = var.config_server_id
  if id and id ~= "" then
    return id
  end

  return var.server_name
end


return _M
