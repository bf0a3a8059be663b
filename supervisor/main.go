// Command uhd-supervisor runs one slave of the gateway: nginx, and what keeps it on its master's
// configuration. As PID 1 it is the container's init as well.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/uhdadmin/media-gateway/shared/buildinfo"
	"github.com/uhdadmin/media-gateway/shared/logging"
	"github.com/uhdadmin/media-gateway/supervisor/internal/app"
	"github.com/uhdadmin/media-gateway/supervisor/internal/pid1"
	"github.com/uhdadmin/media-gateway/supervisor/internal/settings"
)

const usage = `uhd-supervisor runs a slave of the media gateway.

usage: uhd-supervisor [command]

  run          run the slave (the default); as PID 1 it is the container's init too
  healthcheck  exit 0 when the slave is ready to serve players
  version      print the version

SIGTERM, SIGINT and SIGQUIT drain and stop, SIGHUP asks the master now, SIGUSR1
reopens nginx's logs.

The slave is configured by its environment; APP_TOKEN and API_BASE are required.
NAME_FILE names a file that holds the value of NAME.

`

// Exit statuses.
const (
	exitOK       = 0
	exitFailed   = 1
	exitSettings = 2 // bad settings or arguments
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	command := "run"
	if len(args) > 0 {
		command = args[0]
	}
	if len(args) > 1 {
		command = strings.Join(args, " ") // no command takes arguments
	}
	switch command {
	case "run":
		return supervise(stderr)
	case "healthcheck":
		return healthcheck(stderr)
	case "version", "--version":
		_, _ = fmt.Fprintln(stdout, buildinfo.Version())
		return exitOK
	case "help", "--help", "-h":
		_, _ = fmt.Fprint(stdout, usage, settings.Manual())
		return exitOK
	}
	_, _ = fmt.Fprintf(stderr, "uhd-supervisor: unknown command %q\n\n%s", command, usage)
	return exitSettings
}

// supervise runs the slave, under an init when this is PID 1.
func supervise(stderr io.Writer) int {
	if pid1.Wanted() {
		status, err := pid1.Run()
		if err != nil {
			return complain(stderr, exitFailed, err)
		}
		return status
	}
	s, err := settings.Load(os.Environ())
	if err != nil {
		return complain(stderr, exitSettings, err)
	}
	log, err := logging.New(stderr, s.LogLevel, s.LogFormat)
	if err != nil {
		return complain(stderr, exitSettings, err)
	}
	// The live heap is small beside what one configuration needs for a moment.
	debug.SetGCPercent(50)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT)
	defer stop()
	requests := make(chan os.Signal, 8)
	signal.Notify(requests, syscall.SIGHUP, syscall.SIGUSR1)
	slave, err := app.New(ctx, s, log)
	if err != nil {
		return complain(stderr, exitFailed, err)
	}
	go passOn(requests, slave) // until the process ends
	log.Info("Supervisor started", "version", buildinfo.Version(), "root", s.Root, "master", s.APIBase)
	if err := slave.Run(ctx); err != nil {
		log.Error("Supervisor failed", "error", err)
		return exitFailed
	}
	log.Info("Supervisor stopped")
	return exitOK
}

// passOn turns signals into what they ask for.
func passOn(requests <-chan os.Signal, slave *app.App) {
	for sig := range requests {
		if sig == syscall.SIGHUP {
			slave.Pull()
		} else {
			slave.ReopenLogs()
		}
	}
}

// healthcheck asks the supervisor that runs beside it.
func healthcheck(stderr io.Writer) int {
	client := &http.Client{Timeout: 5 * time.Second}
	resp, err := client.Get("http://" + monitorAddress(os.Getenv("METRICS_ADDR")) + "/readyz")
	if err != nil {
		return complain(stderr, exitFailed, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		reason, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		return complain(stderr, exitFailed, fmt.Errorf("not ready: %s", strings.TrimSpace(string(reason))))
	}
	return exitOK
}

// monitorAddress is where METRICS_ADDR, as in ":9145", is reached from this machine.
func monitorAddress(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "127.0.0.1:9145"
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() && ip.To4() != nil {
		host = "127.0.0.1"
	} else if ip != nil && ip.IsUnspecified() {
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}

// complain prints one line that says what is wrong.
func complain(stderr io.Writer, status int, err error) int {
	_, _ = fmt.Fprintf(stderr, "uhd-supervisor: %v\n", err)
	return status
}
