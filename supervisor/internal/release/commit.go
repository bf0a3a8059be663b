package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/uhdadmin/media-gateway/supervisor/internal/durable"
)

// ErrNoRelease says that `conf` points to no release yet.
var ErrNoRelease = errors.New("no release yet")

// Commit makes rel the release that `conf` points to, by one rename.
func (s *Store) Commit(rel *Release) error {
	target := linkTo(rel)
	if have, err := os.Readlink(s.path("conf")); err == nil && have == target {
		return nil
	}
	if err := durable.Link(target, s.path("conf")); err != nil {
		return fmt.Errorf("switch conf to %s: %w", target, err)
	}
	return nil
}

// linkTo is what `conf` holds when rel serves.
func linkTo(rel *Release) string { return filepath.Join("releases", rel.Hash) }

// Current returns the release that `conf` points to, with the identity it was last published under;
// ErrNoRelease when there is none.
func (s *Store) Current() (*Release, error) {
	target, err := os.Readlink(s.path("conf"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoRelease
	}
	if err != nil {
		return nil, fmt.Errorf("read conf: %w", durable.Cured(err))
	}
	return s.Load(filepath.Base(target))
}

// Load returns the release named hash, with the identity it was last published under.
func (s *Store) Load(hash string) (*Release, error) {
	rel, err := readRelease(s.dir(hash))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrNoRelease, err)
	}
	if err != nil {
		return nil, err
	}
	for _, p := range s.Proven() {
		if p.Hash == hash {
			rel.Identity = p.Identity
		}
	}
	return rel, nil
}

// Refresh makes rel anew from its document when its files are not what this binary makes of it: after
// an upgrade, or when they were damaged. It must be tested before nginx meets it.
func (s *Store) Refresh(ctx context.Context, rel *Release) (*Release, error) {
	p, err := readPayload(rel.Dir)
	if err != nil {
		return nil, err
	}
	fresh, err := s.Stage(ctx, p)
	if err != nil {
		return nil, err
	}
	fresh.Identity = rel.Identity
	return fresh, nil
}

// Prune deletes the releases that nothing will go back to: all but the current one, the proven ones and
// the one in quarantine, which an operator may want to look at.
func (s *Store) Prune() error {
	keep := []string{}
	if target, err := os.Readlink(s.path("conf")); err == nil {
		keep = append(keep, filepath.Base(target))
	}
	for _, p := range s.Proven() {
		keep = append(keep, p.Hash)
	}
	if q := s.Quarantined(); q != nil {
		keep = append(keep, q.Hash)
	}
	entries, err := os.ReadDir(s.path("releases"))
	if err != nil {
		return fmt.Errorf("prune releases: %w", durable.Cured(err))
	}
	var errs []error
	for _, e := range entries {
		if !slices.Contains(keep, e.Name()) && !strings.Contains(e.Name(), asideInfix) {
			errs = append(errs, os.RemoveAll(s.path("releases", e.Name())))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("prune releases: %w", durable.Cured(err))
	}
	return nil
}
