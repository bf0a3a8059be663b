// Package nginx carries the two nginx files that do not come from the master: nginx.conf, which every
// release includes, and the placeholder that serves while a slave has no release yet. They are part of
// the binary, so that an empty SLAVE_ROOT works and Go, nginx.conf and Lua are always of one version.
package nginx

import (
	"bytes"
	_ "embed"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"syscall"
	"text/template"
)

//go:embed nginx.conf.tmpl
var confText string

//go:embed server.conf
var placeholderText string

var conf = template.Must(template.New("nginx.conf").Option("missingkey=error").Parse(confText))

// maxSocketPath is how long the path of a unix socket may be on Linux: sockaddr_un.sun_path holds 108
// bytes with the closing zero.
const maxSocketPath = 107

// Params is what differs between the nginx of one slave and another, and between the serving and the
// rehearsing nginx of one slave. Root is needed, all else has a default.
//
// Workers run as User and need to reach LuaDir, ConfDir and RunDir: the directories want mode 0711 or
// 0755. nginx makes its sockets with mode 0666 whatever the umask; who starts it gives the admin socket
// mode 0600 once it is there (a reload keeps the socket, and so its mode).
type Params struct {
	Root    string // SLAVE_ROOT, absolute
	ConfDir string // rules.json is read here at start and reload; Root/conf when empty
	RunDir  string // pid, sockets, probe.key, emerg.log, temporary files; Root/run when empty; must exist
	LuaDir  string // the Lua tree; Root/lua when empty
	User    string // of the workers when started by root; nginx's compiled-in user (nobody) when empty
	Workers int    // 0: one per core

	// Resolver is where names of upstreams are looked up, address:port; "": nowhere, so that they need a
	// resolver in the server blocks.
	Resolver string

	// OpenFiles is how many files and connections a worker may have open; 0: as many as the system
	// lets this process have, at most 65535. Asking for more is an alert line per worker.
	OpenFiles uint64
}

// maxOpenFiles is the most that is asked for; each connection of nginx costs memory at start.
const maxOpenFiles = 65535

// Render returns nginx.conf for p. It says nothing about daemonizing: start nginx with -g 'daemon off;'.
// A path that nginx or Lua would read as anything but itself is an error that names the field.
func Render(p Params) ([]byte, error) {
	if p.ConfDir == "" {
		p.ConfDir = filepath.Join(p.Root, "conf")
	}
	if p.RunDir == "" {
		p.RunDir = filepath.Join(p.Root, "run")
	}
	if p.LuaDir == "" {
		p.LuaDir = filepath.Join(p.Root, "lua")
	}
	if p.OpenFiles == 0 {
		p.OpenFiles = allowedFiles()
	}
	for _, f := range []struct{ name, path string }{
		{"Root", p.Root}, {"ConfDir", p.ConfDir}, {"RunDir", p.RunDir}, {"LuaDir", p.LuaDir},
	} {
		if err := checkPath(f.path); err != nil {
			return nil, fmt.Errorf("render nginx.conf: %s %q: %w", f.name, f.path, err)
		}
	}
	if n := len(AdminSocket(p.RunDir)); n > maxSocketPath {
		return nil, fmt.Errorf("render nginx.conf: RunDir %q: socket path of %d bytes, the system takes %d: use a shorter directory",
			p.RunDir, n, maxSocketPath)
	}
	if strings.ContainsFunc(p.User, func(r rune) bool { return r <= ' ' || strings.ContainsRune(`;{}"'\$#`, r) }) {
		return nil, fmt.Errorf("render nginx.conf: User %q: not a user name", p.User)
	}
	if p.Resolver != "" {
		if _, err := netip.ParseAddrPort(p.Resolver); err != nil {
			return nil, fmt.Errorf("render nginx.conf: Resolver: %w", err)
		}
	}
	var b bytes.Buffer
	if err := conf.Execute(&b, p); err != nil {
		return nil, fmt.Errorf("render nginx.conf: %w", err)
	}
	return b.Bytes(), nil
}

// Connections is how many of a worker's files may be connections: three quarters, at most 16384, which
// leaves room for logs, sockets and what else is open.
func (p Params) Connections() uint64 { return max(128, min(p.OpenFiles/4*3, 16384)) }

func allowedFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024 // what every system allows
	}
	return min(limit.Max, maxOpenFiles)
}

// AdminSocket returns the path of the admin socket of the nginx that runs with runDir.
func AdminSocket(runDir string) string { return filepath.Join(runDir, "admin.sock") }

// Placeholder returns the server.conf of a slave without a release: it answers 503 with Retry-After on
// listen, which is what nginx's listen directive takes (8080, [::]:80, unix:/path).
func Placeholder(listen string) []byte {
	return []byte(strings.ReplaceAll(placeholderText, "{{listen}}", listen))
}

// checkPath refuses what would need quoting in one of the two languages of the file: a path stands in
// nginx strings, where $ is a variable, in package.path, where ; and ? have a meaning, and in Lua.
func checkPath(path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("must be an absolute path")
	}
	if i := strings.IndexFunc(path, func(r rune) bool { return r < ' ' || strings.ContainsRune(`"'\$;?{}`, r) }); i >= 0 {
		return fmt.Errorf("must not contain %q", path[i])
	}
	return nil
}
