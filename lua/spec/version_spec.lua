local version = require "uhd.version"


describe("version", function()
  it("compares by numbers", function()
    for _, pair in ipairs {
      { "1.9", "1.10" }, { "3.2.32-17.15", "3.2.32-17.41" },
      { "2.0.94", "2.0.95g" }, { "10.8.13", "10.11.5" }, { "1", "1.0.1" },
      { "", "0.1" }, { "beta", "1" }, { "v1.2", "V1.3" },
      { "4.8.0.39", "4.8.10.0" },
    } do
      local a, b = version.parse(pair[1]), version.parse(pair[2])
      assert.is_true(version.less(a, b), pair[1] .. " < " .. pair[2])
      assert.is_false(version.less(b, a), pair[2] .. " >= " .. pair[1])
    end
  end)


  it("takes missing numbers for zero and ignores suffixes", function()
    for _, pair in ipairs {
      { "1", "1.0.0" }, { "2.0.95g", "2.0.95" }, { "3.0.0pre13", "3.0.0" },
      { "1.0.0-beta2", "1.0.0" }, { " v10.8 ", "10.8" },
    } do
      local a, b = version.parse(pair[1]), version.parse(pair[2])
      assert.is_false(version.less(a, b))
      assert.is_false(version.less(b, a))
    end
  end)
end)
