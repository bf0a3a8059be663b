package release

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/uhdadmin/media-gateway/supervisor/internal/durable"
)

// Config of a Store.
type Config struct {
	Root        string // SLAVE_ROOT; made and filled when empty
	Lua         fs.FS  // the Lua tree to install; its access.lua is the built-in entry file
	NginxConf   []byte // every release's nginx.conf
	Placeholder []byte // server.conf of the placeholder, which serves while there is no release
	Log         *slog.Logger
	Now         func() time.Time // nil: time.Now
}

// Store is the releases and the state under one SLAVE_ROOT. Its methods are not safe for concurrent
// use but for Current, Proven and Quarantined.
type Store struct {
	cfg     Config
	builtin []byte // the built-in access.lua
	lock    *os.File
	records records
}

// Open makes what SLAVE_ROOT lacks, removes what an interrupted write left there, installs the Lua tree
// and reads the state. It fails when another supervisor has SLAVE_ROOT open.
func Open(cfg Config) (*Store, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Store{cfg: cfg}
	if err := s.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open SLAVE_ROOT %s: %w", cfg.Root, err), s.Close())
	}
	return s, nil
}

func (s *Store) open() (err error) {
	for _, dir := range []string{"", "releases", "lua", "run", "spool", "state"} {
		if err := os.MkdirAll(s.path(dir), 0o755); err != nil {
			return durable.Cured(err)
		}
	}
	if err := s.takeLock(); err != nil {
		return err
	}
	if s.builtin, err = fs.ReadFile(s.cfg.Lua, "access.lua"); err != nil {
		return fmt.Errorf("read the Lua tree: %w", err)
	}
	if err := s.removeLeftovers(); err != nil {
		return err
	}
	if err := s.adoptFolder(); err != nil {
		return err
	}
	if err := s.installLua(); err != nil {
		return fmt.Errorf("install the Lua tree: %w", err)
	}
	if err := s.writeProbeKey(); err != nil {
		return fmt.Errorf("write the probe key: %w", err)
	}
	return s.loadState()
}

// Close lets another supervisor open SLAVE_ROOT.
func (s *Store) Close() error {
	if s.lock == nil {
		return nil
	}
	return s.lock.Close()
}

// takeLock keeps a second supervisor out for as long as this process lives; the kernel releases it.
func (s *Store) takeLock() error {
	f, err := os.OpenFile(s.path("state", "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return durable.Cured(err)
	}
	// A supervisor that was killed while it forked leaves the lock to its child, until that has executed
	// nginx: what is taken for a moment only is waited for.
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EWOULDBLOCK) || time.Since(begun) > lockPatience {
			return errors.Join(fmt.Errorf("another supervisor runs on it, give each its own SLAVE_ROOT: %w", err), f.Close())
		}
	}
	s.lock = f
	return nil
}

// lockPatience bounds the wait for a lock that a killed supervisor's child still holds.
const lockPatience = 3 * time.Second

// removeLeftovers deletes half-written files and releases of a run that was cut short, and puts back a
// release that was being replaced.
func (s *Store) removeLeftovers() error {
	entries, err := os.ReadDir(s.path("releases"))
	if err != nil {
		return durable.Cured(err)
	}
	for _, e := range entries {
		name, _, aside := strings.Cut(e.Name(), asideInfix)
		if !aside {
			continue
		}
		if _, err := os.Lstat(s.dir(name)); errors.Is(err, fs.ErrNotExist) {
			if err := os.Rename(s.path("releases", e.Name()), s.dir(name)); err != nil {
				return durable.Cured(err)
			}
		}
	}
	for _, pattern := range []string{"*", "releases/*", "state/*", "run/*", "conf/*"} {
		for _, infix := range []string{durable.TempInfix, asideInfix} {
			leftovers, err := filepath.Glob(s.path(pattern + infix + "*"))
			if err != nil {
				return err
			}
			for _, path := range leftovers {
				if err := os.RemoveAll(path); err != nil {
					return durable.Cured(err)
				}
			}
		}
	}
	return nil
}

// adoptFolder moves a `conf` that is a folder, as the Lua agents had it, out of the symlink's way.
func (s *Store) adoptFolder() error {
	info, err := os.Lstat(s.path("conf"))
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode().Type() == fs.ModeSymlink {
		return nil
	}
	if err != nil {
		return durable.Cured(err)
	}
	kept := fmt.Sprintf("%s.before-%d", s.path("conf"), s.cfg.Now().Unix())
	if err := os.Rename(s.path("conf"), kept); err != nil {
		return durable.Cured(err)
	}
	s.cfg.Log.Warn("conf was a folder of an earlier agent: moved away", "to", kept)
	return nil
}

// path returns a path under SLAVE_ROOT.
func (s *Store) path(elem ...string) string {
	return filepath.Join(append([]string{s.cfg.Root}, elem...)...)
}

// dir returns the directory of the release named hash.
func (s *Store) dir(hash string) string { return s.path("releases", hash) }
