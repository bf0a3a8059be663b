// Command master is `make bench-master`: what one master bears. It starts the real one over SQLite and puts
// slaves before it: thousands that wait for a publish, a few that check their version as fast as they can,
// and thousands that come back after a restart. It prints what was measured beside its bars.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	master string
	parts  string
	hosts  int
	slaves int
	hold   time.Duration
	rounds int
	checks int

	returning int
}

func main() {
	var o options
	flag.StringVar(&o.master, "master", "bin/uhd-master", "the master's program")
	flag.StringVar(&o.parts, "parts", "waiting,checks,restart", "what to measure")
	flag.IntVar(&o.hosts, "hosts", 50, "hosts that slaves belong to")
	flag.IntVar(&o.slaves, "slaves", 10_000, "slaves that wait")
	flag.DurationVar(&o.hold, "hold", 40*time.Second, "how long the memory of waiting slaves is watched")
	flag.IntVar(&o.rounds, "rounds", 5, "publishes to waiting slaves")
	flag.IntVar(&o.checks, "checks", 300_000, "version checks, as fast as they go")
	flag.IntVar(&o.returning, "returning", 5000, "slaves whose master is restarted")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var bars bars
	if err := run(ctx, o, &bars); err != nil {
		fmt.Fprintln(os.Stderr, "bench-master:", err)
		os.Exit(2)
	}
	if !bars.print() {
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, table *bars) (err error) {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return err
	}
	if need := uint64(o.slaves) + 500; files.Max < need {
		return fmt.Errorf("%d open files are allowed, %d slaves need %d: ulimit -n %d", files.Max, o.slaves, need, need)
	}
	dir, err := os.MkdirTemp("", "uhd-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b, err := newBed(ctx, o, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	measures := map[string]func(context.Context, *bars) error{
		"waiting": b.measureWaiting, "checks": b.measureChecks, "restart": b.measureRestart,
	}
	for part := range strings.SplitSeq(o.parts, ",") {
		measure, ok := measures[part]
		if !ok {
			return fmt.Errorf("-parts takes waiting, checks and restart, not %q", part)
		}
		if err := measure(ctx, table); err != nil {
			return err
		}
	}
	return nil
}
