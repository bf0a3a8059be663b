package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// used is processor time.
type used struct{ master, own, database time.Duration }

// cpu reads what has been used so far.
func (b *bed) cpu(postmaster int) (u used, err error) {
	if u.master, err = cpuOf(b.master.PID()); err != nil {
		return u, err
	}
	if u.own, err = cpuOf(os.Getpid()); err != nil || postmaster == 0 {
		return u, err
	}
	u.database, err = cpuOfTree(postmaster)
	return u, err
}

// tick is the unit of times in /proc: USER_HZ, which is 100 everywhere.
const tick = 10 * time.Millisecond

// cpuOf returns the processor time of a process, and of its children that have ended.
func cpuOf(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ") // of the name
	fields := strings.Fields(rest)
	if len(fields) < 15 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	var ticks int64
	for _, field := range fields[11:15] { // utime, stime, cutime, cstime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// cpuOfTree adds the processor time of the children that run.
func cpuOfTree(pid int) (time.Duration, error) {
	sum, err := cpuOf(pid)
	if err != nil {
		return 0, err
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", pid))
	if err != nil {
		return 0, err
	}
	for child := range strings.FieldsSeq(string(text)) {
		id, err := strconv.Atoi(child)
		if err != nil {
			return 0, err
		}
		if d, err := cpuOf(id); err == nil { // it may have ended
			sum += d
		}
	}
	return sum, nil
}
