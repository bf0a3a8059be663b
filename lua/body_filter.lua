-- Each part of an answer to a player, as it passes.
return package.loaded["uhd.transfers"].filter_body()
