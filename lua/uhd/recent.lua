-- Who plays what from where. Some players prepare a stream as somebody, and
-- then fetch it without token, device or play session: such a request belongs
-- to whoever last meant to play that item at that address.
--
-- One that states another device belongs to that device: two in a household
-- may watch the same film.
--
-- Shared dict session_store:
--   recent:<scope>:<ip>:<item>            latest player of the item there
--   recent:<scope>:<ip>:<item>:<device>   the same, of one device

local concat = table.concat
local match = string.match


local dict = ngx.shared.session_store

-- Seconds: a long film, with a pause.
local KEPT_FOR = 6 * 3600


local _M = {}


local function key_of(stream, device)
  local key = "recent:" .. stream.scope .. ":" .. stream.ip .. ":"
              .. stream.item

  return device and key .. ":" .. device or key
end


-- stream: scope, ip, item, owner, and device and play_session, nil where they
-- are not known.
function _M.remember(stream)
  local text = concat({ stream.owner, stream.device or "",
                        stream.play_session or "" }, "\0")

  dict:set(key_of(stream), text, KEPT_FOR)
  if stream.device then
    dict:set(key_of(stream, stream.device), text, KEPT_FOR)
  end
end


local function find(stream)
  local text = dict:get(key_of(stream, stream.device))
  if not text then
    return nil
  end

  local owner, device, play_session =
    match(text, "^([^%z]*)%z([^%z]*)%z(.*)$")

  return owner, device ~= "" and device or nil,
         play_session ~= "" and play_session or nil
end


-- Completes a stream that lacks owner, device or play_session by what was
-- played before. What a request does state is never changed, and a token's
-- user never exchanged for another.
function _M.complete(stream)
  local owner, device, play_session = find(stream)
  if not owner or (stream.owner and stream.owner ~= owner) then
    return
  end

  stream.owner = owner
  stream.device = device
  stream.play_session = stream.play_session or play_session
end


return _M
