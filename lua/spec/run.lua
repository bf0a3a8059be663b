-- Runs one spec file with busted, as the content of a request to real nginx,
-- and answers with the outcome of each test as JSON. lua_test.go asks.

local cjson = require "cjson.safe"

-- busted keeps the state of a run in these modules.
package.loaded["busted"] = nil
package.loaded["busted.init"] = nil

local busted = require "busted.core"()
require "busted"(busted)
local load_files = require "busted.modules.test_file_loader"(busted, { "lua" })
local execute = require "busted.execute"(busted)


-- A module that writes a global would share it between requests.
local function guard_globals()
  setmetatable(package.loaded._G, {
    __newindex = function(_, name)
      error("write to global " .. tostring(name), 2)
    end,
  })
end


local results = {}


local function add(name, problem)
  results[#results + 1] = { name = name, problem = problem }
end


local function full_name(element)
  local name = element.name
  local parent = busted.context.parent(element)
  while parent and parent.name and parent.descriptor == "describe" do
    name = parent.name .. " " .. name
    parent = busted.context.parent(parent)
  end

  return name
end


local problems = {}


local function on_problem(element, _, message)
  local text = type(message) == "string" and message
               or message and tostring(message.message or message)
               or "failed"
  if element.descriptor == "it" then
    problems[element] = text

  else
    add(element.name or "file", text)
  end
end


busted.subscribe({ "failure" }, on_problem)
busted.subscribe({ "error" }, on_problem)
busted.subscribe({ "test", "end" }, function(element)
  add(full_name(element), problems[element])
end)

guard_globals()
load_files({ ngx.req.get_uri_args().file }, { "_spec%.lua$" },
           { excludes = {} })
execute(1, { seed = 1 })

ngx.print(cjson.encode(results))
