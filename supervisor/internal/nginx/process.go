package nginx

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// process is what /proc says about one process; proc(5). Only what every user may read is used: in a
// container, root without CAP_SYS_PTRACE may not look at the open files of a worker of another user.
type process struct {
	PID     int    `json:"pid"`
	Start   uint64 `json:"start_ticks"` // clock ticks since the kernel started: tells a reused pid
	Comm    string `json:"comm"`        // the executable's base name, 15 bytes of it at most
	parent  int
	session int
	state   byte // Z: dead, waiting to be reaped
}

// readProcess reads /proc/<pid>/stat.
func readProcess(pid int) (process, error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return process{}, err
	}
	// The name stands in parentheses and may hold spaces and parentheses itself.
	left, right := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if left < 0 || right < left {
		return process{}, fmt.Errorf("process %d: unreadable stat line", pid)
	}
	rest := strings.Fields(string(b[right+1:])) // from field 3, state
	if len(rest) < 20 {
		return process{}, fmt.Errorf("process %d: short stat line", pid)
	}
	p := process{PID: pid, Comm: string(b[left+1 : right]), state: rest[0][0]}
	p.parent, _ = strconv.Atoi(rest[1])
	p.session, _ = strconv.Atoi(rest[3])
	p.Start, err = strconv.ParseUint(rest[19], 10, 64)
	if err != nil {
		return process{}, fmt.Errorf("process %d: start time: %w", pid, err)
	}
	return p, nil
}

// processes lists all processes that are alive, zombies not among them.
func processes() ([]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var all []process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		// A process that ends while the list is read is not an error.
		if p, err := readProcess(pid); err == nil && p.state != 'Z' {
			all = append(all, p)
		}
	}
	return all, nil
}

// commandLine returns the arguments joined by spaces, or the title that nginx has given itself.
func (p process) commandLine() string {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.PID), "cmdline"))
	if err != nil {
		return ""
	}
	return string(bytes.ReplaceAll(bytes.TrimRight(b, "\x00 "), []byte{0}, []byte(" ")))
}

// residentBytes returns the memory of the process that is in RAM.
func (p process) residentBytes() uint64 {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.PID), "statm"))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseUint(fields[1], 10, 64)
	return pages * uint64(os.Getpagesize())
}
