package pages

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"time"
)

//go:embed assets
var assetFiles embed.FS

// assets are the style sheet, the script and the icons. Their addresses have a hash of what they hold, so
// browsers keep them for good and see a new master's at once.
type assets struct {
	files map[string][]byte // by address below assets/
	urls  map[string]string // by name
}

func readAssets() (*assets, error) {
	a := &assets{files: map[string][]byte{}, urls: map[string]string{}}
	entries, err := assetFiles.ReadDir("assets")
	if err != nil {
		return nil, fmt.Errorf("read assets: %w", err)
	}
	for _, e := range entries {
		b, err := assetFiles.ReadFile(path.Join("assets", e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read assets: %w", err)
		}
		sum := sha256.Sum256(b)
		address := hex.EncodeToString(sum[:6]) + "-" + e.Name()
		a.files[address] = b
		a.urls[e.Name()] = Prefix + "assets/" + address
	}
	return a, nil
}

func (a *assets) url(name string) string { return a.urls[name] }

func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	b, ok := a.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(b))
}
