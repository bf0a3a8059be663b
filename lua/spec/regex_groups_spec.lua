local regex_groups = require "uhd.regex_groups"
local regexes = require "uhd.regexes"


-- What a cut could get wrong: slashes in classes and groups, repeated ones,
-- escapes, alternations; two of each kind, for only a group can be wrong.
local PATTERNS = {
  "^/a/b$", "^/a/c$", "^/a/(b|c)/d$", "^/a/(?:b/c|d)$", "^/a/b|/c$",
  "^/a/[/b]+c$", "^/a/[^]/]b", "^/a/[]/|]c", "^/a/[[:alpha:]/]d", "^/a/[\\]/]b",
  "^/a/b/?$", "^/a/b/*c", "^/a/b/{2}c", "^/a/b/+d$", "^/a/\\/?b$", "^/a/\\(b/c",
  "^/a/\\[b/c]", "^/a/(?=b/)b/c", "^/a/(?!b/)./d", "^/a/[^/]++/b", "/c/",
  "^/a/(?:b/c|x)$", "^/a/b|/d$", "^/a/[/b]+d$", "^/a/b/{2}d", "^/a/b/?c$",
  "/", "^/b/$", "(^|/)d/b", "^/(a|b)/c/[^/]*$", "^/a/b/c", "^/d/[b|c]/a$",
}


-- Half of the paths, which chance would not find.
local PATHS = {
  "/a/b/", "/a/c/", "/a/b//c/", "/a/b/c/", "/a/b/d/", "/a/bc/", "/a/b//d/",
  "/a//bc/", "/a/]b/", "/a/|c/", "/a/\\b/", "/a/(b/c/", "/a/[b/c]/", "/b/c/",
  "/a/\\/b/", "/a//b/", "/d/c/a/", "/d/|/a/", "/c/", "/a/{2}c/",
}


local function path_of(random)
  if random(2) == 1 then
    return PATHS[random(#PATHS)]
  end

  local parts = {}
  for i = 1, random(7) do
    local at = random(11)
    parts[i] = ("abcd/]|([\\/"):sub(at, at)
  end

  return "/" .. table.concat(parts) .. "/"
end


describe("regex groups", function()
  it("match what their patterns match one by one", function()
    local single = {}
    for i, pattern in ipairs(PATTERNS) do
      assert.is_true(regexes.try(pattern), pattern)
      single[i] = regexes.compile { pattern }
    end

    math.randomseed(7)
    local met = 0
    for _ = 1, 300 do
      local chosen, list = {}, {}
      for i = 1, 8 do
        chosen[i] = math.random(#PATTERNS)
        list[i] = PATTERNS[chosen[i]]
      end
      local together = regexes.compile(list)
      for _ = 1, 20 do
        local path = path_of(math.random)
        local expected = false
        for i = 1, #chosen do
          expected = expected or single[chosen[i]]:matches(path)
        end
        assert.equal(expected, together:matches(path),
                     path .. " and " .. table.concat(list, "  "))
        met = met + (expected and 1 or 0)
      end
    end
    assert.is_true(met > 1000)
  end)


  it("have what begins alike", function()
    assert.same({
      { beginning = "^/items/[^/]+/", rests = { "x(/|$)", "y$" } },
      { beginning = "^/a/", rests = { "|b" } },
      { beginning = "^/", rests = { "z" } },
      { beginning = "", rests = { "x/?", "^[/" } },
    }, regex_groups.of {
      "^/items/[^/]+/x(/|$)", "^/a/|b", "^/z", "^/items/[^/]+/y$", "x/?",
      "^[/",
    })
  end)
end)
