local rate_limiter = require "uhd.rate_limiter"
local rate_rules = require "uhd.rate_rules"


local max = math.max


local function seconds()
  ngx.update_time()

  return ngx.now()
end


local scope_count = 0


-- Each test counts in a scope of its own.
local function limiter(...)
  local limits = assert(rate_rules.read { rules = { ... } })
  scope_count = scope_count + 1

  return rate_limiter.compile(limits):of("spec" .. scope_count)
end


local function check(scoped, ...)
  local counters = scoped:counters(...)
  if not counters then
    return nil
  end

  return rate_limiter.check(counters)
end


local function admitted(scoped, times, ...)
  local count = 0
  for _ = 1, times do
    if not check(scoped, ...) then
      count = count + 1
    end
  end

  return count
end


describe("rate limiter", function()
  it("lets a second's worth through at once, and the burst", function()
    local scoped = limiter { id = 1, apply_to = "ip", rate_per_second = 5,
                             rate_burst = 10 }
    assert.equal(15, admitted(scoped, 100, "10.0.0.1"))
    assert.equal(15, admitted(scoped, 100, "10.0.0.2"))
  end)


  it("lets a minute's worth through at once", function()
    local scoped = limiter { id = 1, apply_to = "user", rate_per_minute = 30 }
    assert.equal(30, admitted(scoped, 100, "ip", "u"))
    assert.equal(100, admitted(scoped, 100, "ip", nil))
  end)


  it("goes on at its rate", function()
    local scoped = limiter { id = 1, apply_to = "ip", rate_per_second = 20,
                             rate_burst = 7 }
    local began = seconds()
    local count = 0
    repeat
      count = count + admitted(scoped, 20, "a")
      ngx.sleep(0.02)
      local passed = seconds() - began
      assert.is_true(count <= 7 + 20 * max(1, passed) + 1, count)
    until passed > 2.5

    -- What the last nap brought has not been taken yet.
    count = count + admitted(scoped, 20, "a")
    assert.is_true(count >= 7 + 20 * 2.5 - 1, count)
  end)


  it("fills up to one window and the burst again, and no more", function()
    local scoped = limiter { id = 1, apply_to = "ip", rate_per_second = 20,
                             rate_burst = 10 }
    assert.equal(30, admitted(scoped, 100, "a"))
    ngx.sleep(3.5)
    assert.equal(30, admitted(scoped, 100, "a"))
  end)


  it("holds several rules at once and charges none for what one refuses",
     function()
    local scoped = limiter(
      { id = 1, apply_to = "global", rate_per_minute = 10 },
      { id = 2, apply_to = "ip", apply_value = "10.0.0.1",
        rate_per_minute = 3 },
      { id = 3, apply_to = "device", rate_per_second = 4,
        over_action = "warn" })
    assert.equal(3, admitted(scoped, 50, "10.0.0.1"))
    assert.equal(7, admitted(scoped, 50, "10.0.0.2"))

    local limit, wait = check(scoped, "10.0.0.2")
    assert.equal("1", limit.rule)
    -- The eleventh of ten a minute.
    assert.is_true(wait > 60 and wait <= 66, wait)
  end)


  it("lets through what is only to be warned of or throttled", function()
    local scoped = limiter(
      { id = 1, apply_to = "ip", rate_per_second = 1, over_action = "warn" },
      { id = 2, apply_to = "ip", rate_per_second = 2,
        over_action = "throttle", throttle_rate_bps = 5000 },
      { id = 3, apply_to = "ip", rate_per_second = 2,
        over_action = "throttle", throttle_rate_bps = 4000 })
    assert.is_nil(check(scoped, "a"))
    local limit, wait = check(scoped, "a")
    assert.equal("warn", limit.action)
    assert.is_nil(wait)
    assert.equal(4000, check(scoped, "a").rate_bps)
  end)


  it("says after how many seconds to come again", function()
    local scoped = limiter { id = 1, apply_to = "ip", rate_per_minute = 2 }
    admitted(scoped, 2, "a")
    local _, wait = check(scoped, "a")
    assert.is_true(wait > 60 and wait <= 90, wait)
  end)


  it("names the field that is wrong", function()
    for field, rule in pairs {
      apply_to = { apply_to = "host" },
      apply_value = { apply_to = "ip", apply_value = 7 },
      rate_per_second = { apply_to = "ip", rate_per_second = -1 },
      rate_burst = { apply_to = "ip", rate_burst = 1.5 },
      rate_per_minute = { apply_to = "ip", rate_per_minute = "10" },
      over_action = { apply_to = "ip", over_action = "ban" },
      throttle_rate_bps = { apply_to = "ip", over_action = "throttle",
                            rate_per_second = 1 },
    } do
      local limits, err, named = rate_rules.read { rules = { rule } }
      assert.is_nil(limits)
      assert.is_string(err)
      assert.equal("rules[0]." .. field, named)
    end

    local _, _, named = rate_rules.read { rules = {
      { id = 1, apply_to = "ip" }, { id = 1, apply_to = "user" },
    } }
    assert.equal("rules[1].id", named)
  end)
end)
