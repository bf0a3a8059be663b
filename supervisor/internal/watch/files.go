package watch

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/uhdadmin/media-gateway/shared/nginxconf"
)

// digest is a hex SHA-256; "" of a file that cannot be read.
type digest string

// managedFile is a file whose content the supervisor decides.
type managedFile struct {
	want digest
	told *digest // the drift that was reported last; nil: none
}

// digestOf reads through symlinks.
func digestOf(path string) (digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return digest(hex.EncodeToString(h.Sum(nil))), nil
}

// changedCertificates returns, sorted, the paths whose contents are new, and remembers these. A file that
// is missing or unreadable has not changed yet: it may be in the middle of its renewal.
func (w *Watcher) changedCertificates() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var changed []string
	for _, path := range slices.Sorted(maps.Keys(w.certificates)) {
		now, err := digestOf(path)
		if err != nil || now == w.certificates[path] {
			continue
		}
		w.certificates[path] = now
		changed = append(changed, path)
	}
	if len(changed) > 0 {
		w.metrics.expiry.update(slices.Collect(maps.Keys(w.certificates)))
	}
	return changed
}

// newDrift returns, sorted, the managed files that differ from what they should be, a missing one among
// them, in a way that has not been told yet.
func (w *Watcher) newDrift() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var news []string
	drifted := 0
	for _, path := range slices.Sorted(maps.Keys(w.managed)) {
		file := w.managed[path]
		now, _ := digestOf(path)
		if now == file.want {
			file.told = nil
		} else {
			drifted++
			if file.told == nil || *file.told != now {
				file.told = &now
				news = append(news, path)
			}
		}
		w.managed[path] = file
	}
	w.metrics.drifted.Set(float64(drifted))
	return news
}

// forgetCertificates makes the next look find them changed again.
func (w *Watcher) forgetCertificates(paths []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, path := range paths {
		if _, watched := w.certificates[path]; watched {
			w.certificates[path] = ""
		}
	}
}

// forgetDrift makes the next look find them drifted again.
func (w *Watcher) forgetDrift(paths []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, path := range paths {
		if file, watched := w.managed[path]; watched {
			file.told = nil
			w.managed[path] = file
		}
	}
}

// paths lists all that is watched.
func (w *Watcher) paths() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.AppendSeq(slices.Collect(maps.Keys(w.certificates)), maps.Keys(w.managed))
}

// CertificatePaths returns the certificate and key files that server blocks name, sorted, each once;
// relative ones are nginx's relative to confDir. Values that are no fixed file (variables, data:, engine:)
// are left out.
func CertificatePaths(servers []nginxconf.ServerBlock, confDir string) []string {
	var paths []string
	for _, server := range servers {
		for _, path := range slices.Concat(server.Certificates, server.Keys) {
			if strings.Contains(path, "$") || strings.HasPrefix(path, "data:") || strings.HasPrefix(path, "engine:") {
				continue
			}
			if !filepath.IsAbs(path) {
				path = filepath.Join(confDir, path)
			}
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}
