package pid1_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/uhdadmin/media-gateway/supervisor/internal/pid1"
)

// The test binary plays both parts: with pid1.Variable it is the init, which starts it again with
// PLAY still set, and then it is the supervisor.
func TestMain(m *testing.M) {
	play := os.Getenv("PLAY")
	if play == "" {
		os.Exit(m.Run())
	}
	if pid1.Wanted() {
		code, err := pid1.Run()
		if err != nil {
			fmt.Println(err)
			os.Exit(99)
		}
		os.Exit(code)
	}
	switch play {
	case "exit":
		os.Exit(7)
	case "die":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "signal":
		waitForSignal()
	case "exec":
		countLostStatuses()
	}
}

func waitForSignal() {
	got := make(chan os.Signal, 1)
	signal.Notify(got, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR1)
	fmt.Println("ready")
	sig, _ := (<-got).(syscall.Signal)
	os.Exit(int(sig))
}

// countLostStatuses runs 300 children that each leave an orphan behind, and exits with the number of
// those whose status was not what they ended with.
func countLostStatuses() {
	lost := 0
	for i := range 300 {
		want := i % 200
		err := exec.Command("sh", "-c", "sleep 0.01 & exit "+strconv.Itoa(want)).Run()
		exit, ok := errors.AsType[*exec.ExitError](err)
		if got := 0; ok {
			got = exit.ExitCode()
			if got != want {
				lost++
			}
		} else if err != nil || want != 0 {
			lost++
		}
	}
	out, _ := exec.Command("ps", "-o", "stat=", "--ppid", strconv.Itoa(os.Getppid())).Output()
	if strings.Contains(string(out), "Z") {
		fmt.Println("zombies:", string(out))
		lost++
	}
	os.Exit(min(lost, 255))
}

func initCommand(t *testing.T, play string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), "PLAY="+play, pid1.Variable+"=1")
	return cmd
}

func exitOf(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		t.Fatal(err)
	}
	return exit.ExitCode()
}

func TestExitStatus(t *testing.T) {
	for play, want := range map[string]int{"exit": 7, "die": 128 + 9, "exec": 0} {
		t.Run(play, func(t *testing.T) {
			out, err := initCommand(t, play).Output()
			if got := exitOf(t, err); got != want {
				t.Errorf("exit status = %d, want %d; output: %s", got, want, out)
			}
		})
	}
}

func TestSignalsAreForwarded(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR1} {
		t.Run(sig.String(), func(t *testing.T) {
			cmd := initCommand(t, "signal")
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
				t.Fatalf("child said %q, %v", line, err)
			}
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if got := exitOf(t, cmd.Wait()); got != int(sig) {
				t.Errorf("child got signal %d, want %d", got, sig)
			}
		})
	}
}

// TestAsPID1 runs the init as the real PID 1 of a namespace of its own.
func TestAsPID1(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), "PLAY=exit")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	err := cmd.Run()
	if errors.Is(err, os.ErrPermission) {
		t.Skip("needs the right to make a PID namespace")
	}
	if got := exitOf(t, err); got != 7 {
		t.Errorf("exit status = %d, want 7", got)
	}
}
