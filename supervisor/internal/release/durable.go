package release

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// tempInfix marks what is being written; Open removes what a crash left behind.
const tempInfix = ".tmp-"

// writeFile makes path hold data, or leaves it as it was, whatever happens in between:
//
//	openat(TMP, O_CREAT|O_EXCL) write fchmod fsync close rename(TMP, path) openat(DIR) fsync close
func writeFile(path string, data []byte, perm fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+tempInfix)
	if err != nil {
		return cured(err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all went well
	if err := fill(f, data, perm); err != nil {
		return cured(err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return cured(err)
	}
	return syncDir(filepath.Dir(path))
}

// fill writes data to f, syncs and closes it.
func fill(f *os.File, data []byte, perm fs.FileMode) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Chmod(perm)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// relink makes the symlink path point to target in one step:
//
//	symlinkat(target, TMP) rename(TMP, path) openat(DIR) fsync close
func relink(target, path string) error {
	tmp := path + tempInfix + "link"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return cured(err)
	}
	if err := os.Symlink(target, tmp); err != nil {
		return cured(err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return cured(errors.Join(err, os.Remove(tmp)))
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return cured(err)
	}
	return cured(errors.Join(d.Sync(), d.Close()))
}

// cured adds to an error of the filesystem what an operator can do about it.
func cured(err error) error {
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
