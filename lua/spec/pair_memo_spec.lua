local pair_memo = require "uhd.pair_memo"


describe("pair_memo", function()
  it("finds by both keys", function()
    local m = pair_memo.new(10)
    m:set(1, "a", "1a")
    m:set(2, "a", "2a")
    m:set(1, "b", false)
    assert.equal("1a", m:get(1, "a"))
    assert.equal("2a", m:get(2, "a"))
    assert.is_false(m:get(1, "b"))
    assert.is_nil(m:get(2, "b"))
    assert.is_nil(m:get(3, "a"))
  end)


  it("remembers what is asked for and forgets what is not", function()
    local m = pair_memo.new(10)
    m:set(0, "kept", true)
    for i = 1, 100 do
      m:set(i % 7, i, i)
      assert.is_true(m:get(0, "kept"))
    end
    assert.is_nil(m:get(1, 1))
    assert.equal(100, m:get(100 % 7, 100))
  end)


  it("has a bound", function()
    local m = pair_memo.new(10)
    for i = 1, 1000 do
      m:set(i % 7, i, i)
      m:get((i - 5) % 7, i - 5)
    end

    local count = 0
    for _, generation in ipairs { m.young, m.old } do
      for _, seconds in pairs(generation) do
        for _ in pairs(seconds) do
          count = count + 1
        end
      end
    end
    assert.is_true(count <= 20)
  end)
end)
