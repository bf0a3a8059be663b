package app

import (
	"os"
	"path/filepath"
)

// warnClosed says so when nginx's workers, of another user than root, cannot reach root: they could
// neither read Lua nor reopen a log.
func (a *App) warnClosed(root string) {
	if folder := closedFolder(root); folder != "" {
		a.log.Warn("Nginx's workers cannot enter a folder and will fail every request: let others enter it (chmod o+x), choose another SLAVE_ROOT, or set NGINX_USER to a user who may",
			"folder", folder, "root", root)
	}
}

// closedFolder returns the topmost of dir and the folders above it that other users may not enter, ""
// when they may enter all of them.
func closedFolder(dir string) string {
	if parent := filepath.Dir(dir); parent != dir {
		if folder := closedFolder(parent); folder != "" {
			return folder
		}
	}
	if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o001 == 0 {
		return dir
	}
	return ""
}
