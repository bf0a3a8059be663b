-- Each answer to a player, before its header is sent.
require("uhd.answer").filter_header()
