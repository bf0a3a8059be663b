// Package hindsight says what rules would have done with the requests of the last hours: whom a whitelist would have
// turned away, which paths would have been blocked, who would have met a limit. Operators ask before they publish.
//
// It reads the requests that slaves have reported, the newest first, and judges each as package chain says that the
// slaves do. Ten million requests are more than anybody waits for, so it reads for as long as the question's patience
// lasts and says how far it came. Quotas need no requests: slaves' counters say what everybody has used, exactly.
//
// A request that was refused then and would be again is told apart: it is no news.
package hindsight
