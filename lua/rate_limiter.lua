-- Rate limits, for an access.lua of one's own.
return require "uhd.rate_limiter"
