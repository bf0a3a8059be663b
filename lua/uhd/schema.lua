-- Members of a decoded JSON document, with their types checked. Go writes an
-- empty list as null and older masters as {}: both are empty here.

local cjson = require "cjson.safe"


local fmt = string.format
local ipairs = ipairs
local null = cjson.null
local pairs = pairs
local type = type


-- Bytes that a text may have.
local MAX_TEXT = 4096


local _M = {}


-- Returns t[name], nil for null.
function _M.member(t, name)
  local value = t[name]
  if value == null then
    return nil
  end

  return value
end


-- Returns t[name], or default where it is absent; nil, an error and the field
-- where it is of another type or too long.
function _M.typed(t, name, kind, default)
  local value = _M.member(t, name)
  if value == nil then
    return default
  end

  if type(value) ~= kind then
    return nil, fmt("must be a %s, not a %s", kind, type(value)), name
  end

  if kind == "string" and #value > MAX_TEXT then
    return nil, fmt("must have at most %d bytes", MAX_TEXT), name
  end

  return value
end


-- Returns t[name], a list whose items are all of one type.
function _M.list(t, name, kind)
  local list, err = _M.typed(t, name, "table", {})
  if not list then
    return nil, err, name
  end

  local length = 0
  for _ in pairs(list) do
    length = length + 1
  end
  if length ~= #list then
    return nil, "must be a list", name
  end

  for i = 1, length do
    if type(list[i]) ~= kind then
      return nil, fmt("must be a %s", kind), fmt("%s[%d]", name, i - 1)
    end
  end

  return list
end


-- Returns t[name], a list of objects whose members `fields` are texts that are
-- not empty.
function _M.records(t, name, fields)
  local list, err, field = _M.list(t, name, "table")
  if not list then
    return nil, err, field
  end

  for i = 1, #list do
    for _, each in ipairs(fields) do
      local text = list[i][each]
      if type(text) ~= "string" or text == "" or #text > MAX_TEXT then
        return nil, fmt("must be a text of 1 to %d bytes", MAX_TEXT),
               fmt("%s[%d].%s", name, i - 1, each)
      end
    end
  end

  return list
end


-- Returns t[name], a table from text to text.
function _M.map(t, name)
  local map, err = _M.typed(t, name, "table", {})
  if not map then
    return nil, err, name
  end

  for key, value in pairs(map) do
    if type(key) ~= "string" or type(value) ~= "string" then
      return nil, "must map names to texts", name
    end
  end

  return map
end


return _M
