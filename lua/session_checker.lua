-- Concurrent streams, for an access.lua of one's own.
return require("uhd.streams")
