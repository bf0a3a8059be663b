// Command herd is many slaves in one process, for `make bench-master`: each polls and beats as a supervisor
// does, by the same client and the same Pace, but has no nginx. It reads their tokens, one a line, from its
// standard input, and ends when that is closed after them or with SIGTERM.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/masterclient"
)

// The supervisor's defaults.
const (
	pullInterval      = 30 * time.Second
	heartbeatInterval = time.Minute
)

func main() {
	base := flag.String("base", "", "the master's URL")
	slaves := flag.Int("slaves", 5000, "how many slaves")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, *base, *slaves); err != nil {
		fmt.Fprintln(os.Stderr, "herd:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, base string, slaves int) error {
	var tokens []string
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() && lines.Text() != "" {
		tokens = append(tokens, lines.Text())
	}
	if len(tokens) == 0 {
		return fmt.Errorf("no tokens: %w", lines.Err())
	}
	var running sync.WaitGroup
	defer running.Wait()
	for i := range slaves {
		client, err := masterclient.New(masterclient.Config{Base: base, Token: tokens[i%len(tokens)], UserAgent: "uhd-supervisor/herd"})
		if err != nil {
			return err
		}
		running.Go(func() { poll(ctx, client) })
		running.Go(func() { beat(ctx, client) })
	}
	return nil
}

// poll follows the master, as the agent does.
func poll(ctx context.Context, client *masterclient.Client) {
	sleep(ctx, rand.N(pullInterval)) // a fleet is not started in one moment
	pace := masterclient.Pace{Interval: pullInterval}
	var seen api.Version
	for ctx.Err() == nil {
		hold, asked := pace.Hold(), time.Now()
		answer, err := client.Version(ctx, masterclient.VersionQuery{
			Current: seen.Version, Hash: seen.ConfigHash, Limits: &seen.LimitsRevision, Wait: hold,
		})
		if err != nil {
			sleep(ctx, pace.Failed(err))
			continue
		}
		pace.Answered(answer)
		if answer != seen {
			seen = answer
			continue
		}
		sleep(ctx, pace.Next(hold, time.Since(asked)))
	}
}

func beat(ctx context.Context, client *masterclient.Client) {
	sleep(ctx, rand.N(heartbeatInterval))
	for ctx.Err() == nil {
		_ = client.Heartbeat(ctx, api.Heartbeat{AgentVersion: "herd", Status: "ready"}) // the next one says more
		sleep(ctx, masterclient.Around(heartbeatInterval))
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
