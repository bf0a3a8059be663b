// Package release keeps a slave's configurations on disk so that at any moment, and after any crash, a
// complete one can be served.
//
// A release is one directory, releases/<hash>: the nginx files, rules and access.lua of one
// configuration, the document they were made from, and a manifest with their digests. It is built
// under another name and renamed when complete; `conf` is a symlink to the release that nginx runs,
// switched by one rename. state/ remembers which releases were proven to serve, which configuration
// failed and until when it is left alone, and which acks the master has not taken yet.
package release
