package release

import (
	"bytes"
	"crypto/rand"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/uhdadmin/media-gateway/supervisor/internal/durable"
)

// luaFiles returns the Lua tree by path, without access.lua, whose place is the symlink into the
// release, and without what is not Lua.
func (s *Store) luaFiles() (map[string][]byte, error) {
	files := map[string][]byte{}
	err := fs.WalkDir(s.cfg.Lua, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || path.Ext(name) != ".lua" || name == "access.lua" {
			return err
		}
		files[name], err = fs.ReadFile(s.cfg.Lua, name)
		return err
	})
	return files, err
}

// installLua makes SLAVE_ROOT/lua this binary's Lua tree: what differs is written, what does not belong
// is removed.
func (s *Store) installLua() error {
	files, err := s.luaFiles()
	if err != nil {
		return err
	}
	for name, data := range files {
		if err := installFile(s.path("lua", name), data); err != nil {
			return err
		}
	}
	link := s.path("lua", "access.lua")
	if target, err := os.Readlink(link); err != nil || target != accessLink {
		if err := durable.Link(accessLink, link); err != nil {
			return err
		}
	}
	return s.removeStrayLua(files)
}

// accessLink makes one rename of `conf` switch access.lua as well.
const accessLink = "../conf/access.lua"

func (s *Store) removeStrayLua(files map[string][]byte) error {
	root := s.path("lua")
	return filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if _, ours := files[filepath.ToSlash(name)]; ours || name == "access.lua" {
			return nil
		}
		return durable.Cured(os.Remove(path))
	})
}

// installFile writes data to path unless it is there already. nginx's workers, of another user, read it.
func installFile(path string, data []byte) error {
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, data) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return durable.Cured(err)
	}
	return durable.WriteFile(path, data, 0o644)
}

// writeProbeKey draws the key that marks the supervisor's own requests, once: a boot on a full disk
// finds it. nginx's master reads it as the supervisor's user.
func (s *Store) writeProbeKey() error {
	path := s.path("run", "probe.key")
	if info, err := os.Stat(path); err == nil && info.Size() > 0 && info.Mode().Perm() == 0o600 {
		return nil
	}
	return durable.WriteFile(path, []byte(rand.Text()), 0o600)
}
