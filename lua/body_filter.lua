-- Each part of an answer to a player, as it passes.
return require("uhd.transfers").filter_body()
