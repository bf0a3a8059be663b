// Command bench is `make bench-gate`: what the access chain costs, against a plain proxy_pass on the same
// nginx. It fails when a bar is missed.
//
// All nginx run side by side, one worker each, in front of one upstream, and take load in turn, a second
// at a time, for many rounds. Requests per second depend on what else the machine does, and even the
// processor time that a request takes does where processors share caches. So the bars of the chain are
// about processor time, and about the median of the ratios within the rounds, whose parts lie seconds
// apart and meet the same neighbours.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	nginx       string
	template    string // a rendered server.conf, whose server block is what is measured
	rounds      int
	duration    time.Duration // of one measurement
	connections int
	streamBytes int64
	streams     int // rounds of streams
	requests    int // of the memory test
	tokens      int // distinct ones in it
}

func main() {
	var o options
	flag.StringVar(&o.nginx, "nginx", "nginx", "nginx with the Lua module")
	flag.StringVar(&o.template, "template", "master/internal/render/testdata/no-ssl.conf", "rendered server.conf with one server")
	flag.IntVar(&o.rounds, "rounds", 15, "rounds of each variant")
	flag.DurationVar(&o.duration, "duration", time.Second, "of one measurement")
	flag.IntVar(&o.connections, "connections", 32, "players at a time")
	flag.Int64Var(&o.streamBytes, "stream-bytes", 1<<30, "length of a stream")
	flag.IntVar(&o.streams, "streams", 5, "rounds of streams")
	flag.IntVar(&o.requests, "requests", 1_200_000, "of the memory test; the soak form is 10000000")
	flag.IntVar(&o.tokens, "tokens", 0, "distinct tokens of the memory test; a tenth of its requests when 0")
	flag.Parse()
	if o.tokens == 0 {
		o.tokens = o.requests / 10
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	missed, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-gate:", err)
		os.Exit(2)
	}
	if len(missed) > 0 {
		for _, m := range missed {
			fmt.Fprintln(os.Stderr, "bench-gate: missed:", m)
		}
		os.Exit(1)
	}
}

// run measures everything and returns the bars that were missed.
func run(ctx context.Context, o options) (missed []string, err error) {
	for _, program := range []string{o.nginx, "wrk"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("%w: install it (.ci/install bench)", err)
		}
	}
	b, err := newBed(o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()

	var g gate
	for _, part := range []func(context.Context, *bed, *gate) error{measureChain, measureStreams, measureMemory} {
		if err := part(ctx, b, &g); err != nil {
			return nil, err
		}
	}
	if err := b.checkLogs(); err != nil {
		return nil, err
	}
	return g.missed, nil
}

// gate collects the bars that were missed.
type gate struct{ missed []string }

// atLeast holds value against a bar and says how it went.
func (g *gate) atLeast(what string, value, bar float64) {
	g.say(what, value, bar, value >= bar, "at least")
}

func (g *gate) atMost(what string, value, bar float64) {
	g.say(what, value, bar, value <= bar, "at most")
}

func (g *gate) say(what string, value, bar float64, held bool, relation string) {
	verdict := "held"
	if !held {
		verdict = "MISSED"
		g.missed = append(g.missed, fmt.Sprintf("%s is %.3g, must be %s %.3g", what, value, relation, bar))
	}
	fmt.Printf("  %-52s %8.3g   %s %-6.3g %s\n", what, value, relation, bar, verdict)
}
