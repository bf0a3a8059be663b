package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/shared/testbed"
	"github.com/uhdadmin/media-gateway/shared/traffic"
)

// bed is a master with servers and a slave's token.
type bed struct {
	options
	master  *testbed.Master
	token   string
	servers []int64
	http    *http.Client
	traffic *traffic.Generator
	sent    atomic.Int64 // batches
}

func newBed(ctx context.Context, o options, dir, databaseURL string) (_ *bed, err error) {
	b := &bed{options: o, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: o.slaves}}}
	ports := [2]int{}
	for i := range ports {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		ports[i] = ln.Addr().(*net.TCPAddr).Port
		if err := ln.Close(); err != nil {
			return nil, err
		}
	}
	b.master, err = testbed.StartMaster(ctx, testbed.MasterConfig{
		Bin: o.master, Dir: dir, Port: ports[0], MetricsPort: ports[1], Username: "bench", Password: "bench-password",
		Env: []string{"DATABASE_URL=" + databaseURL, "RETENTION_ACCESS_LOGS=0"},
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	for i := range o.servers {
		s, err := b.master.Admin.PutServer(ctx, testbed.Server{
			Name: fmt.Sprintf("bench %d", i), ServiceType: api.Jellyfin, Host: "198.51.100.1",
			ServerName: fmt.Sprintf("media%d.example.com", i), Upstream: "198.51.100.1:8096", ListenHTTP: 80, ListenHTTPS: 443,
		})
		if err != nil {
			return nil, err
		}
		b.servers = append(b.servers, s.ID)
	}
	b.traffic = traffic.New(traffic.Config{Seed: b.seed, Users: b.users, Servers: b.servers})
	b.token, err = b.master.Admin.NewToken(ctx, b.servers[0])
	return b, err
}

func (b *bed) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return b.master.Stop(ctx)
}

// batch is the body of one request, before compression.
type batch struct {
	lines int
	body  []byte
}

// generate makes batches of lines in the order of time.
func (b *bed) generate(ctx context.Context, from, to time.Time, rows int, into chan<- batch) error {
	defer close(into)
	next := batch{body: []byte(`{"entries":[`)}
	send := func() bool {
		next.body = append(next.body, "]}"...)
		select {
		case into <- next:
		case <-ctx.Done():
			return false
		}
		next = batch{body: append(make([]byte, 0, len(next.body)+len(next.body)/8), `{"entries":[`...)}
		return true
	}
	traffic.Times(from, to, rows, func(at time.Time) bool {
		if next.lines > 0 {
			next.body = append(next.body, ',')
		}
		next.body = b.traffic.Line(next.body, at)
		next.lines++
		return next.lines < b.batch || send()
	})
	if next.lines > 0 {
		send()
	}
	return ctx.Err()
}

// send sends batches, as a slave does: one at a time, again when the master is busy. It returns once there
// are no more.
func (b *bed) send(ctx context.Context, from <-chan batch, accepted, busy *atomic.Int64) error {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	var compressed []byte
	run := strconv.FormatInt(time.Now().UnixNano(), 36)
	for batch := range from {
		compressed = encoder.EncodeAll(batch.body, compressed[:0])
		key := fmt.Sprintf("%s-%d", run, b.sent.Add(1))
		for {
			n, err := b.post(ctx, key, compressed)
			if errors.Is(err, api.ErrBusy) {
				busy.Add(1)
				time.Sleep(100 * time.Millisecond)
				continue
			}
			if err != nil {
				return err
			}
			accepted.Add(int64(n))
			break
		}
	}
	return nil
}

func (b *bed) post(ctx context.Context, key string, body []byte) (accepted int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.master.URL+api.PathSlave+"/telemetry/access-logs", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+b.token)
	req.Header.Set("Content-Encoding", "zstd")
	req.Header.Set("Idempotency-Key", key)
	res, err := b.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	if res.StatusCode != http.StatusOK {
		return 0, &api.Problem{Title: http.StatusText(res.StatusCode), Status: res.StatusCode, Detail: string(text)}
	}
	var answer api.ReportAnswer
	if err := json.Unmarshal(text, &answer); err != nil {
		return 0, err
	}
	return answer.Accepted, nil
}

// fill sends lines of a time and returns how many were taken, and how often slaves were told to wait.
func (b *bed) fill(ctx context.Context, from, to time.Time, rows int) (taken, waits int64, err error) {
	batches := make(chan batch, 2*b.slaves)
	var accepted, busy atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return b.generate(ctx, from, to, rows, batches) })
	for range b.slaves {
		group.Go(func() error { return b.send(ctx, batches, &accepted, &busy) })
	}
	stop := progress(&accepted)
	defer stop()
	err = group.Wait()
	if err == nil && accepted.Load() != int64(rows) {
		err = fmt.Errorf("%d of %d rows were taken", accepted.Load(), rows)
	}
	return accepted.Load(), busy.Load(), err
}

// begin is that of the lines that are measured.
func (b *bed) begin() time.Time { return time.Now().Truncate(time.Hour).Add(-b.span) }

// warmUp makes of servers that have just started ones that have been up for a while: the memory that they use
// is theirs, there are rows to add to, and PostgreSQL has files of its log to use again. All of it costs as
// much as the rows do, and once.
func (b *bed) warmUp(ctx context.Context, databaseURL string, postmaster int) error {
	if b.warm == 0 {
		return nil
	}
	length := time.Duration(float64(b.span) * float64(b.warm) / float64(b.rows))
	if _, _, err := b.fill(ctx, b.begin().Add(-length), b.begin(), b.warm); err != nil || postmaster == 0 {
		return err
	}
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "CHECKPOINT")
	return errors.Join(err, conn.Close(ctx))
}

// measure sends everything and prints what it took.
func (b *bed) measure(ctx context.Context, postmaster int) (held bool, err error) {
	before, err := b.cpu(postmaster)
	if err != nil {
		return false, err
	}
	began := time.Now()
	taken, waits, err := b.fill(ctx, b.begin(), b.begin().Add(b.span), b.rows)
	if err != nil {
		return false, err
	}
	took := time.Since(began)
	after, err := b.cpu(postmaster)
	if err != nil {
		return false, err
	}
	rows := float64(taken)
	perRow := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 / rows }
	rate := rows / took.Seconds()
	held = rate >= b.bar
	verdict := map[bool]string{true: "held", false: "missed"}[held]
	fmt.Printf("%.0f rows in %.1f s: %.0f rows/s (bar %.0f: %s)\n", rows, took.Seconds(), rate, b.bar, verdict)
	fmt.Printf("CPU per row: master %.1f µs, generator %.1f µs", perRow(after.master-before.master), perRow(after.own-before.own))
	if postmaster != 0 {
		fmt.Printf(", PostgreSQL %.1f µs", perRow(after.database-before.database))
	}
	fmt.Printf("; %d times told to wait\n", waits)
	return held, nil
}

// progress tells every ten seconds how far it is, until it is stopped.
func progress(accepted *atomic.Int64) (stop func()) {
	began, done, ended := time.Now(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(10 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				n := accepted.Load()
				fmt.Printf("  %d rows, %.0f rows/s\n", n, float64(n)/time.Since(began).Seconds())
			case <-done:
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}
