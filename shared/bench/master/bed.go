package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// bed is a master whose hosts have a server and a token each.
type bed struct {
	options
	dir    string
	ports  [2]int // of the API and of metrics
	master *testbed.Master
	tokens []string // of each host
}

func newBed(ctx context.Context, o options, dir string) (_ *bed, err error) {
	b := &bed{options: o, dir: dir}
	for i := range b.ports {
		if b.ports[i], err = testbed.FreePort(); err != nil {
			return nil, err
		}
	}
	if err := b.start(ctx); err != nil {
		return nil, err
	}
	for i := range o.hosts {
		host := fmt.Sprintf("198.51.%d.%d", 100+i/250, 1+i%250)
		server, err := b.master.Admin.AddServer(ctx, testbed.Server{
			Name: host, ServiceType: api.Jellyfin, Host: host, ServerName: fmt.Sprintf("media%d.example.com", i),
			Upstream: host + ":8096", ListenHTTP: 80, ListenHTTPS: 443,
		})
		if err != nil {
			return nil, errors.Join(err, b.stop())
		}
		token, err := b.master.Admin.NewToken(ctx, server.ID)
		if err != nil {
			return nil, errors.Join(err, b.stop())
		}
		b.tokens = append(b.tokens, token)
	}
	if _, err := b.master.Admin.Publish(ctx, "first"); err != nil {
		return nil, errors.Join(err, b.stop())
	}
	return b, nil
}

// start starts the master, again where it was stopped, with more variables.
func (b *bed) start(ctx context.Context, env ...string) (err error) {
	b.master, err = testbed.StartMaster(ctx, testbed.MasterConfig{
		Bin: b.options.master, Dir: b.dir, Port: b.ports[0], MetricsPort: b.ports[1], Username: "bench", Password: "bench-password",
		Env: append([]string{"DATABASE_URL=sqlite://" + filepath.Join(b.dir, "master.db")}, env...),
	})
	return err
}

func (b *bed) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return b.master.Stop(ctx)
}

func (b *bed) addr() string { return fmt.Sprintf("127.0.0.1:%d", b.ports[0]) }

// restart ends the master in good order and starts it with more variables.
func (b *bed) restart(ctx context.Context, env ...string) error {
	if err := b.stop(); err != nil {
		return err
	}
	return b.start(ctx, env...)
}

// gauge reads a metric of the master that has no labels.
func (b *bed) gauge(ctx context.Context, name string) (float64, error) {
	return b.sum(ctx, name+" ")
}

// sum adds up the values of the master's metrics whose lines begin with name; 0 where there is none.
func (b *bed) sum(ctx context.Context, name string) (sum float64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/metrics", b.ports[1]), nil)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if !strings.HasPrefix(lines.Text(), name) {
			continue
		}
		value, err := strconv.ParseFloat(lines.Text()[strings.LastIndexByte(lines.Text(), ' ')+1:], 64)
		if err != nil {
			return 0, err
		}
		sum += value
	}
	return sum, lines.Err()
}

// awaitWaiting returns once at least n slaves wait at the master.
func (b *bed) awaitWaiting(ctx context.Context, n int) error {
	for {
		waiting, err := b.gauge(ctx, "uhd_slaves_waiting")
		if err != nil || int(waiting) >= n {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%.0f of %d slaves wait: %w", waiting, n, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}
