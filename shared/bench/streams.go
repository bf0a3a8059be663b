package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"time"
)

// transfer is one stream as it was received.
type transfer struct {
	perSec float64       // bytes
	cpu    time.Duration // of the worker, for all of it
}

// measureStreams fetches long streams at full speed through plain and chain in turn.
func measureStreams(ctx context.Context, b *bed, g *gate) error {
	plain, err := b.startGateway("plain-stream", nil, true)
	if err != nil {
		return err
	}
	rules, err := rulesFile("streams", 0, usualLimits())
	if err != nil {
		return err
	}
	full, err := b.startGateway("chain-stream", rules, false)
	if err != nil {
		return err
	}
	if err := full.bindUsers(ctx); err != nil {
		return err
	}
	results := map[*server][]transfer{}
	for round := range b.streams + 1 {
		order := []*server{plain, full}
		if round%2 == 1 {
			order = []*server{full, plain}
		}
		for _, s := range order {
			t, err := b.fetch(ctx, s)
			if err != nil {
				return err
			}
			if round > 0 {
				results[s] = append(results[s], t)
			}
		}
	}
	rate := func(t transfer) float64 { return t.perSec / 1e6 }
	cpu := func(t transfer) float64 { return float64(t.cpu) / 1e6 }
	p, f := results[plain], results[full]
	fmt.Printf("streams of %d MB at full speed, %d rounds: plain %.0f MB/s, %.0f ms CPU; chain %.0f MB/s, %.0f ms CPU\n",
		b.streamBytes>>20, b.streams, median(p, rate), median(p, cpu), median(f, rate), median(f, cpu))
	g.atLeast("streams: bytes/s, chain / plain", median(f, rate)/median(p, rate), 0.97)
	fmt.Printf("  %-52s %8.3g\n\n", "streams: CPU, plain / chain", median(p, cpu)/median(f, cpu))
	for _, s := range []*server{plain, full} {
		if err := b.stop(s); err != nil {
			return err
		}
	}
	return nil
}

// fetch reads one stream and throws it away.
func (b *bed) fetch(ctx context.Context, s *server) (t transfer, err error) {
	url := fmt.Sprintf("http://127.0.0.1:%d/Videos/1/stream.mkv?PlaySessionId=play1", s.port)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return t, err
	}
	req.Host = "emby1.com"
	req.Header.Set("Authorization", fmt.Sprintf(`MediaBrowser Client="%s", DeviceId="device1", Version="4.8.1", Token="%s"`, clientName(1), token(1)))
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, ReadBufferSize: 1 << 20}}
	before, err := cpuTime(s.worker)
	if err != nil {
		return t, err
	}
	begun := time.Now()
	res, err := client.Do(req)
	if err != nil {
		return t, err
	}
	defer func() { _ = res.Body.Close() }()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, res.Body, make([]byte, 1<<20))
	if err != nil {
		return t, fmt.Errorf("%s: stream broke after %d bytes: %w", s.name, n, err)
	}
	if res.StatusCode != http.StatusOK || n != b.streamBytes {
		return t, fmt.Errorf("%s: stream answered %s with %d bytes, want %d", s.name, res.Status, n, b.streamBytes)
	}
	t.perSec = float64(n) / time.Since(begun).Seconds()
	after, err := cpuTime(s.worker)
	t.cpu = after - before
	return t, err
}

// tokenHash is the name of a token wherever it is kept.
func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
