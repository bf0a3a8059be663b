package release

import (
	"bytes"
	"context"
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

// cleared is the content of the two files whose directives server.conf holds; operators are told to
// look for it.
const cleared = "# Managed by UHD Slave agent - included in server.conf\n"

// asideInfix marks a release directory that is being replaced by another of the same name.
const asideInfix = ".old-"

// Stage writes the release of p, complete and synced, or nothing: releases/<hash> appears by one rename.
// A release that is there already, as it should be, is used again.
func (s *Store) Stage(ctx context.Context, p *Payload) (*Release, error) {
	files, err := s.filesOf(p)
	if err != nil {
		return nil, err
	}
	rel := &Release{
		Identity: p.Identity, Hash: p.Hash, ServiceType: p.ServiceType, AllowShrink: p.AllowShrink, Dir: s.dir(p.Hash),
	}
	return rel, s.stage(ctx, rel, files)
}

// StagePlaceholder writes the release that serves while there is no other.
func (s *Store) StagePlaceholder(ctx context.Context) (*Release, error) {
	files, err := s.placeholderFiles()
	if err != nil {
		return nil, err
	}
	rel := &Release{Hash: PlaceholderHash, Dir: s.dir(PlaceholderHash)}
	return rel, s.stage(ctx, rel, files)
}

func (s *Store) stage(ctx context.Context, rel *Release, files map[string][]byte) error {
	rel.Digests = make(map[string]string, len(files))
	for name, data := range files {
		rel.Digests[name] = digest(data)
	}
	manifest, err := json.MarshalIndent(rel, "", "  ")
	if err != nil {
		return err
	}
	if have, err := readRelease(rel.Dir); err == nil && maps.Equal(have.Digests, rel.Digests) {
		if changed, err := have.Changed(); err == nil && len(changed) == 0 {
			return installFile(filepath.Join(rel.Dir, manifestFile), manifest) // the identity may be a newer one
		}
	}
	tmp, err := os.MkdirTemp(s.path("releases"), rel.Hash+durable.TempInfix)
	if err != nil {
		return durable.Cured(err)
	}
	if err := fillDir(ctx, tmp, files, manifest); err != nil {
		return errors.Join(err, os.RemoveAll(tmp))
	}
	if err := replaceDir(tmp, rel.Dir); err != nil {
		return errors.Join(err, os.RemoveAll(tmp))
	}
	return nil
}

// fillDir writes files and then the manifest into dir:
//
//	per file: openat(O_CREAT) write fchmod fsync close
//	at the end: chmod(dir) fsync(dir)
func fillDir(ctx context.Context, dir string, files map[string][]byte, manifest []byte) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := createFile(filepath.Join(dir, name), files[name]); err != nil {
			return err
		}
	}
	if err := createFile(filepath.Join(dir, manifestFile), manifest); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // nginx's workers read access.lua
		return durable.Cured(err)
	}
	return durable.SyncDir(dir)
}

func createFile(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return durable.Cured(err)
	}
	return durable.Cured(durable.Fill(f, data, 0o644))
}

// replaceDir gives tmp the name dir. A directory cannot be renamed over one with content, so that one
// steps aside first; Open puts it back should the process end between the two renames.
func replaceDir(tmp, dir string) error {
	aside := dir + asideInfix + filepath.Base(tmp)
	err := os.Rename(dir, aside)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return durable.Cured(err)
	}
	had := err == nil
	if err := os.Rename(tmp, dir); err != nil {
		if had {
			err = errors.Join(err, os.Rename(aside, dir))
		}
		return durable.Cured(err)
	}
	if err := durable.SyncDir(filepath.Dir(dir)); err != nil || !had {
		return err
	}
	return durable.Cured(os.RemoveAll(aside))
}

// filesOf returns p's release by file name, all but the manifest.
func (s *Store) filesOf(p *Payload) (map[string][]byte, error) {
	rules, err := rulesOf(p)
	if err != nil {
		return nil, err
	}
	payload, err := pack(p.Document)
	if err != nil {
		return nil, fmt.Errorf("pack configuration: %w", err)
	}
	access := []byte(p.RenderedLua)
	if p.RenderedLua == "" {
		access = s.builtin
	}
	return map[string][]byte{
		"nginx.conf":    s.cfg.NginxConf,
		"upstream.conf": []byte(cleared),
		"maps.conf":     []byte(cleared),
		"server.conf":   []byte(p.RenderedNginx),
		"access.lua":    access,
		"rules.json":    rules,
		payloadFile:     payload,
	}, nil
}

// rules is what the data plane compiles.
type rules struct {
	Hash      string          `json:"hash"`
	Version   int64           `json:"version"`
	Default   json.RawMessage `json:"default"`  // a lua_config
	Profiles  json.RawMessage `json:"profiles"` // {profile id: lua_config}
	RateLimit json.RawMessage `json:"rate_limit"`
}

func rulesOf(p *Payload) ([]byte, error) {
	data, err := json.Marshal(rules{p.Hash, p.Version, object(p.LuaConfig), object(p.LuaConfigs), object(p.RateLimitConfig)})
	if err != nil {
		return nil, fmt.Errorf("write rules: %w", err)
	}
	return append(data, '\n'), nil
}

// object is {} for what an older master does not send.
func object(raw json.RawMessage) json.RawMessage {
	if trimmed := bytes.TrimSpace(raw); len(trimmed) == 0 || bytes.Equal(trimmed, []byte("null")) {
		return json.RawMessage("{}")
	}
	return raw
}

func (s *Store) placeholderFiles() (map[string][]byte, error) {
	none, err := json.Marshal(api.LuaConfig{
		SkipList: []api.PathRule{}, BlockList: []api.PathRule{}, AllowedClients: []string{},
		MinVersions: map[string]string{}, ClientPatterns: []api.ClientPattern{}, Unidentified: api.UnidentifiedAllow,
	})
	if err != nil {
		return nil, err
	}
	rules, err := rulesOf(&Payload{Hash: PlaceholderHash, LuaConfig: none})
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		"nginx.conf":    s.cfg.NginxConf,
		"upstream.conf": []byte(cleared),
		"maps.conf":     []byte(cleared),
		"server.conf":   s.cfg.Placeholder,
		"access.lua":    s.builtin,
		"rules.json":    rules,
	}, nil
}
