// Command pages is `make bench-pages`: how large the admin pages are and how long the master takes for them, with a fleet
// of hundreds of servers and millions of telemetry rows behind it. It starts the real one over SQLite, fills it through
// its APIs, and asks for each page that links lead to, as a browser does. With -dir the filled database stays, and is
// used again. A page that is larger or slower than its bar is a failure.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/uhdadmin/media-gateway/shared/showcase"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// options are the command line.
type options struct {
	master  string
	dir     string
	hosts   int
	servers int
	rows    int
	span    time.Duration
	rounds  int
	kinds   int
}

// The bars of a page: bytes of HTML before compression, and the median of its times on the server.
const (
	maxBytes = 150_000
	maxTime  = 100 * time.Millisecond
)

func main() {
	var o options
	flag.StringVar(&o.master, "master", "bin/uhd-master", "the master's program")
	flag.StringVar(&o.dir, "dir", "", "where the database goes and stays; a temporary directory when empty")
	flag.IntVar(&o.hosts, "hosts", 500, "hosts of the fleet")
	flag.IntVar(&o.servers, "servers", 500, "servers over all hosts")
	flag.IntVar(&o.rows, "rows", 10_000_000, "access log lines")
	flag.DurationVar(&o.span, "span", 720*time.Hour, "time up to now over which they are spread")
	flag.IntVar(&o.rounds, "rounds", 15, "times that each page is asked for")
	flag.IntVar(&o.kinds, "each", 3, "pages of one kind, as those of three servers")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	held, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-pages:", err)
		os.Exit(2)
	}
	if !held {
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (held bool, err error) {
	dir := o.dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "uhd-pages-"); err != nil {
			return false, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	} else if err := os.MkdirAll(dir, 0o755); err != nil {
		return false, err
	}
	_, missing := os.Stat(filepath.Join(dir, "master.db"))
	m, err := startMaster(ctx, o, dir)
	if err != nil {
		return false, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		err = errors.Join(err, m.Stop(ctx))
	}()
	if missing != nil {
		began := time.Now()
		fmt.Printf("filling %s: %d servers on %d hosts, %d rows of %s\n", dir, o.servers, o.hosts, o.rows, o.span)
		cfg := showcase.Config{Hosts: o.hosts, Servers: o.servers, Rows: o.rows, Span: o.span, Streams: 200}
		if _, err := showcase.Fill(ctx, m.Admin, m.URL, cfg); err != nil {
			return false, err
		}
		fmt.Printf("filled in %s\n\n", time.Since(began).Round(time.Second))
	}
	v, err := signIn(ctx, m.URL)
	if err != nil {
		return false, err
	}
	found, err := v.crawl(ctx, o.kinds)
	if err != nil {
		return false, err
	}
	return v.measure(ctx, found, o.rounds)
}

const username, password = "bench", "bench-password"

func startMaster(ctx context.Context, o options, dir string) (*testbed.Master, error) {
	port, err := testbed.FreePort()
	if err != nil {
		return nil, err
	}
	metrics, err := testbed.FreePort()
	if err != nil {
		return nil, err
	}
	return testbed.StartMaster(ctx, testbed.MasterConfig{
		Bin: o.master, Dir: dir, Port: port, MetricsPort: metrics, Username: username, Password: password, Env: []string{"RETENTION_ACCESS_LOGS=0"},
	})
}
