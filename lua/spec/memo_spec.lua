local memo = require "uhd.memo"


describe("memo", function()
  it("remembers what is asked for and forgets what is not", function()
    local m = memo.new(10)
    m:set("kept", false)
    for i = 1, 100 do
      m:set(i, i)
      assert.is_false(m:get("kept"))
    end
    assert.is_nil(m:get(1))
    assert.equal(100, m:get(100))
  end)


  it("has a bound", function()
    local m = memo.new(10)
    for i = 1, 1000 do
      m:set(i, i)
      m:get(i - 5)
    end

    local count = 0
    for i = 1, 1000 do
      if m.young[i] or m.old[i] then
        count = count + 1
      end
    end
    assert.is_true(count <= 20)
  end)
end)
