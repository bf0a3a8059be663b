local clients = require "uhd.clients"


local function compile(allowed, min_versions, patterns, reject)
  return assert(clients.compile(allowed, min_versions or {}, patterns or {},
                                reject or false))
end


describe("clients", function()
  it("let everyone in without a whitelist", function()
    assert.is_false(clients.compile({}, {}, {}, false))
    assert.is_false(clients.compile({}, { A = "" }, {}, false))
  end)


  it("go by name, in any case", function()
    local list = compile { "Jellyfin Web", " Infuse-Direct" }
    assert.is_nil(list:refuse("jellyfin web"))
    assert.is_nil(list:refuse("Infuse-Direct"))
    assert.equal("client_not_allowed", list:refuse("Jellyfin Webb"))
  end)


  it("need their minimum version, and to state it", function()
    local list = compile({}, { ["Emby Web"] = "4.8" })
    assert.is_nil(list:refuse("Emby Web", "4.8.0.39"))
    assert.is_nil(list:refuse("Another"))

    local reason, minimum = list:refuse("Emby Web", "4.7.9")
    assert.equal("client_outdated", reason)
    assert.equal("4.8", minimum)
    assert.equal("client_outdated", list:refuse("Emby Web", nil))
    assert.equal("client_outdated", list:refuse("Emby Web", "newest"))
  end)


  it("may be unidentified unless that is refused", function()
    assert.is_nil(compile({ "A" }):refuse(nil))
    local strict = compile({ "A" }, {}, {}, true)
    assert.equal("client_unidentified", strict:refuse(nil))
  end)


  it("are named by their User-Agent", function()
    local list = compile({ "VLC" }, {}, {
      { name = "VLC", pattern = "^vlc" },
      { name = "Apple", pattern = "AppleCoreMedia/([0-9.]+)" },
    })
    assert.same({ client = "VLC", version = "3.0.18", kind = "user_agent" },
                list:by_agent("VLC/3.0.18 LibVLC/3.0.18"))
    assert.same({ client = "Apple", version = "1.0.0.21",
                  kind = "user_agent" },
                list:by_agent("x AppleCoreMedia/1.0.0.21 (iPhone)"))
    assert.is_false(list:by_agent("Mozilla/5.0"))
    assert.is_false(list:by_agent(nil))
    assert.is_false(list:by_agent(("x"):rep(10000)))
  end)


  it("name the field that is wrong", function()
    local _, err, field = clients.compile({}, {}, {
      { name = "A", pattern = "a" }, { name = "B", pattern = "[" },
    }, false)
    assert.is_string(err)
    assert.equal("client_patterns[1].pattern", field)

    _, err, field = clients.compile({}, { A = "new" }, {}, false)
    assert.is_string(err)
    assert.equal("min_versions.A", field)
  end)
end)
