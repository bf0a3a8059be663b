// Package testbed puts a whole gateway on this machine from the real binaries: a master, a slave with
// its nginx, and what the admin API needs to bring them together. `make run` shows it to a newcomer,
// the end-to-end tests break it.
package testbed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a program that runs in the background, with everything it printed.
type Process struct {
	Name string
	Log  *Log
	cmd  *exec.Cmd
	done chan struct{}
}

// Start runs the program at path with the given variables added to PATH and HOME only, so that the
// caller's own settings do not leak into it. What it prints goes to its Log and, line by line behind
// its name, to echo unless that is nil.
func Start(name, path string, environ []string, echo io.Writer, args ...string) (*Process, error) {
	p := &Process{Name: name, Log: newLog(name, echo), done: make(chan struct{})}
	p.cmd = exec.Command(path, args...)
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, environ...)
	p.cmd.Stdout, p.cmd.Stderr = p.Log, p.Log
	// Its own process group: Ctrl-C reaches the caller alone, who ends things in order. Should the
	// caller be killed, the program is told to stop.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	// A supervisor that is killed leaves an nginx that holds its output open for as long as it lives.
	p.cmd.WaitDelay = 100 * time.Millisecond
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		_ = p.cmd.Wait() // ExitCode tells
		close(p.done)
	}()
	return p, nil
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended and all it printed is in Log.
func (p *Process) Done() <-chan struct{} { return p.done }

// ExitCode is that of a process that has ended, -1 when a signal ended it.
func (p *Process) ExitCode() int { return p.cmd.ProcessState.ExitCode() }

// Signal sends sig; a process that has ended already is no error.
func (p *Process) Signal(sig os.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s: %w", p.Name, err)
	}
	return nil
}

// Stop asks the process to end and kills it when ctx ends first.
func (p *Process) Stop(ctx context.Context) error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		err := p.Signal(syscall.SIGKILL)
		<-p.done
		return errors.Join(fmt.Errorf("%s did not stop: %w", p.Name, ctx.Err()), err)
	}
}

// Log is what a process has printed.
type Log struct {
	name    string
	echo    io.Writer
	mu      sync.Mutex
	text    strings.Builder
	partial string // a line that has not ended yet, for echo
	changed chan struct{}
}

func newLog(name string, echo io.Writer) *Log {
	return &Log{name: name, echo: echo, changed: make(chan struct{})}
}

// Write takes what the process prints.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(b)
	close(l.changed)
	l.changed = make(chan struct{})
	if l.echo != nil {
		lines := strings.Split(l.partial+string(b), "\n")
		l.partial = lines[len(lines)-1]
		for _, line := range lines[:len(lines)-1] {
			_, _ = fmt.Fprintf(l.echo, "%-10s | %s\n", l.name, line)
		}
	}
	return len(b), nil
}

// String is everything printed so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// WaitFor returns once all of the texts have been printed.
func (l *Log) WaitFor(ctx context.Context, texts ...string) error {
	for {
		l.mu.Lock()
		printed, changed := l.text.String(), l.changed
		l.mu.Unlock()
		missing := ""
		for _, text := range texts {
			if !strings.Contains(printed, text) {
				missing = text
				break
			}
		}
		if missing == "" {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%s never printed %q: %w; it printed:\n%s", l.name, missing, ctx.Err(), printed)
		}
	}
}
