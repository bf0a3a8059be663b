package release

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/durable"
)

// PlaceholderHash names the release that answers 503 while there is no other.
const PlaceholderHash = "placeholder"

// Release is a complete configuration on disk.
type Release struct {
	Identity
	Hash        string            `json:"hash"`
	ServiceType api.ServiceType   `json:"service_type,omitempty"`
	AllowShrink bool              `json:"allow_shrink,omitempty"`
	Digests     map[string]string `json:"digests"` // hex SHA-256 by file name

	Dir string `json:"-"`
}

// manifestFile lists a release's files with their digests; it is written last.
const manifestFile = "manifest.json"

// readRelease reads the manifest in dir.
func readRelease(dir string) (*Release, error) {
	data, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if err != nil {
		return nil, durable.Cured(err)
	}
	rel := &Release{Dir: dir}
	if err := json.Unmarshal(data, rel); err != nil {
		return nil, fmt.Errorf("parse %s: %w", filepath.Join(dir, manifestFile), err)
	}
	if rel.Hash != filepath.Base(dir) || len(rel.Digests) == 0 {
		return nil, fmt.Errorf("%s is not this release's", filepath.Join(dir, manifestFile))
	}
	return rel, nil
}

// IsPlaceholder reports whether the release serves nothing but 503.
func (r *Release) IsPlaceholder() bool { return r.Hash == PlaceholderHash }

// NeedsReload reports whether nginx must read its files again to go from running to r; otherwise only
// the rules differ.
func (r *Release) NeedsReload(running *Release) bool {
	for _, name := range []string{"nginx.conf", "upstream.conf", "maps.conf", "server.conf", "access.lua"} {
		if r.Digests[name] != running.Digests[name] {
			return true
		}
	}
	return false
}

// Changed returns the files that are not as the manifest has them, by name, sorted.
func (r *Release) Changed() ([]string, error) {
	var changed []string
	for _, name := range slices.Sorted(maps.Keys(r.Digests)) {
		data, err := os.ReadFile(filepath.Join(r.Dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, durable.Cured(err)
		}
		if err != nil || digest(data) != r.Digests[name] {
			changed = append(changed, name)
		}
	}
	return changed, nil
}

// Rules returns rules.json, as the admin socket takes it.
func (r *Release) Rules() ([]byte, error) { return r.read("rules.json") }

// ServerConf returns server.conf: the rendered nginx configuration.
func (r *Release) ServerConf() ([]byte, error) { return r.read("server.conf") }

// AccessLua returns access.lua.
func (r *Release) AccessLua() ([]byte, error) { return r.read("access.lua") }

func (r *Release) read(name string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(r.Dir, name))
	return data, durable.Cured(err)
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
