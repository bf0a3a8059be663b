package watch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/fsnotify/fsnotify"
)

// events is what inotify has been asked for.
type events struct {
	notifier *fsnotify.Watcher // nil: there is none, only polling
	watched  map[string]bool
	polling  bool // the fallback has been logged
}

// follow watches the directories that the watched files depend on now, and no others; it reports whether
// one is new. Directories and not files: a file that is replaced takes its watch with it.
func (w *Watcher) follow(e *events) (added bool) {
	if e.notifier == nil {
		return false
	}
	want := map[string]bool{}
	for _, path := range w.paths() {
		for _, dir := range directories(path) {
			want[dir] = true
		}
	}
	for dir := range e.watched {
		if !want[dir] {
			_ = e.notifier.Remove(dir) // gone with the directory, if that is gone
			delete(e.watched, dir)
		}
	}
	for dir := range want {
		// Also those watched before: a directory that was replaced needs a new watch, and adding one
		// again is cheap.
		err := e.notifier.Add(dir)
		switch {
		case err == nil:
			added = added || !e.watched[dir]
			e.watched[dir] = true
		case errors.Is(err, fs.ErrNotExist): // removed meanwhile: the next look sees
		default:
			w.notePolling(e, err)
		}
	}
	return added
}

// notePolling says once that changes are found by polling from now on.
func (w *Watcher) notePolling(e *events, err error) {
	if e.polling {
		return
	}
	e.polling = true
	w.metrics.polling.Set(1)
	w.log.Warn("no file system events, polling instead; raise fs.inotify.max_user_watches and max_user_instances",
		"err", err, "interval", w.cfg.PollInterval)
}

// maxLinks bounds a chain of symlinks, as the kernel does.
const maxLinks = 40

// directories returns each directory in which a change can give path another content: the one that holds
// the file, and those of all symlinks on the way to it. Where a directory does not exist (yet), it is the
// nearest one that does.
func directories(path string) []string {
	var dirs []string
	rest := strings.Split(filepath.Clean(path), "/")[1:]
	at := "/"
	for links := 0; len(rest) > 0; {
		next := filepath.Join(at, rest[0])
		info, err := os.Lstat(next)
		switch {
		case err != nil:
			return append(dirs, at)
		case info.Mode()&os.ModeSymlink != 0:
			dirs = append(dirs, at)
			to, err := os.Readlink(next)
			if links++; err != nil || links > maxLinks {
				return dirs
			}
			if filepath.IsAbs(to) {
				at = "/"
			}
			// Not cleaned: a/../b through a symlink a is not b.
			var steps []string
			for step := range strings.SplitSeq(to, "/") {
				if step != "" && step != "." {
					steps = append(steps, step)
				}
			}
			rest = append(steps, rest[1:]...)
		case len(rest) == 1:
			return append(dirs, at)
		default:
			at, rest = next, rest[1:]
		}
	}
	return dirs
}
