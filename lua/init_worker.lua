-- Each worker, once, before its first request.
require("uhd.worker").start()
