-- The rules a worker decides by, and how a change of them reaches it.
--
-- Shared dict config_cache:
--   generation                 number of the newest start or reload
--   active:<generation>        hash of the rules it runs, "" for none
--   alive:<generation>         there while workers of it take requests
--   rules:<hash>               a rules.json that came by the admin socket
--   worker:<generation>:<id>   what that worker has loaded, see uhd.worker
--
-- A generation only ever follows its own active:<generation>. So workers that
-- finish their streams, or that stay because a reload was refused, never mix
-- the rules of one release with the files of another. What is read at start
-- or reload reaches workers by fork and needs no room in the dict.

local decisions = require "uhd.decisions"
local rules = require "uhd.rules"


local max = math.max
local dict = ngx.shared.config_cache


-- How many generations back may still be alive or wait to be cleared away.
local KEPT_GENERATIONS = 64

-- Seconds that a generation counts as alive without a sign of life.
local ALIVE_FOR = 30


local _M = {
  generation = 0,
}


-- The compiled rules of this process; nil before there are any.
local current


local function use(compiled)
  current = compiled
  decisions.use_enforcements(compiled.enforcements)
end


-- Returns the compiled rules, or nil.
function _M.current()
  return current
end


-- Returns the hash of the compiled rules, "" without any.
function _M.hash()
  return current and current.hash or ""
end


-- Returns the hash that this generation should run, "" for none.
function _M.active_hash()
  return dict:get("active:" .. _M.generation) or ""
end


-- Lets go of what belongs to generations that take no requests any more, and
-- of the rules that then nobody runs.
local function sweep()
  local newest = dict:get("generation") or _M.generation
  local used, unused = {}, {}

  for generation = newest, max(1, newest - KEPT_GENERATIONS), -1 do
    local key = "active:" .. generation
    local hash = dict:get(key)
    if hash then
      if generation == newest or generation == _M.generation
         or dict:get("alive:" .. generation)
      then
        used[hash] = true

      else
        unused[hash] = true
        dict:delete(key)
      end
    end
  end

  for hash in pairs(unused) do
    if not used[hash] then
      dict:delete("rules:" .. hash)
    end
  end
end


-- Draws the number of this start or reload. Called in nginx's master.
function _M.start_generation()
  local generation, err = dict:incr("generation", 1, 0)
  if not generation then
    error("could not count generations: " .. err)
  end

  _M.generation = generation
  sweep()

  local ok
  ok, err = dict:safe_set("active:" .. generation, "")
  if not ok then
    error("could not start generation " .. generation .. ": " .. err)
  end
end


-- Says that this generation takes requests. Workers call it every few
-- seconds.
function _M.keep_alive()
  dict:safe_set("alive:" .. _M.generation, true, ALIVE_FOR)
end


-- Makes text, a rules.json, the rules that this generation starts with.
-- Called in nginx's master. Returns the hash, or nil, an error and its field.
function _M.load(text)
  local compiled, err, field = rules.compile(text)
  if not compiled then
    return nil, err, field
  end

  local ok
  ok, err = dict:safe_set("active:" .. _M.generation, compiled.hash)
  if not ok then
    return nil, "no room in config_cache: " .. err
  end
  use(compiled)

  return compiled.hash
end


-- Makes text, a rules.json, what this generation runs: whole or not at all.
-- The other workers follow within a moment.
-- Returns the hash, or nil, an error and the field it is about.
function _M.activate(text)
  local compiled, err, field = rules.compile(text)
  if not compiled then
    return nil, err, field
  end

  sweep()

  -- safe_set never evicts: a full dict is an error, not a lost entry.
  local hash = compiled.hash
  local ok
  ok, err = dict:safe_set("rules:" .. hash, text)
  if not ok then
    return nil, "no room in config_cache for " .. #text .. " bytes: " .. err
  end

  local key = "active:" .. _M.generation
  local previous = dict:get(key)
  ok, err = dict:safe_set(key, hash)
  if not ok then
    return nil, "no room in config_cache: " .. err
  end
  use(compiled)

  if previous and previous ~= hash then
    _M.drop(previous)
  end

  return hash
end


-- Frees the text of rules that no generation is on.
function _M.drop(hash)
  local newest = dict:get("generation") or _M.generation
  for generation = newest, max(1, newest - KEPT_GENERATIONS), -1 do
    if dict:get("active:" .. generation) == hash then
      return
    end
  end

  dict:delete("rules:" .. hash)
end


-- Compiles what this generation should run when this process has not got it
-- yet. Returns true when the rules changed, false when not, or nil and an
-- error.
function _M.refresh()
  local hash = dict:get("active:" .. _M.generation)
  if not hash or hash == "" or hash == _M.hash() then
    return false
  end

  local text = dict:get("rules:" .. hash)
  if not text then
    return nil, "config_cache holds no rules " .. hash
  end

  local compiled, err, field = rules.compile(text)
  if not compiled then
    return nil, (field or "document") .. ": " .. err
  end
  use(compiled)

  return true
end


return _M
