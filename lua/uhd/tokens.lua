-- Tokens by their SHA-256: what shared dicts, logs and the supervisor get to
-- see of a token is its hash, never the token.

local ffi = require "ffi"
local lrucache = require "resty.lrucache"


local byte = string.byte
local C = ffi.C
local concat = table.concat
local ffi_new = ffi.new
local fmt = string.format
local type = type


-- nginx links libcrypto, so its symbols are there without loading anything.
ffi.cdef [[
unsigned char *SHA256(const unsigned char *d, size_t n, unsigned char *md);
]]

local DIGEST_BYTES = 32

-- Distinct tokens remembered per worker, in memory only. A longer one is
-- hashed every time, so that the memory has a bound.
local CACHED_TOKENS = 10000
local MAX_CACHED = 512


local _M = {}


local HEX = {}
for i = 0, 255 do
  HEX[i] = fmt("%02x", i)
end

local cache = lrucache.new(CACHED_TOKENS)
local digest = ffi_new("unsigned char[?]", DIGEST_BYTES)
local parts = {}

local available, missing = pcall(function()
  return C.SHA256
end)


-- Returns true, or nil and an error when this nginx offers no SHA-256: then no
-- token has a hash, and no request a user.
function _M.available()
  if available then
    return true
  end

  return nil, "no SHA256 in nginx's libcrypto: " .. missing
end


local function compute(token)
  C.SHA256(token, #token, digest)
  for i = 1, DIGEST_BYTES do
    parts[i] = HEX[digest[i - 1]]
  end

  return concat(parts, "", 1, DIGEST_BYTES)
end


-- Returns the hex SHA-256 of a token; nil for none, or without libcrypto.
function _M.hash(token)
  if type(token) ~= "string" or byte(token) == nil or not available then
    return nil
  end

  local hash = cache:get(token)
  if hash then
    return hash
  end

  hash = compute(token)
  if #token <= MAX_CACHED then
    cache:set(token, hash)
  end

  return hash
end


return _M
