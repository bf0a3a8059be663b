-- Each answer to a player, before its header is sent.
require("uhd.probe").filter_header()
require("uhd.login").filter_header()
require("uhd.streams").filter_header()
