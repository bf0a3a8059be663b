// Package chain decides in Go what the access chain of lua/uhd decides about one request: which rules its path meets,
// whether the whitelist lets its client in, whether a rate is exceeded. The master asks it about requests that slaves
// have reported, to say what rules would have done with them.
//
// Lua is the original. A test gives both the same cases, so that they cannot drift apart. What the chain knows of a
// request and telemetry does not hold is left out: the spelling of its path before nginx decoded it.
package chain
