-- The rules this worker decides by, for an access.lua of one's own.
return require("uhd.config")
