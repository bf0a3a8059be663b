local stream_rules = require "uhd.stream_rules"


local function rule(fields)
  local document = { apply_to = "user", max_streams = 1 }
  for name, value in pairs(fields) do
    document[name] = value
  end

  return stream_rules.compile_rules { stream_rules = { document } }
end


describe("stream rules", function()
  it("are none where none are stated", function()
    assert.is_false(stream_rules.compile_profile {})
    assert.is_false(stream_rules.compile_profile {
      concurrent_streams = { max_streams = 0 },
    })
    assert.is_false(stream_rules.compile_rules {})
    assert.is_false(rule { max_streams = 0 })
  end)


  it("name the field that is wrong", function()
    for field, value in pairs {
      apply_to = "everyone", max_streams = 1.5, action_on_exceed = "ban",
      apply_value = 5, deny_message = {},
    } do
      local limits, err, at = rule { [field] = value }
      assert.is_nil(limits)
      assert.is_string(err)
      assert.equal("stream_rules[0]." .. field, at)
    end

    local _, _, at = stream_rules.compile_profile {
      concurrent_streams = { max_streams = -1 },
    }
    assert.equal("concurrent_streams.max_streams", at)
  end)


  it("apply by value", function()
    local stream = { user_key = "u", device = "d", ip = "i" }
    local none = { ip = "i" }
    for by, value in pairs { user = "U-", device = "d", ip = "I" } do
      local limits = assert(rule { apply_to = by, apply_value = value })
      assert.equal(1, #stream_rules.applying(false, limits, stream))
      limits = assert(rule { apply_to = by, apply_value = "another" })
      assert.equal(0, #stream_rules.applying(false, limits, stream))
    end
    local limits = assert(rule { apply_value = "u" })
    assert.equal(0, #stream_rules.applying(limits, false, none))
    assert.equal(2, #stream_rules.applying(assert(rule {}), assert(rule {
      apply_to = "global", apply_value = "x",
    }), none))
  end)


  it("know the lowest by user", function()
    local limits = stream_rules.applying(
      assert(rule { max_streams = 3 }), assert(rule { max_streams = 2 }), {})
    assert.equal(2, stream_rules.lowest_by_user(limits).max)
    assert.is_nil(stream_rules.lowest_by_user(
      assert(rule { apply_to = "ip" })))
  end)
end)
