// Package pid1 is the tiny init of the container: it starts the program again as its child, forwards
// signals to it, reaps every process that ends, and passes the child's exit status on.
//
// It is a process of its own because a Go program that calls wait4(-1) beside os/exec takes exit
// statuses away from it.
package pid1

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// Variable set to 1 asks for the init in a process that is not PID 1, as a subreaper.
const Variable = "UHD_INIT"

// forwarded are the signals that mean something to the child, and those that a terminal sends.
var forwarded = []os.Signal{
	unix.SIGTERM, unix.SIGINT, unix.SIGQUIT, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2, unix.SIGWINCH,
}

// Wanted reports whether this process is to be the init: it is PID 1, or Variable asks for it.
func Wanted() bool { return os.Getpid() == 1 || os.Getenv(Variable) == "1" }

// Run starts this program again with the same arguments and without Variable, and returns its exit
// status: 128+n when signal n ended it.
func Run() (int, error) {
	runtime.LockOSThread() // the child's parent, as Pdeathsig sees it, is a thread
	if os.Getpid() != 1 {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return 0, fmt.Errorf("become subreaper: %w", err)
		}
	}
	signals := make(chan os.Signal, 64)
	signal.Notify(signals, append(slices.Clone(forwarded), unix.SIGCHLD)...)
	child, err := start()
	if err != nil {
		return 0, err
	}
	forgetProgram()
	for sig := range signals {
		if sig == unix.SIGCHLD {
			if status, ended := reap(child); ended {
				return exitCode(status), nil
			}
			continue
		}
		if n, ok := sig.(unix.Signal); ok {
			_ = unix.Kill(child, n) // ESRCH: its SIGCHLD is on the way
		}
	}
	return 0, errors.New("no more signals")
}

// start runs this program as a child. It gets a process group of its own, so that a terminal's Ctrl-C
// reaches it once, through the init; should the init be killed, it is told to drain.
func start() (pid int, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("find this program: %w", err)
	}
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool { return kv == Variable+"=1" })
	pid, err = syscall.ForkExec(self, os.Args, &syscall.ProcAttr{
		Env:   env,
		Files: []uintptr{0, 1, 2},
		Sys:   &syscall.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGTERM},
	})
	if err != nil {
		return 0, fmt.Errorf("start %s again: %w", self, err)
	}
	return pid, nil
}

// reap collects every process that has ended, and child's status when it is among them. SIGCHLDs
// coalesce: one may stand for many.
func reap(child int) (status unix.WaitStatus, ended bool) {
	for {
		var ws unix.WaitStatus
		pid, err := unix.Wait4(-1, &ws, unix.WNOHANG, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return status, ended
		}
		if pid == child {
			status, ended = ws, true
		}
	}
}

func exitCode(ws unix.WaitStatus) int {
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}
