// Package lua carries the data plane in the supervisor's binary: the flat entry files that nginx names
// and the modules under uhd/. Its tests run the specs of spec/ inside a real nginx.
package lua

import "embed"

// Files is the Lua tree as it is installed under SLAVE_ROOT/lua. access.lua in it is the built-in access
// chain: a release without rendered_lua takes its text.
//
//go:embed *.lua uhd/*.lua
var Files embed.FS
