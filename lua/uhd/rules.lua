-- rules.json, checked and compiled. Whatever is wrong is an error that names
-- its field as in profiles.3.block_list[2].pattern: a rule that cannot be
-- compiled must not quietly let through what it was written to stop.

local cjson = require "cjson.safe"
local clients = require "uhd.clients"
local fake_counts = require "uhd.fake_counts"
local matcher = require "uhd.matcher"
local routes = require "uhd.routes"


local fmt = string.format
local null = cjson.null
local type = type


-- More than that is no message any more.
local MAX_TEXT = 4096

local MATCH_TYPES = { exact = true, prefix = true, regex = true }


local _M = {}


-- Returns t[name], nil for null.
local function member(t, name)
  local value = t[name]
  if value == null then
    return nil
  end

  return value
end


-- Returns t[name], or default where it is absent; nil and an error where it
-- is of another type.
local function typed(t, name, kind, default)
  local value = member(t, name)
  if value == nil then
    return default
  end

  if type(value) ~= kind then
    return nil, fmt("must be a %s, not a %s", kind, type(value)), name
  end

  return value
end


-- Returns t[name] as a list of tables whose members `fields` are strings.
local function list_of(t, name, fields)
  local list, err = typed(t, name, "table", {})
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
    local where = fmt("%s[%d]", name, i - 1)
    if type(list[i]) ~= "table" then
      return nil, "must be an object", where
    end

    for _, field in ipairs(fields) do
      local text = list[i][field]
      if type(text) ~= "string" or text == "" or #text > MAX_TEXT then
        return nil, fmt("must be a text of 1 to %d bytes", MAX_TEXT),
               where .. "." .. field
      end
    end
  end

  return list
end


local function compile_paths(document, name)
  local list, err, field = list_of(document, name, { "pattern", "match_type" })
  if not list then
    return nil, err, field
  end

  for i = 1, #list do
    if not MATCH_TYPES[list[i].match_type] then
      return nil, "must be exact, prefix or regex",
             fmt("%s[%d].match_type", name, i - 1)
    end
  end

  local compiled
  compiled, err, field = matcher.compile(list)
  if compiled == nil then
    return nil, err, name .. field
  end

  return compiled
end


-- The whitelist's part of a lua_config, its members' types checked.
local function read_clients(document)
  local patterns, err, field =
    list_of(document, "client_patterns", { "name", "pattern" })
  if not patterns then
    return nil, err, field
  end

  local allowed
  allowed, err, field = typed(document, "allowed_clients", "table", {})
  if not allowed then
    return nil, err, field
  end
  for i, name in pairs(allowed) do
    if type(i) ~= "number" or type(name) ~= "string" then
      return nil, "must be a list of client names", "allowed_clients"
    end
  end

  local min_versions
  min_versions, err, field = typed(document, "min_versions", "table", {})
  if not min_versions then
    return nil, err, field
  end
  for name, version in pairs(min_versions) do
    if type(name) ~= "string" or type(version) ~= "string" then
      return nil, "must map client names to versions", "min_versions"
    end
  end

  local unidentified = member(document, "unidentified") or ""
  if unidentified ~= "" and unidentified ~= "allow"
     and unidentified ~= "reject"
  then
    return nil, "must be allow or reject", "unidentified"
  end

  return clients.compile(allowed, min_versions, patterns,
                         unidentified == "reject")
end


-- Compiles one lua_config. Returns it, or nil, an error and its field.
local function compile_profile(document)
  if type(document) ~= "table" then
    return nil, "must be an object"
  end

  local skip, err, field = compile_paths(document, "skip_list")
  if skip == nil then
    return nil, err, field
  end

  local block
  block, err, field = compile_paths(document, "block_list")
  if block == nil then
    return nil, err, field
  end

  local whitelist
  whitelist, err, field = read_clients(document)
  if whitelist == nil then
    return nil, err, field
  end

  local message
  message, err, field = typed(document, "deny_message", "string", "")
  if not message then
    return nil, err, field
  end
  if #message > MAX_TEXT then
    return nil, fmt("must have at most %d bytes", MAX_TEXT), "deny_message"
  end

  local fake
  fake, err, field = typed(document, "fake_counts_enabled", "boolean", false)
  if fake == nil then
    return nil, err, field
  end

  local value
  value, err, field = typed(document, "fake_counts_value", "number", 0)
  if not value then
    return nil, err, field
  end

  return {
    routes = routes.new(skip, block),
    clients = whitelist,
    counts = fake and fake_counts.compile(value),
    message = message ~= "" and cjson.encode(message) or nil,
  }
end


-- Compiles text, a rules.json. Returns { hash, version, default, profiles },
-- or nil, an error and the field it is about (nil for the whole document).
function _M.compile(text)
  local document, err = cjson.decode(text)
  if type(document) ~= "table" then
    return nil, "not a JSON object" .. (err and ": " .. err or "")
  end

  local hash = member(document, "hash")
  if type(hash) ~= "string" or hash == "" then
    return nil, "must name the release", "hash"
  end

  local default, field
  default, err, field = compile_profile(member(document, "default"))
  if not default then
    return nil, err, field and "default." .. field or "default"
  end

  local documents
  documents, err = typed(document, "profiles", "table", {})
  if not documents then
    return nil, err, "profiles"
  end

  local profiles = {}
  for id, profile in pairs(documents) do
    local key = tostring(id)
    profiles[key], err, field = compile_profile(profile)
    if not profiles[key] then
      return nil, err, "profiles." .. key .. (field and "." .. field or "")
    end
  end

  return {
    hash = hash,
    version = member(document, "version"),
    default = default,
    profiles = profiles,
  }
end


return _M
