// Package buildinfo knows which version of the gateway this binary is.
package buildinfo

import "runtime/debug"

// version is set by the linker (-X); the Makefile takes it from git.
var version = ""

// Version returns the release's version, or else the revision that Go recorded, or "dev".
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "dev"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "dev-" + s.Value[:12]
		}
	}
	return "dev"
}
