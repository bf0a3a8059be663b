-- Each request, once it has ended.
require("uhd.log").run()
