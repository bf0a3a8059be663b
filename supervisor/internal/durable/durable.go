// Package durable writes files that are whole or as they were, whatever happens in between: a crash, a
// kill, a full disk.
package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// TempInfix is in the name of what is being written; who opens a folder removes what a crash left there.
const TempInfix = ".tmp-"

// WriteFile makes path hold data, or leaves it as it was, whatever happens in between:
//
//	openat(TMP, O_CREAT|O_EXCL) write fchmod fsync close rename(TMP, path) openat(DIR) fsync close
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	return WriteStream(path, perm, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// WriteStream is WriteFile of what write writes.
func WriteStream(path string, perm fs.FileMode, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+TempInfix)
	if err != nil {
		return Cured(err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all went well
	if err := finish(f, write(f), perm); err != nil {
		return Cured(err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return Cured(err)
	}
	return SyncDir(filepath.Dir(path))
}

// Fill writes data to f, sets its mode, syncs and closes it.
func Fill(f *os.File, data []byte, perm fs.FileMode) error {
	_, err := f.Write(data)
	return finish(f, err, perm)
}

func finish(f *os.File, err error, perm fs.FileMode) error {
	if err == nil {
		err = f.Chmod(perm)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// Link makes the symlink path point to target in one step:
//
//	symlinkat(target, TMP) rename(TMP, path) openat(DIR) fsync close
func Link(target, path string) error {
	tmp := path + TempInfix + "link"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Cured(err)
	}
	if err := os.Symlink(target, tmp); err != nil {
		return Cured(err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return Cured(errors.Join(err, os.Remove(tmp)))
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir makes the names in dir survive a crash.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return Cured(err)
	}
	return Cured(errors.Join(d.Sync(), d.Close()))
}

// Cured adds to an error of the filesystem what an operator can do about it; nil stays nil.
func Cured(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: free space under SLAVE_ROOT", err)
	case errors.Is(err, syscall.EFBIG):
		return fmt.Errorf("%w: raise the limit on file sizes (ulimit -f)", err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: let user %d write under SLAVE_ROOT", err, os.Geteuid())
	case errors.Is(err, syscall.EIO):
		return fmt.Errorf("%w: check the disk that SLAVE_ROOT is on", err)
	case errors.Is(err, syscall.EBUSY):
		return fmt.Errorf("%w: mount SLAVE_ROOT itself, not a folder in it", err)
	}
	return err
}
