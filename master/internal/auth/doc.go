// Package auth decides who comes in: people with passwords and sessions, programs with API keys, slaves
// with tokens. What each may then do is the business of adminapi and slaveapi.
package auth
