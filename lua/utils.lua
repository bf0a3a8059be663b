-- What an access.lua of one's own may want to build on.
local access = require "uhd.access"
local deny = require "uhd.deny"
local identity = require "uhd.identity"
local paths = require "uhd.paths"
local version = require "uhd.version"


return {
  run_chain = access.run,
  refuse = deny.refuse,
  identity = identity.read,
  read_path = paths.read,
  parse_version = version.parse,
  version_less = version.less,
}
