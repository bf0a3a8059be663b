-- Which of several texts to show a person, by what Accept-Language says.

local gmatch = string.gmatch
local ipairs = ipairs
local lower = string.lower
local match = string.match
local sort = table.sort
local tonumber = tonumber


-- What a header may list before the rest is left unread.
local MAX_TAGS = 20


local _M = {}


local function by_quality(a, b)
  if a.quality ~= b.quality then
    return a.quality > b.quality
  end

  return a.position < b.position
end


-- The tags of an Accept-Language header that are wanted at all, the best
-- first.
local function wanted(header)
  local tags = {}
  for item in gmatch(lower(header), "[^,]+") do
    local tag = match(item, "^%s*([%w*-]+)")
    local quality = tonumber(match(item, ";%s*q=([%d.]+)") or 1) or 0
    if tag and quality > 0 then
      tags[#tags + 1] = { tag = tag, quality = quality, position = #tags }
    end
    if #tags == MAX_TAGS then
      break
    end
  end
  sort(tags, by_quality)

  return tags
end


-- texts: by tag in lower case, "*" for whom none of the others fits; or nil.
-- header: of Accept-Language, or nil. A player that asks for zh-TW gets zh
-- where there is no text of its own. Returns a text, or nil.
function _M.pick(texts, header)
  if not texts then
    return nil
  end

  for _, want in ipairs(wanted(header or "")) do
    local tag = want.tag
    while tag do
      if texts[tag] then
        return texts[tag]
      end
      tag = match(tag, "^(.+)%-[^-]+$")
    end
  end

  return texts["*"]
end


return _M
