local users = require "uhd.users"


local dict = ngx.shared.session_store

local WEEK = 7 * 24 * 3600


describe("users", function()
  local hash = ("a"):rep(64)


  it("holds a binding for a week, or for as long as it is told", function()
    assert.is_true(users.bind("1", hash, "ann"))
    local ttl = dict:ttl("user:1:" .. hash)
    assert.is_true(ttl > WEEK - 60 and ttl <= WEEK)

    users.bind("1", hash, "bob", 600)
    ttl = dict:ttl("user:1:" .. hash)
    assert.is_true(ttl > 590 and ttl <= 600)
    assert.equal("bob", users.known("1", hash))

    for _, odd in ipairs { 0, -1, 1e12, "600", true } do
      users.bind("1", hash, "carl", odd)
      assert.is_true(dict:ttl("user:1:" .. hash) > WEEK - 60)
    end
  end)


  it("takes over a list whole or not at all", function()
    local list = '{"users": [{"scope": "2", "token_hash": "h", "user_id": "u",'
                 .. ' "valid_for": 60}%s]}'
    assert.equal(1, users.load(list:format("")))
    assert.is_true(dict:ttl("user:2:h") <= 60)

    local bound, err, field = users.load(list:format(
      ', {"scope": "2", "token_hash": "i", "user_id": 7}'))
    assert.is_nil(bound)
    assert.is_string(err)
    assert.equal("users[1].user_id", field)
    assert.is_nil(users.known("2", "i"))
  end)
end)
