-- The built-in access chain, for each request to a server block.
require("uhd.access").run()
