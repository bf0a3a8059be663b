package nginx

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/uhdadmin/media-gateway/shared/nginxconf"
)

// A mirror is the private root in which a staged tree is rehearsed: same shape as the real root, its
// conf rewritten so that nothing in it touches what serves. Whatever the rewriting does not know (say,
// certificates below the root) it shares with the real root through symlinks.
type mirror struct {
	real, private paths
	staged        string            // the tree to rehearse
	ours          *regexp.Regexp    // matches the staged tree and the real root
	sockets       map[string]string // listen address → socket that stands in for it
	spaces        int               // cache and temp directories moved so far
}

func newMirror(real paths, staged string) *mirror {
	return &mirror{
		real: real, private: pathsOf(real.rehearsal), staged: staged,
		ours:    regexp.MustCompile(regexp.QuoteMeta(staged) + "|" + regexp.QuoteMeta(real.root)),
		sockets: map[string]string{},
	}
}

// ownEntries are the parts of a root that a mirror has for itself.
var ownEntries = map[string]bool{"conf": true, "lua": true, "run": true, "spool": true, "state": true, "releases": true}

// build makes the private root and returns the server blocks of its rewritten configuration.
func (m *mirror) build() ([]nginxconf.ServerBlock, error) {
	for _, dir := range []string{"conf", "lua", "run", "spool", "state"} {
		if err := os.MkdirAll(filepath.Join(m.private.root, dir), 0o755); err != nil {
			return nil, err
		}
	}
	if err := m.link(m.real.root, m.private.root, ownEntries); err != nil {
		return nil, err
	}
	if err := m.linkLua(); err != nil {
		return nil, err
	}
	key, err := os.ReadFile(m.real.probeKey)
	if err != nil {
		return nil, fmt.Errorf("read the probe's key: %w", err)
	}
	if err := os.WriteFile(m.private.probeKey, key, 0o600); err != nil {
		return nil, err
	}
	return m.rewriteTree()
}

// link makes to hold a symlink to each entry of from, but for those in except.
func (m *mirror) link(from, to string, except map[string]bool) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if except[entry.Name()] {
			continue
		}
		if err := os.Symlink(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// linkLua mirrors the Lua tree. access.lua is the staged one where the real one is a link into conf.
func (m *mirror) linkLua() error {
	realLua, privateLua := filepath.Join(m.real.root, "lua"), filepath.Join(m.private.root, "lua")
	info, err := os.Lstat(filepath.Join(realLua, "access.lua"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	except := map[string]bool{}
	if err != nil || info.Mode()&os.ModeSymlink != 0 {
		except["access.lua"] = true
		if err := os.Symlink("../conf/access.lua", filepath.Join(privateLua, "access.lua")); err != nil {
			return err
		}
	}
	return m.link(realLua, privateLua, except)
}

// rewriteTree copies the staged tree into the private root: *.conf rewritten, the rest linked.
func (m *mirror) rewriteTree() ([]nginxconf.ServerBlock, error) {
	entries, err := os.ReadDir(m.staged)
	if err != nil {
		return nil, err
	}
	var servers []nginxconf.ServerBlock
	for _, entry := range entries {
		from := filepath.Join(m.staged, entry.Name())
		to := filepath.Join(filepath.Dir(m.private.conf), entry.Name())
		if filepath.Ext(entry.Name()) != ".conf" {
			if err := os.Symlink(from, to); err != nil {
				return nil, err
			}
			continue
		}
		directives, err := readConf(from)
		if err != nil {
			return nil, err
		}
		directives = m.rewrite(directives)
		if entry.Name() == filepath.Base(m.private.conf) {
			directives = append(m.header(), directives...)
		}
		servers = append(servers, nginxconf.Servers(directives)...)
		if err := os.WriteFile(to, nginxconf.Format(directives), 0o644); err != nil {
			return nil, err
		}
	}
	return servers, nil
}

func readConf(path string) ([]*nginxconf.Directive, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	directives, err := nginxconf.Parse(src)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return directives, nil
}
