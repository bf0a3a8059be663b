local tokens = require "uhd.tokens"


describe("tokens", function()
  it("are known by their SHA-256", function()
    assert.is_true(tokens.available())
    assert.equal(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      tokens.hash("abc"))
    assert.equal(tokens.hash("abc"), tokens.hash("abc"))
    assert.equal(64, #tokens.hash(("x"):rep(100000)))
    assert.equal(64, #tokens.hash("\0\255"))
    assert.not_equal(tokens.hash("a"), tokens.hash("a\0"))
  end)


  it("have no hash when there is none", function()
    assert.is_nil(tokens.hash(nil))
    assert.is_nil(tokens.hash(""))
    assert.is_nil(tokens.hash(5))
  end)
end)
