package app

import (
	"log/slog"
	"syscall"
)

// otherFiles are what the master opens beside connections of the API: its database, and monitoring.
const otherFiles = 200

// connections returns how many connections of the API there may be at a time: most, but fewer than files
// may be open, or the last ones would be of the database.
func connections(most int, log *slog.Logger) int {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		log.Warn("Limit of open files not known", "error", err)
		return most
	}
	room := max(10, int(min(files.Cur, 1<<30))-otherFiles)
	if room >= most {
		return most
	}
	log.Warn("Fewer connections than MAX_CONNECTIONS: raise the limit of open files (ulimit -n, LimitNOFILE)", "connections", room, "open_files", files.Cur)
	return room
}
