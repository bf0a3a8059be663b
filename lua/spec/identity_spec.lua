local cjson = require "cjson.safe"
local identity = require "uhd.identity"


local here = debug.getinfo(1, "S").source:match("^@(.*/)")


-- Reads the identity of this very request, given other headers and query.
local function read(headers, query)
  for _, name in ipairs { "Authorization", "X-Emby-Authorization",
                          "X-Emby-Token", "X-MediaBrowser-Token" } do
    ngx.req.clear_header(name)
  end
  for name, value in pairs(headers) do
    ngx.req.set_header(name, value)
  end
  ngx.req.set_uri_args(query or "")

  return identity.read(ngx.var)
end


local function stated(value)
  if value == cjson.null then
    return nil
  end

  return value
end


describe("identity", function()
  for line in io.lines(here .. "testdata/clients.jsonl") do
    local case = cjson.decode(line)

    it("of " .. case.name, function()
      local who = read(case.headers, case.query)
      local expected = case.expect
      assert.same({
        client = stated(expected.client),
        version = stated(expected.version),
        device_id = stated(expected.deviceId),
        token = stated(expected.token),
      }, {
        client = who.client,
        version = who.version,
        device_id = who.device_id,
        token = who.token,
      })
    end)
  end


  it("keeps where the name was read", function()
    local header = { Authorization = 'Emby Client="A"' }
    assert.equal("header", read(header).kind)
    assert.equal("query", read({}, "X-Emby-Client=A").kind)
    assert.is_nil(read({}).kind)
  end)


  it("takes the first of duplicate headers", function()
    local who = read { ["X-Emby-Authorization"] = {
      'Emby Client="First"', 'Emby Client="Second"',
    } }
    assert.equal("First", who.client)
  end)


  it("finds the real argument behind a hundred dummies", function()
    local query = {}
    for i = 1, 150 do
      query[i] = "dummy" .. i .. "=x"
    end
    query[151] = "X-Emby-Client=Real&api_key=tok"

    local who = read({}, table.concat(query, "&"))
    assert.equal("Real", who.client)
    assert.equal("tok", who.token)
  end)


  it("never fails on what clients may send", function()
    math.randomseed(1)
    local alphabet = { '"', ",", "=", " ", "%", "+", "\\", "Client", "\1",
                       "%4", "Token", "MediaBrowser ", "é", "&" }
    for _ = 1, 2000 do
      local parts = {}
      for i = 1, math.random(12) do
        parts[i] = alphabet[math.random(#alphabet)]
      end
      local text = table.concat(parts)
      read({ authorization = "Emby " .. text }, ngx.escape_uri(text))
    end
  end)


  it("takes off any number of quotes and spaces", function()
    local long = (" "):rep(20000)
    local who = read {
      Authorization = "Emby " .. long .. "Client" .. long .. '=""A"b",'
                      .. "Version=" .. ('"'):rep(20000) .. "1",
    }
    assert.equal('A"b', who.client)
    assert.equal("1", who.version)
  end)


  it("parses a long header without remembering it", function()
    local name = ("x"):rep(5000)
    local who = read { authorization = 'Emby Client="' .. name .. '"' }
    assert.equal(name, who.client)
  end)
end)
