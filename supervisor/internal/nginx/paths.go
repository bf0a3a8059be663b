package nginx

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// maxSocketPath is what sun_path of sockaddr_un holds, less its closing zero; unix(7).
const maxSocketPath = 107

// paths are the files of one root. The real root and the private root of a rehearsal have the same shape.
type paths struct {
	root        string
	conf        string // nginx.conf
	adminSocket string
	localSocket string // the supervisor's own; see LocalSocket
	emergLog    string
	probeKey    string
	record      string // who the nginx of this root is, for a supervisor that comes after a kill -9
	rehearsal   string // the private root
}

func pathsOf(root string) paths {
	run := filepath.Join(root, "run")
	return paths{
		root:        root,
		conf:        filepath.Join(root, "conf", "nginx.conf"),
		adminSocket: filepath.Join(run, "admin.sock"),
		localSocket: LocalSocket(root),
		emergLog:    filepath.Join(run, "emerg.log"),
		probeKey:    filepath.Join(run, "probe.key"),
		record:      filepath.Join(root, "state", "nginx.json"),
		rehearsal:   filepath.Join(run, "r"), // short: its sockets' paths are the longest
	}
}

// LocalSocket is where the supervisor of root listens for what nginx's workers have to ask or tell.
func LocalSocket(root string) string { return filepath.Join(root, "run", "supervisor.sock") }

// check refuses a root whose sockets' paths would not fit.
func (p paths) check() error {
	longest := pathsOf(p.rehearsal).adminSocket
	if len(longest) > maxSocketPath {
		return fmt.Errorf("SLAVE_ROOT %s is %d bytes too long: unix sockets below it may have paths of %d bytes, %s has %d; choose a shorter directory",
			p.root, len(longest)-maxSocketPath, maxSocketPath, longest, len(longest))
	}
	return nil
}

// arguments start nginx on this root. The list also tells our masters from others': see isMaster. There is
// no -p: Debian loads its modules relative to the prefix that was compiled in, and nginx.conf names every
// path in full. Until it has read error_log, nginx would write to a log of that prefix.
func (p paths) arguments() []string {
	return []string{"-e", "stderr", "-c", p.conf, "-g", "daemon off;"}
}

// isMaster reports whether a process with this command line is a master that was started on this root.
// nginx keeps its arguments in the title it gives itself.
func (p paths) isMaster(commandLine string) bool {
	return strings.HasSuffix(commandLine, " "+strings.Join(p.arguments(), " "))
}

// removeSockets deletes nginx's sockets in run/. nginx removes them only when it ends in order; one that
// is left makes the next start fail with "Address already in use". The supervisor's own stays: it is in
// use before nginx starts.
func (p paths) removeSockets() error {
	run := filepath.Dir(p.adminSocket)
	entries, err := os.ReadDir(run)
	if err != nil {
		return fmt.Errorf("look for stale sockets: %w", err)
	}
	for _, entry := range entries {
		path := filepath.Join(run, entry.Name())
		if entry.Type()&os.ModeSocket == 0 || path == p.localSocket {
			continue
		}
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("remove stale socket: %w", err)
		}
	}
	return nil
}
