-- Client of the supervisor's unix socket: JSON over HTTP/1.1, connections
-- kept open. A player waits for it at most TIMEOUT, and not at all for a few
-- seconds after it failed to answer.
--
-- All calls run in timers. nginx itself logs a connection that fails, with the
-- request it was for where there is one, and requests hold tokens.

local cjson = require "cjson.safe"
local ffi = require "ffi"
local semaphore = require "ngx.semaphore"


local C = ffi.C
local concat = table.concat
local find = string.find
local fmt = string.format
local lower = string.lower
local match = string.match
local max = math.max
local ngx = ngx
local now = ngx.now
local pcall = pcall
local tcp = ngx.socket.tcp
local timer_at = ngx.timer.at
local tonumber = tonumber
local update_time = ngx.update_time


ffi.cdef [[
int access(const char *path, int mode);
]]

local W_OK = 2

-- Seconds for one call, from connect to the last byte of the answer.
local TIMEOUT = 0.3

-- Seconds without a try after a call that failed, per worker.
local PAUSE = 3

-- Calls of a worker at a time; timers are not without end, and a flood of
-- made-up tokens must not become a flood of questions.
local MAX_CALLS = 64

local IDLE_MS = 60000
local POOL_SIZE = 16

-- Bytes of an answer that are read; a check-in's list of kicks is far below.
local MAX_BODY = 65536


local _M = {}


local socket_path
local paused_until = 0
local calls = 0


-- path: the socket's absolute path. Called in nginx's master.
function _M.set_socket(path)
  socket_path = path
end


local function pause()
  update_time()
  paused_until = now() + PAUSE
end


-- Tells whether a call made now would be tried.
function _M.reachable()
  if not socket_path or now() < paused_until or calls >= MAX_CALLS then
    return false
  end

  -- A supervisor that has ended in order has taken its socket along.
  if C.access(socket_path, W_OK) ~= 0 then
    pause()
    return false
  end

  return true
end


-- Gives sock what is left of the call's time for its next operation.
local function limit(sock, deadline)
  update_time()
  local left = max(1, (deadline - now()) * 1000)
  sock:settimeouts(left, left, left)

  return left > 1
end


local function read_chunks(sock, deadline)
  local parts, total = {}, 0
  while limit(sock, deadline) do
    local line, err = sock:receive("*l")
    local size = line and tonumber(match(line, "^%x+"), 16)
    if not size then
      return nil, err or "bad chunk"
    end

    total = total + size
    if total > MAX_BODY then
      return nil, "answer too long"
    end

    local data
    data, err = sock:receive(size + 2)
    if not data then
      return nil, err
    end

    if size == 0 then
      return concat(parts)
    end
    parts[#parts + 1] = data:sub(1, size)
  end

  return nil, "timeout"
end


-- Returns the body that the headers announce, "" for none.
local function read_body(sock, headers, status, deadline)
  if status == 204 or status == 304 then
    return ""
  end

  if find(headers["transfer-encoding"] or "", "chunked", 1, true) then
    return read_chunks(sock, deadline)
  end

  local length = tonumber(headers["content-length"])
  if not length or length > MAX_BODY then
    return nil, "answer without a length, or too long"
  end

  if length == 0 then
    return ""
  end

  if not limit(sock, deadline) then
    return nil, "timeout"
  end

  return sock:receive(length)
end


-- Returns status, body and headers, or nil and an error.
local function read_answer(sock, deadline)
  local headers, status = {}, nil
  while limit(sock, deadline) do
    local line, err = sock:receive("*l")
    if not line then
      return nil, err
    end

    if not status then
      status = tonumber(match(line, "^HTTP/1%.1 (%d%d%d)"))
      if not status then
        return nil, "not an HTTP/1.1 answer"
      end

    elseif line == "" then
      local body
      body, err = read_body(sock, headers, status, deadline)
      if not body then
        return nil, err
      end

      return status, body, headers

    else
      local name, value = match(line, "^([^:]+):%s*(.-)%s*$")
      if name then
        headers[lower(name)] = lower(value)
      end
    end
  end

  return nil, "timeout"
end


-- One request on one connection. Returns status and body; or nil, an error,
-- and whether the connection was a kept one that may just have been closed.
local function exchange(request, deadline)
  local sock = tcp()
  limit(sock, deadline)

  local ok, err = sock:connect("unix:" .. socket_path,
                               { pool_size = POOL_SIZE })
  if not ok then
    return nil, err
  end

  local reused = sock:getreusedtimes() > 0
  ok, err = sock:send(request)
  if not ok then
    sock:close()
    return nil, err, reused
  end

  local status, body, headers = read_answer(sock, deadline)
  if not status then
    sock:close()
    return nil, body, reused and body == "closed"
  end

  if headers.connection == "close" then
    sock:close()

  else
    sock:setkeepalive(IDLE_MS, POOL_SIZE)
  end

  return status, body
end


local function perform(method, path, document)
  update_time()
  local deadline = now() + TIMEOUT
  local body = document and cjson.encode(document) or ""
  local request = concat {
    method, " ", path, " HTTP/1.1\r\nHost: supervisor\r\n",
    "Content-Type: application/json\r\n",
    fmt("Content-Length: %d\r\n\r\n", #body), body,
  }

  local status, answer, stale = exchange(request, deadline)
  if not status and stale then
    status, answer = exchange(request, deadline)
  end

  -- 5xx: it is there but cannot answer, which is no better.
  if not status or status >= 500 then
    pause()
    return nil, status and "answered " .. status or answer
  end

  return status, answer ~= "" and cjson.decode(answer) or nil
end


-- Calls the supervisor; in timers only. document: encoded as JSON for the
-- body, or nil. Returns the status and the decoded answer (nil for an empty
-- one), or nil and an error when there was none in time.
function _M.call(method, path, document)
  if not _M.reachable() then
    return nil, "supervisor is away"
  end

  calls = calls + 1
  local ok, status, answer = pcall(perform, method, path, document)
  calls = calls - 1
  if not ok then
    return nil, status
  end

  return status, answer
end


-- The same, for a request in its access phase, which waits.
function _M.ask(method, path, document)
  if not _M.reachable() then
    return nil, "supervisor is away"
  end

  local done = semaphore.new()
  local status, answer
  local ok, err = timer_at(0, function()
    status, answer = _M.call(method, path, document)
    done:post()
  end)
  if not ok then
    return nil, err
  end

  ok, err = done:wait(TIMEOUT)
  if not ok then
    -- The request's next question, too, would wait in vain.
    pause()
    return nil, err
  end

  return status, answer
end


-- The same, for a request that has no use for the answer. Returns true when it
-- is tried.
function _M.tell(method, path, document)
  return _M.reachable() and timer_at(0, function(premature)
    if not premature then
      _M.call(method, path, document)
    end
  end)
end


-- Returns a query string of the arguments, a list of name, value, name, ….
function _M.query(...)
  local parts = {}
  local args = { ... }
  for i = 1, #args, 2 do
    parts[#parts + 1] = args[i] .. "=" .. ngx.escape_uri(args[i + 1])
  end

  return "?" .. concat(parts, "&")
end


return _M
