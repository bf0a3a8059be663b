// Command telemetry is `make bench-telemetry`: how many access log rows a second a master takes in, and
// what a row costs. It starts the real master over SQLite or PostgreSQL and sends it what slaves send, as
// many at once, with made-up but lifelike traffic. With -dir it leaves a filled database behind, for
// timing what reads it.
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

	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// options are the command line.
type options struct {
	master   string
	dir      string
	database string
	rows     int
	warm     int
	span     time.Duration
	slaves   int
	servers  int
	users    int
	batch    int
	seed     uint64
	bar      float64
}

func main() {
	var o options
	flag.StringVar(&o.master, "master", "bin/uhd-master", "the master's program")
	flag.StringVar(&o.dir, "dir", "", "where the database goes and stays; a temporary directory when empty")
	flag.StringVar(&o.database, "database", "sqlite", "sqlite, postgres (one is started), or a DATABASE_URL")
	flag.IntVar(&o.rows, "rows", 600_000, "access log lines to send")
	flag.IntVar(&o.warm, "warm", 400_000, "lines sent before them and not measured; none with -dir")
	flag.DurationVar(&o.span, "span", 24*time.Hour, "time up to now over which they are spread")
	flag.IntVar(&o.slaves, "slaves", 8, "slaves that send at a time")
	flag.IntVar(&o.servers, "servers", 3, "media servers")
	flag.IntVar(&o.users, "users", 2000, "people who use them")
	flag.IntVar(&o.batch, "batch", 1000, "lines of a batch")
	flag.Uint64Var(&o.seed, "seed", 1, "of the made-up traffic")
	flag.Float64Var(&o.bar, "bar", 0, "rows a second; fewer is a failure. 0: 20,000 for sqlite, 60,000 else")
	flag.Parse()
	if o.dir != "" {
		o.warm = 0
	}
	if o.bar == 0 {
		o.bar = 60_000
		if o.database == "sqlite" {
			o.bar = 20_000
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	held, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-telemetry:", err)
		os.Exit(2)
	}
	if !held {
		os.Exit(1)
	}
}

// run measures, and reports whether the bar was held.
func run(ctx context.Context, o options) (held bool, err error) {
	dir := o.dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "uhd-bench-"); err != nil {
			return false, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, err
	}
	url, postmaster := "sqlite://"+filepath.Join(dir, "master.db"), 0
	switch o.database {
	case "sqlite":
	case "postgres":
		server, err := testbed.StartPostgres("shared_buffers=1GB", "max_wal_size=8GB")
		if err != nil {
			return false, err
		}
		defer func() { err = errors.Join(err, server.Stop()) }()
		name, err := server.CreateDatabase(ctx)
		if err != nil {
			return false, err
		}
		url = server.URL(name)
		if postmaster, err = server.PID(); err != nil {
			return false, err
		}
	default:
		url = o.database
	}
	b, err := newBed(ctx, o, dir, url)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	if err := b.warmUp(ctx, url, postmaster); err != nil {
		return false, fmt.Errorf("warm up: %w", err)
	}
	return b.measure(ctx, postmaster)
}
