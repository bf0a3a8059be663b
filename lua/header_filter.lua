-- Each answer to a player, before its header is sent.
require("uhd.probe").filter_header()
