package nginx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/google/renameio/v2"
)

// Orphans get quitGrace between QUIT and TERM, for requests under way to be answered and logged, and termGrace
// between TERM and KILL: nobody waits for them but a slave that is to start.
const (
	quitGrace = time.Second
	termGrace = 2 * time.Second
	killGrace = 5 * time.Second
	pollEvery = 20 * time.Millisecond
)

// record is state/nginx.json: the master that was started last. Its workers share its session.
type record struct {
	process
	BootID string `json:"boot_id"` // start times count from the kernel's start
}

// writeRecord notes the master p. It need not survive a power cut, which ends the processes as well.
func writeRecord(path string, p process) error {
	b, err := json.Marshal(record{process: p, BootID: bootID()})
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(path, b, 0o644); err != nil {
		return fmt.Errorf("note the nginx that was started: %w", err)
	}
	return nil
}

// readRecord returns the recorded master, or the zero process when there is none of this boot.
func readRecord(path string) (process, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return process{}, nil
	}
	if err != nil {
		return process{}, err
	}
	var r record
	if err := json.Unmarshal(b, &r); err != nil || r.BootID != bootID() {
		return process{}, nil //nolint:nilerr // torn or of another boot: names nobody who could still be there
	}
	return r.process, nil
}

// bootID returns the kernel's name for the time since it started; random(4).
func bootID() string {
	b, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b))
}

// orphans lists what is left of the nginx that last ran on the root p: masters, known by their command
// line (a supervisor may have been killed before it could record them), and the members of their
// sessions and of the recorded one.
func (p paths) orphans() ([]process, error) {
	recorded, err := readRecord(p.record)
	if err != nil {
		return nil, fmt.Errorf("read who nginx was: %w", err)
	}
	all, err := processes()
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	leaders := map[int]process{}
	if recorded.PID > 0 {
		leaders[recorded.PID] = recorded
	}
	for _, q := range all {
		switch {
		case q.session == q.PID && p.isMaster(q.commandLine()):
			leaders[q.PID] = q
		case q.PID == recorded.PID && q.Start != recorded.Start:
			delete(leaders, q.PID) // the number was given to a stranger, so our session has no member left
		}
	}
	var found []process
	for _, q := range all {
		leader, ours := leaders[q.session]
		if ours && q.Comm == leader.Comm && q.Start >= leader.Start {
			found = append(found, q)
		}
	}
	return found, nil
}

// endOrphans ends them, QUIT first, and returns how many there were once none is left.
func (p paths) endOrphans(ctx context.Context) (int, error) {
	left, err := p.orphans()
	count := len(left)
	signalAll(left, syscall.SIGQUIT)
	termAt := time.Now().Add(quitGrace)
	killAt, giveUp := termAt.Add(termGrace), termAt.Add(termGrace+killGrace)
	for err == nil && len(left) > 0 {
		switch now := time.Now(); {
		case now.After(killAt):
			signalAll(left, syscall.SIGKILL)
		case now.After(termAt):
			signalAll(left, syscall.SIGTERM)
		}
		if time.Now().After(giveUp) {
			return count, fmt.Errorf("nginx process %d of an earlier run cannot be ended and may hold its ports", left[0].PID)
		}
		if err = sleep(ctx, pollEvery); err == nil {
			left, err = p.orphans()
		}
	}
	return count, err
}

func signalAll(processes []process, signal syscall.Signal) {
	for _, p := range processes {
		_ = syscall.Kill(p.PID, signal) // it may have ended by itself
	}
}

// sleep waits for d, or returns ctx's error when that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
