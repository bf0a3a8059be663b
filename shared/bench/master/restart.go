package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	steadyTime = 60 * time.Second // over which the usual rate is measured
	backTime   = 75 * time.Second // in which all slaves come back
)

// measureRestart lets slaves of the supervisor's own client follow a master, and restarts it: told to stop,
// and killed. What the new one sees is compared with what is usual.
func (b *bed) measureRestart(ctx context.Context, bars *bars) (err error) {
	program := filepath.Join(b.dir, "herd")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "./supervisor/internal/masterclient/herd").CombinedOutput(); err != nil {
		return fmt.Errorf("build the herd: %w\n%s", err, out)
	}
	herd := exec.CommandContext(ctx, program, "-base", "http://"+b.addr(), "-slaves", fmt.Sprint(b.returning))
	herd.Stdin = strings.NewReader(strings.Join(b.tokens, "\n") + "\n\n")
	herd.Stderr = os.Stderr
	herd.Cancel = func() error { return herd.Process.Signal(syscall.SIGTERM) }
	if err := herd.Start(); err != nil {
		return err
	}
	defer func() {
		_ = herd.Process.Signal(syscall.SIGTERM)
		err = errors.Join(err, herd.Wait())
	}()
	fmt.Printf("restart under %d slaves\n", b.returning)
	coming, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := b.awaitWaiting(coming, b.returning*98/100); err != nil { // some are between two polls
		return err
	}
	usual := b.watchRequests(ctx, steadyTime, nil)
	steady := usual.mean()
	fmt.Printf("  usual: %.0f requests/s, at most %.0f in a second\n", steady, usual.most())
	for _, ending := range []struct {
		name   string
		signal os.Signal
	}{{"told to stop", syscall.SIGTERM}, {"killed", syscall.SIGKILL}} {
		var down time.Duration
		var failed error
		after := b.watchRequests(ctx, backTime, func() {
			began := time.Now()
			if failed = b.master.Signal(ending.signal); failed == nil {
				<-b.master.Done()
				failed = b.start(ctx)
			}
			down = time.Since(began)
		})
		if failed != nil {
			return failed
		}
		waiting, err := b.gauge(ctx, "uhd_slaves_waiting")
		if err != nil {
			return err
		}
		fmt.Printf("  %s: %d ms away, then at most %.0f requests/s; %.0f slaves wait after %s\n",
			ending.name, down.Milliseconds(), after.most(), waiting, backTime)
		bars.atMost("restart, "+ending.name+": busiest second, times the usual rate", after.most()/steady, 3)
	}
	return nil
}

// rates are requests a second, of about a second each.
type rates []float64

func (r rates) mean() (mean float64) {
	for _, rate := range r {
		mean += rate / float64(len(r))
	}
	return mean
}

func (r rates) most() (most float64) {
	for _, rate := range r {
		most = max(most, rate)
	}
	return most
}

// watchRequests counts, for a time, the requests of slaves that come to the master while meanwhile runs, also
// to the one that takes its place: those that were answered, and those that wait for an answer.
func (b *bed) watchRequests(ctx context.Context, d time.Duration, meanwhile func()) (seen rates) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if meanwhile != nil {
			meanwhile()
		}
	}()
	defer func() { <-done }()
	last, lastAt := -1.0, time.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for end := time.After(d); ; {
		come, err := b.come(ctx)
		now := time.Now()
		switch {
		case err != nil:
			come = 0 // the next master begins to count
		case last >= 0:
			if come < last {
				last = 0
			}
			seen = append(seen, (come-last)/now.Sub(lastAt).Seconds())
		}
		last, lastAt = come, now
		select {
		case <-tick.C:
		case <-end:
			return seen
		case <-ctx.Done():
			return seen
		}
	}
}

// come is how many requests of slaves have come to the master since it started.
func (b *bed) come(ctx context.Context) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	waiting, err := b.gauge(ctx, "uhd_slaves_waiting")
	if err != nil {
		return 0, err
	}
	answered, err := b.sum(ctx, "uhd_slave_requests_total")
	return waiting + answered, err
}
