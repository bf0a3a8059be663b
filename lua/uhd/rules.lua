-- rules.json, checked and compiled. Whatever is wrong is an error that names
-- its field as in profiles.3.block_list[2].pattern: a rule that cannot be
-- compiled must not quietly let through what it was written to stop.

local cjson = require "cjson.safe"
local clients = require "uhd.clients"
local decision_set = require "uhd.decision_set"
local fake_counts = require "uhd.fake_counts"
local matcher = require "uhd.matcher"
local rate_limiter = require "uhd.rate_limiter"
local rate_rules = require "uhd.rate_rules"
local request = require "uhd.request"
local routes = require "uhd.routes"
local schema = require "uhd.schema"
local stream_rules = require "uhd.stream_rules"


local fmt = string.format
local list = schema.list
local map = schema.map
local member = schema.member
local pairs = pairs
local records = schema.records
local tostring = tostring
local type = type
local typed = schema.typed


local MATCH_TYPES = { exact = true, prefix = true, regex = true }

local UNIDENTIFIED = { [""] = true, allow = true, reject = true }


local _M = {}


local function compile_paths(document, name)
  local rules, err, field =
    records(document, name, { "pattern", "match_type" })
  if not rules then
    return nil, err, field
  end

  for i = 1, #rules do
    if not MATCH_TYPES[rules[i].match_type] then
      return nil, "must be exact, prefix or regex",
             fmt("%s[%d].match_type", name, i - 1)
    end
  end

  local compiled
  compiled, err, field = matcher.compile(rules)
  if compiled == nil then
    return nil, err, name .. field
  end

  return compiled
end


local function compile_routes(document)
  local skip, err, field = compile_paths(document, "skip_list")
  if skip == nil then
    return nil, err, field
  end

  local block
  block, err, field = compile_paths(document, "block_list")
  if block == nil then
    return nil, err, field
  end

  return routes.new(skip, block)
end


local function compile_clients(document)
  local patterns, err, field =
    records(document, "client_patterns", { "name", "pattern" })
  if not patterns then
    return nil, err, field
  end

  local allowed
  allowed, err, field = list(document, "allowed_clients", "string")
  if not allowed then
    return nil, err, field
  end

  local min_versions
  min_versions, err, field = map(document, "min_versions")
  if not min_versions then
    return nil, err, field
  end

  local unidentified = member(document, "unidentified") or ""
  if not UNIDENTIFIED[unidentified] then
    return nil, "must be allow or reject", "unidentified"
  end

  return clients.compile(allowed, min_versions, patterns,
                         unidentified == "reject")
end


-- Returns false where the counts are not to be hidden.
local function compile_counts(document)
  local enabled, err, field =
    typed(document, "fake_counts_enabled", "boolean", false)
  if enabled == nil then
    return nil, err, field
  end

  local value
  value, err, field = typed(document, "fake_counts_value", "number", 0)
  if not value then
    return nil, err, field
  end

  return enabled and fake_counts.compile(value)
end


-- Returns texts by reason and language.
local function compile_messages(document)
  local reasons, err, field = typed(document, "deny_messages", "table", {})
  if not reasons then
    return nil, err, field
  end

  local messages = {}
  for reason in pairs(reasons) do
    local name = tostring(reason)
    messages[name], err = map(reasons, reason)
    if not messages[name] then
      return nil, err, "deny_messages." .. name
    end
  end

  return messages
end


-- Compiles one lua_config. Returns it, or nil, an error and its field.
local function compile_profile(document)
  if type(document) ~= "table" then
    return nil, "must be an object"
  end

  local compiled_routes, err, field = compile_routes(document)
  if not compiled_routes then
    return nil, err, field
  end

  local whitelist
  whitelist, err, field = compile_clients(document)
  if whitelist == nil then
    return nil, err, field
  end

  local counts
  counts, err, field = compile_counts(document)
  if counts == nil then
    return nil, err, field
  end

  local streams
  streams, err, field = stream_rules.compile_profile(document)
  if streams == nil then
    return nil, err, field
  end

  local message
  message, err, field = typed(document, "deny_message", "string", "")
  if not message then
    return nil, err, field
  end

  local messages
  messages, err, field = compile_messages(document)
  if not messages then
    return nil, err, field
  end

  return {
    routes = compiled_routes,
    clients = whitelist,
    counts = counts,
    streams = streams,
    message = message ~= "" and cjson.encode(message) or nil,
    messages = messages,
  }
end


-- Compiles what all profiles share into rules: streams and limiter, each false
-- for none, and enforcements, a list.
local function compile_limits(document, rules)
  local limits, err, field = rate_rules.read(document)
  if not limits then
    return nil, err, field
  end
  rules.limiter = rate_limiter.compile(limits)

  rules.enforcements, err, field = decision_set.read_enforcements(document)
  if not rules.enforcements then
    return nil, err, field
  end

  rules.streams, err, field = stream_rules.compile_rules(document)
  if rules.streams == nil then
    return nil, err, field
  end

  return true
end


-- Compiles text, a rules.json. Returns { hash, version, default, profiles,
-- limiter, enforcements, streams }, with senders and servers, which uhd.request
-- fills; or nil, an error and the field it is about (nil for the document).
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

  local rate_limit
  rate_limit, err, field = typed(document, "rate_limit", "table", {})
  if not rate_limit then
    return nil, err, field
  end

  local compiled = {
    hash = hash,
    version = member(document, "version"),
    default = default,
    profiles = profiles,
  }
  compiled.senders, compiled.servers = request.memory()
  local ok
  ok, err, field = compile_limits(rate_limit, compiled)
  if not ok then
    return nil, err, "rate_limit." .. field
  end

  return compiled
end


return _M
