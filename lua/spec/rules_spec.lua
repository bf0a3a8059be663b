local cjson = require "cjson.safe"
local rules = require "uhd.rules"


local function compile(profile, profiles)
  return rules.compile(cjson.encode {
    hash = "h", version = 7, default = profile, profiles = profiles,
  })
end


describe("rules", function()
  it("take lists that are absent, null or an empty object", function()
    local compiled = assert(rules.compile([[{"hash": "h", "default": {
      "skip_list": null, "block_list": {}, "allowed_clients": {},
      "min_versions": [], "client_patterns": null, "unidentified": "",
      "fake_counts_enabled": null}, "profiles": null, "rate_limit": {}}]]))
    assert.equal("h", compiled.hash)
    assert.is_false(compiled.default.routes.skip)
    assert.is_false(compiled.default.routes.block)
    assert.is_false(compiled.default.clients)
    assert.is_false(compiled.default.counts)
  end)


  it("keep profiles by id", function()
    local compiled = assert(compile({}, { ["3"] = {
      fake_counts_enabled = true, fake_counts_value = 5,
    } }))
    assert.is_table(compiled.profiles["3"].counts)
    assert.is_false(compiled.default.counts)
  end)


  for name, case in pairs {
    ["a regex of a profile"] = {
      "profiles.3.block_list[2].pattern",
      {}, { ["3"] = { block_list = {
        { pattern = "/a", match_type = "exact" },
        { pattern = "/b", match_type = "prefix" },
        { pattern = "(", match_type = "regex" },
      } } },
    },
    ["a match type"] = {
      "default.skip_list[0].match_type",
      { skip_list = { { pattern = "/a", match_type = "glob" } } },
    },
    ["an empty pattern"] = {
      "default.skip_list[0].pattern",
      { skip_list = { { pattern = "", match_type = "prefix" } } },
    },
    ["a pattern that is no text"] = {
      "default.block_list[0].pattern",
      { block_list = { { pattern = 1, match_type = "exact" } } },
    },
    ["a list that is a text"] = { "default.block_list", { block_list = "x" } },
    ["a list that is an object"] = {
      "default.block_list", { block_list = { a = 1 } },
    },
    ["a list of texts"] = { "default.skip_list[0]", { skip_list = { "x" } } },
    ["a client that is no name"] = {
      "default.allowed_clients[0]", { allowed_clients = { 1 } },
    },
    ["versions as a list"] = {
      "default.min_versions", { min_versions = { "1.0" } },
    },
    ["a client pattern"] = {
      "default.client_patterns[0].pattern",
      { client_patterns = { { name = "A", pattern = "*" } } },
    },
    ["unidentified"] = { "default.unidentified", { unidentified = "maybe" } },
    ["a message"] = { "default.deny_message", { deny_message = {} } },
    ["messages as a text"] = {
      "default.deny_messages", { deny_messages = "no" },
    },
    ["messages of a reason that are no texts"] = {
      "default.deny_messages.ban", { deny_messages = { ban = { en = 1 } } },
    },
    ["fake counts"] = {
      "default.fake_counts_value", { fake_counts_value = "many" },
    },
    ["a profile"] = { "profiles.3", {}, { ["3"] = "x" } },
    ["the default"] = { "default" },
  } do
    it("refuse " .. name, function()
      local compiled, err, field = compile(case[2], case[3])
      assert.is_nil(compiled)
      assert.is_string(err)
      assert.equal(case[1], field)
    end)
  end


  it("refuse what is no document with a hash", function()
    for _, text in ipairs { "", "{", "[]", "7", '{"default": {}}',
                            '{"hash": "", "default": {}}' } do
      local compiled, err = rules.compile(text)
      assert.is_nil(compiled)
      assert.is_string(err)
    end
  end)
end)
