local decision_set = require "uhd.decision_set"
local decisions = require "uhd.decisions"
local rfc3339 = require "uhd.rfc3339"


local function view(list, scope)
  return decision_set.view({ assert(decision_set.read {
    decisions = list,
  }) }, scope)
end


describe("decisions", function()
  it("are found by dimension and value, the most severe first", function()
    local tables = view({
      { dimension = "ip", value = "::1", action = "throttle",
        throttle_rate_bps = 100, reason = "ban" },
      { dimension = "ip", value = "::1", action = "throttle",
        throttle_rate_bps = 50, reason = "ban" },
      { dimension = "user", value = "AB-cd", action = "reject",
        reason = "ban", rule_id = 7 },
      { dimension = "session", value = "s", action = "reject",
        reason = "kicked" },
    }, "1").bans
    assert.equal(50, decisions.find(tables, "::1").rate_bps)
    assert.equal("7", decisions.find(tables, "::1", "abcd").rule)
    assert.equal("kicked",
                 decisions.find(tables, "x", nil, nil, "s").reason)
    assert.is_nil(decisions.find(tables, "x", "other", "abcd", "t"))
  end)


  it("hold for their media server", function()
    local list = {
      { dimension = "user", value = "u", scope = "1", action = "reject",
        reason = "ban" },
      { dimension = "global", action = "reject", reason = "quota_requests",
        scope = "2" },
    }
    assert.is_nil(view(list, "2").bans)
    assert.is_nil(view(list, "1").quotas)
    assert.is_table(decisions.find(view(list, "1").bans, "ip", "u"))
    assert.is_table(decisions.find(view(list, "2").quotas, "ip"))
  end)


  it("end by their time", function()
    local now = ngx.time()
    local list = {
      { dimension = "ip", value = "a", action = "reject", reason = "ban",
        ["until"] = now - 1 },
      { dimension = "ip", value = "b", action = "reject", reason = "ban",
        ["until"] = now + 60 },
    }
    local tables = view(list, "1").bans
    assert.is_nil(decisions.find(tables, "a"))
    assert.is_table(decisions.find(tables, "b"))
  end)


  it("name the field that is wrong", function()
    local good = { dimension = "ip", value = "a", action = "reject",
                   reason = "ban" }
    for field, value in pairs {
      dimension = "host", value = "", action = "warn", reason = "because",
      scope = 1, rule_id = "x", ["until"] = "tomorrow",
    } do
      local bad = {}
      for k, v in pairs(good) do
        bad[k] = v
      end
      bad[field] = value

      local list, err, named = decision_set.read { decisions = { good, bad } }
      assert.is_nil(list)
      assert.is_string(err)
      assert.equal("decisions[1]." .. field, named)
    end

    local _, _, named = decision_set.read { decisions = {
      { dimension = "ip", value = "a", action = "throttle", reason = "ban" },
    } }
    assert.equal("decisions[0].throttle_rate_bps", named)
  end)


  it("are made of enforcements too", function()
    local list = assert(decision_set.read_enforcements { enforcements = { {
      dimension = "device", dimension_value = "d", action = "reject",
      effective_until = "2026-01-31T12:00:00.5+08:00",
    } } })
    assert.equal(1769832000.5, list[1].ends)

    local _, _, named = decision_set.read_enforcements { enforcements = { {
      dimension = "device", dimension_value = "d", action = "reject",
      effective_until = "2026-01-31 12:00",
    } } }
    assert.equal("enforcements[0].effective_until", named)
  end)
end)


describe("rfc3339", function()
  it("reads times with their zone", function()
    assert.equal(0, rfc3339.parse("1970-01-01T00:00:00Z"))
    assert.equal(951782400, rfc3339.parse("2000-02-29T00:00:00Z"))
    assert.equal(951868800, rfc3339.parse("2000-03-01T05:30:00+05:30"))
    assert.equal(4102444799, rfc3339.parse("2099-12-31T23:59:59-00:00"))
    assert.is_nil(rfc3339.parse("2000-03-01T05:30:00"))
    assert.is_nil(rfc3339.parse("tomorrow"))
  end)
end)
