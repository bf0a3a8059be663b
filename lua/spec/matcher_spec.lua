local matcher = require "uhd.matcher"


local function compile(kind, ...)
  local rules = {}
  for i, pattern in ipairs { ... } do
    rules[i] = { pattern = pattern, match_type = kind }
  end

  return assert(matcher.compile(rules))
end


describe("matcher", function()
  it("is false for an empty list", function()
    assert.is_false(matcher.compile {})
  end)


  it("matches exact paths and nothing beside them", function()
    local m = compile("exact", "/Items/Counts", "/System/Logs/")
    assert.is_true(m:matches("/items/counts/"))
    assert.is_true(m:matches("/system/logs/"))
    assert.is_false(m:matches("/items/counts/x/"))
    assert.is_false(m:matches("/items/"))
  end)


  it("matches prefixes as text, and as directories with a slash", function()
    local m = compile("prefix", "/Web", "/System/Logs/")
    assert.is_true(m:matches("/web/"))
    assert.is_true(m:matches("/webhook/"))
    assert.is_true(m:matches("/system/logs/"))
    assert.is_true(m:matches("/system/logs/today/"))
    assert.is_false(m:matches("/system/logsnot/"))
  end)


  it("finds each of many prefixes", function()
    local texts = {}
    for i = 1, 500 do
      texts[i] = "/p" .. i .. "/"
    end
    texts[501] = "/p25"
    local m = compile("prefix", unpack(texts))

    for i = 1, 500 do
      assert.is_true(m:matches("/p" .. i .. "/x/"))
    end
    assert.is_true(m:matches("/p2599/"))
    assert.is_false(m:matches("/p501/"))
    assert.is_false(m:matches("/"))
    assert.is_false(m:matches("/zzz/"))
  end)


  it("matches regexes in any case, with and without the slash", function()
    local m = compile("regex", "^/Items/[^/]+/Download$", "/bif/$")
    assert.is_true(m:matches("/items/1/download/"))
    assert.is_true(m:matches("/videos/bif/"))
    assert.is_false(m:matches("/items/1/2/download/"))
  end)


  it("lets a regex name the base path", function()
    local m = compile("regex", "^/emby/Items/Counts$")
    assert.is_true(m:matches("/items/counts/"))
  end)


  it("keeps the groups of joined patterns apart", function()
    local m = compile("regex", "^/(a)(b)$", "^/(x)\\1$", "^/(?<n>y)\\k<n>$",
                      "^/(?i)Z$", "^/(q)-(?1)$")
    for _, path in ipairs { "/ab/", "/xx/", "/yy/", "/z/", "/q-q/" } do
      assert.is_true(m:matches(path))
    end
    for _, path in ipairs { "/xa/", "/xy/", "/aa/", "/q-a/" } do
      assert.is_false(m:matches(path))
    end
  end)


  it("does not let one pattern swallow another", function()
    local m = compile("regex", "(?x) ^/one$ # comment", "^/\\Q(two$", "^/three",
                      "(*COMMIT)^/four", "^/five")
    for _, path in ipairs { "/one/", "/(two$/", "/three/", "/four/",
                            "/five/" } do
      assert.is_true(m:matches(path), path)
    end
  end)


  it("joins into more than one alternation when PCRE must", function()
    local texts = {}
    for i = 1, 3000 do
      texts[i] = "^/p" .. i .. "/[a-z]{1,40}/" .. ("x"):rep(20) .. "$"
    end
    local m = compile("regex", unpack(texts))

    assert.is_true(#m.regexes.alternations > 1
                   and #m.regexes.alternations < 100)
    assert.is_true(m:matches("/p2999/abc/" .. ("x"):rep(20) .. "/"))
    assert.is_false(m:matches("/p3001/abc/" .. ("x"):rep(20) .. "/"))
  end)


  it("is not evaded by a newline", function()
    local m = compile("regex", "^/items/.*/download$")
    assert.is_true(m:matches("/items/a\nb/download/"))
  end)


  it("says so when a regex cannot be decided", function()
    local m = compile("regex", "^/(a+)+$")
    local hit, err = m:matches("/" .. ("a"):rep(5000) .. "!/")
    assert.is_nil(hit)
    assert.is_string(err)
  end)


  it("names the rule that does not compile", function()
    local m, err, field = matcher.compile {
      { pattern = "/ok", match_type = "exact" },
      { pattern = "(", match_type = "regex" },
    }
    assert.is_nil(m)
    assert.matches("missing", err)
    assert.equal("[1].pattern", field)

    m, err, field = matcher.compile {
      { pattern = "/emby/", match_type = "prefix" },
    }
    assert.is_nil(m)
    assert.matches("base path", err)
    assert.equal("[0].pattern", field)
  end)
end)
