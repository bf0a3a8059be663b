-- What happens once per nginx start or reload, in nginx's master: a new
-- generation number, and the release's rules read, compiled and made the
-- active ones of that generation. Workers inherit all of it by fork.
--
-- Nothing here may raise: an error in init_by_lua keeps nginx from starting,
-- and a slave with broken rules is better off answering 503 and saying why.

local config = require "uhd.config"
local probe = require "uhd.probe"
local supervisor = require "uhd.supervisor"
local tokens = require "uhd.tokens"

-- All modules of the request path are loaded here, so that a worker of this
-- generation never reads a file that a later release has changed.
require "uhd.access"
require "uhd.admin"
require "uhd.answer"
require "uhd.transfers"
require "uhd.log"
require "uhd.worker"


local open = io.open
local log = ngx.log
local ERR = ngx.ERR
local NOTICE = ngx.NOTICE


local _M = {}


local function read_file(path)
  local file, err = open(path, "rb")
  if not file then
    return nil, err
  end

  local text
  text, err = file:read("*a")
  file:close()

  return text, err
end


local function load_rules(conf)
  local path = conf .. "/rules.json"
  local text, err = read_file(path)
  if not text then
    -- Normal for the placeholder, which serves without rules.
    log(NOTICE, "no rules: ", err)
    return
  end

  local ok, field
  ok, err, field = config.load(text)
  if not ok then
    log(ERR, "rules refused, requests will get 503: ", path, ": ",
        field or "document", ": ", err)
  end
end


local function init(opts)
  probe.set_key(read_file(opts.run .. "/probe.key"))
  supervisor.set_socket(opts.run .. "/supervisor.sock")

  local ok, err = tokens.available()
  if not ok then
    log(ERR, "rules by user will not hold: ", err)
  end

  config.start_generation()
  load_rules(opts.conf)
end


-- opts: root, conf (holds rules.json), run (holds probe.key and sockets);
-- absolute paths.
function _M.init(opts)
  local ok, err = pcall(init, opts)
  if not ok then
    log(ERR, "no rules, requests will get 503: ", err)
  end
end


return _M
