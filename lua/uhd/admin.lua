-- The supervisor's way in: state, rules, users, and a compiler for Lua that is
-- about to be served. Reached by the unix socket of nginx.conf only.

local cjson = require "cjson.safe"
local config = require "uhd.config"
local decisions = require "uhd.decisions"
local login = require "uhd.login"
local rate_limiter = require "uhd.rate_limiter"
local rules = require "uhd.rules"
local usage = require "uhd.usage"
local users = require "uhd.users"
local worker = require "uhd.worker"


local byte = string.byte
local concat = table.concat
local ngx = ngx


-- First byte of LuaJIT bytecode, which loadstring would take unchecked.
local ESC = 27

-- Records that a call takes which does not say how many.
local USAGE_PER_CALL = 1000

local EMPTY_LIST = cjson.empty_array


local _M = {}


-- body: JSON text.
local function send(status, body)
  ngx.status = status
  ngx.header["Content-Type"] = "application/json"
  ngx.header["Content-Length"] = #body
  ngx.print(body)

  return ngx.exit(ngx.HTTP_OK)
end


local function answer(status, document)
  return send(status, cjson.encode(document))
end


local function refuse(err, field)
  return answer(422, { error = err, field = field })
end


-- Returns true for the one method a call takes, or answers 405.
local function only(method)
  if ngx.req.get_method() == method then
    return true
  end

  ngx.header["Allow"] = method
  answer(405, { error = "takes " .. method })

  return false
end


-- nginx.conf gives bodies a buffer of their maximal size: never a file.
local function body()
  ngx.req.read_body()

  return ngx.req.get_body_data() or ""
end


function _M.state()
  if not only("GET") then
    return
  end

  local dicts = {}
  for name, dict in pairs(ngx.shared) do
    dicts[name] = { capacity = dict:capacity(), free = dict:free_space() }
  end

  local workers = worker.reports()

  return answer(200, {
    pid = ngx.worker.pid(),
    generation = config.generation,
    rules_hash = config.hash(),
    active_hash = config.active_hash(),
    worker_count = ngx.worker.count(),
    workers = #workers > 0 and workers or EMPTY_LIST,
    dicts = dicts,
    decisions_version = decisions.version(),
    logins = login.counts(),
    rate_limit = rate_limiter.counts(),
    usage = usage.counts(),
  })
end


function _M.rules()
  if not only("PUT") then
    return
  end

  local text = body()
  if ngx.var.arg_dry_run == "1" then
    local compiled, err, field = rules.compile(text)
    if not compiled then
      return refuse(err, field)
    end

    return answer(200, {
      hash = compiled.hash, generation = config.generation,
    })
  end

  local hash, err, field = config.activate(text)
  if not hash then
    return refuse(err, field)
  end

  return answer(200, { hash = hash, generation = config.generation })
end


function _M.users()
  if not only("PUT") then
    return
  end

  local bound, err, field = users.load(body())
  if not bound then
    return refuse(err, field)
  end

  return answer(200, { bound = bound })
end


function _M.decisions()
  if not only("PUT") then
    return
  end

  local version, err, field = decisions.push(body())
  if not version then
    return refuse(err, field)
  end

  return answer(200, { version = version })
end


function _M.usage()
  if not only("POST") then
    return
  end

  local var = ngx.var
  if var.arg_close == "1" then
    usage.close()
  end

  local records = usage.read(var.arg_epoch, tonumber(var.arg_after) or 0,
                             tonumber(var.arg_max) or USAGE_PER_CALL)

  return send(200, concat {
    '{"epoch":"', usage.epoch(), '","usage":[', concat(records, ","), "]}",
  })
end


function _M.compile()
  if not only("POST") then
    return
  end

  local source = body()
  if byte(source) == ESC then
    return refuse("bytecode is not accepted, only Lua source")
  end

  local name = ngx.var.http_x_chunk_name or "chunk"
  local chunk, err = loadstring(source, "=" .. name)
  if not chunk then
    return refuse(err)
  end

  return answer(200, {})
end


return _M
