package release

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// Identity says which publish of a configuration this is. The same content may be published again, so
// one hash may carry several identities over time.
type Identity struct {
	Version    int64 `json:"version"`     // Unix seconds when published
	SnapshotID int64 `json:"snapshot_id"` // named in the ack
	Epoch      int64 `json:"epoch"`       // identity of the master's database
}

// Payload is a configuration as a master sent it. The rules stay JSON as received: the data plane's own
// compiler is the judge of them, and members that this binary does not know reach it unharmed.
type Payload struct {
	Identity
	Hash     string          `json:"-"` // content hash, computed from Document
	Document json.RawMessage `json:"-"` // the whole configuration as received, without envelope

	DeclaredHash    string          `json:"config_hash"` // "" from masters that know none
	Signature       string          `json:"signature"`
	Mode            string          `json:"mode"`
	ServiceType     api.ServiceType `json:"service_type"`
	RenderedNginx   string          `json:"rendered_nginx"`
	RenderedLua     string          `json:"rendered_lua"`
	LuaConfig       json.RawMessage `json:"lua_config"`
	LuaConfigs      json.RawMessage `json:"lua_configs"`
	RateLimitConfig json.RawMessage `json:"rate_limit_config"`
	AllowShrink     bool            `json:"allow_shrink"`
}

// Parse reads a configuration document. Whether its hash is the declared one is the caller's to check.
func Parse(document []byte) (*Payload, error) {
	var p Payload
	if err := json.Unmarshal(document, &p); err != nil {
		return nil, fmt.Errorf("parse configuration: %w", err)
	}
	hash, err := api.ContentHash(document)
	if err != nil {
		return nil, fmt.Errorf("parse configuration: %w", err)
	}
	p.Hash, p.Document = hash, bytes.Clone(document)
	return &p, nil
}

// payloadFile is a release's configuration document, gzipped: what its other files can be made from
// again.
const payloadFile = "payload.json.gz"

// readPayload returns the document that the release in dir was made from. It names itself: its content
// hash is the directory's name.
func readPayload(dir string) (*Payload, error) {
	f, err := os.Open(filepath.Join(dir, payloadFile))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	zr, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	document, err := io.ReadAll(zr)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	p, err := Parse(document)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	if p.Hash != filepath.Base(dir) {
		return nil, fmt.Errorf("read %s: content hash is %s, not the release's", f.Name(), p.Hash)
	}
	return p, nil
}

func pack(document []byte) ([]byte, error) {
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	if _, err := zw.Write(document); err != nil {
		return nil, err
	}
	if err := zw.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
