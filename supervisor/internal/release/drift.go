package release

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/uhdadmin/media-gateway/supervisor/internal/durable"
)

// Drift returns the managed files that are not as they were installed: of the release rel and of the
// Lua tree, by path under SLAVE_ROOT, sorted.
func (s *Store) Drift(rel *Release) ([]string, error) {
	changed, err := rel.Changed()
	if err != nil {
		return nil, err
	}
	var paths []string
	if target, err := os.Readlink(s.path("conf")); err != nil || target != linkTo(rel) {
		paths = append(paths, "conf")
	}
	for _, name := range changed {
		paths = append(paths, path.Join("conf", name))
	}
	lua, err := s.luaFiles()
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(lua)) {
		have, err := os.ReadFile(s.path("lua", name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, durable.Cured(err)
		}
		if err != nil || !bytes.Equal(have, lua[name]) {
			paths = append(paths, path.Join("lua", name))
		}
	}
	return paths, nil
}

// Managed returns the digests that the managed files should have, by absolute path: of the release rel
// and of the Lua tree.
func (s *Store) Managed(rel *Release) (map[string]string, error) {
	digests := map[string]string{}
	for name, d := range rel.Digests {
		digests[filepath.Join(rel.Dir, name)] = d
	}
	lua, err := s.luaFiles()
	for name, data := range lua {
		digests[s.path("lua", name)] = digest(data)
	}
	return digests, err
}

// Restore writes the managed files that drifted as they were installed.
func (s *Store) Restore(rel *Release) error {
	if err := s.installLua(); err != nil {
		return err
	}
	if err := s.Commit(rel); err != nil {
		return err
	}
	changed, err := rel.Changed()
	if err != nil || len(changed) == 0 {
		return err
	}
	files, err := s.pristine(rel)
	if err != nil {
		return err
	}
	for _, name := range changed {
		if err := installFile(filepath.Join(rel.Dir, name), files[name]); err != nil {
			return err
		}
	}
	return nil
}

// pristine returns the release's files as they were staged.
func (s *Store) pristine(rel *Release) (map[string][]byte, error) {
	if rel.IsPlaceholder() {
		return s.placeholderFiles()
	}
	p, err := readPayload(rel.Dir)
	if err != nil {
		return nil, err
	}
	return s.filesOf(p)
}
