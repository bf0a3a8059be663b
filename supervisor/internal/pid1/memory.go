package pid1

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// forgetProgram gives back the pages of the program that are in memory: initialising its packages touched most of
// it, and the init needs little more than a loop. What it needs is read from the page cache again, where the
// supervisor's copy keeps it. On failure nothing happens.
func forgetProgram() {
	maps, err := os.ReadFile("/proc/self/smaps") // proc_pid_smaps(5)
	if err != nil {
		return
	}
	self, err := os.Executable()
	if err != nil {
		return
	}
	var start, end uint64 // of the mapping that the lines are about; 0 when it is to stay
	for line := range bytes.Lines(maps) {
		fields := bytes.Fields(line)
		if bytes.Contains(fields[0], []byte("-")) { // 00400000-01234000 r-xp 00000000 08:01 131 /usr/bin/uhd-supervisor
			start, end = 0, 0
			if len(fields) == 6 && fields[1][1] != 'w' && string(fields[5]) == self {
				start, end = span(fields[0])
			}
		}
		// Of a page that was written to, as by relocation, there is no other copy.
		if start > 0 && bytes.HasPrefix(line, []byte("Anonymous:")) && len(fields) > 1 && string(fields[1]) == "0" {
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, uintptr(start), uintptr(end-start), unix.MADV_DONTNEED)
		}
	}
}

func span(text []byte) (start, end uint64) {
	from, to, _ := bytes.Cut(text, []byte("-"))
	start, err := strconv.ParseUint(string(from), 16, 64)
	if err != nil {
		return 0, 0
	}
	if end, err = strconv.ParseUint(string(to), 16, 64); err != nil || end <= start {
		return 0, 0
	}
	return start, end
}
