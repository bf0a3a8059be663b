package nginx

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"
)

// Headers of the probe; docs/architecture.md.
const (
	headerProbe    = "X-UHD-Probe"
	headerRelease  = "X-UHD-Release"
	headerUpstream = "X-UHD-Upstream"
)

// probeTimeout bounds one probe. The chain answers in milliseconds; what takes longer waits for a media
// server, which is not what is probed.
const probeTimeout = 3 * time.Second

// probeWorkers bounds how many probes run at once.
const probeWorkers = 8

// ProbeError is a server name that does not answer as the release should.
type ProbeError struct {
	Server  string // the name asked for
	Address string // where
	Status  int    // 0: no answer
	Reason  string
	Log     string // nginx's own line about it, where it could be read
}

func (e *ProbeError) Error() string {
	text := fmt.Sprintf("server %s at %s: %s", e.Server, e.Address, e.Reason)
	if e.Log != "" {
		text += ": " + e.Log
	}
	return text
}

// prober asks targets whether they serve the release hash.
type prober struct {
	key     string
	hash    string
	timeout time.Duration
	alive   func(context.Context) error // does a worker still answer?
}

func newProber(keyFile, hash string, timeout time.Duration, alive func(context.Context) error) (*prober, error) {
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, fmt.Errorf("read the probe's key: %w", err)
	}
	return &prober{strings.TrimSpace(string(key)), hash, timeout, alive}, nil
}

// probe asks once. Final tells a failure that asking again cannot mend: the release itself answered 5xx.
func (p *prober) probe(ctx context.Context, t target) (final bool, err error) {
	asking, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	resp, err := p.ask(asking, t)
	if err != nil {
		return false, p.judgeSilence(ctx, t, err)
	}
	_ = resp.Body.Close()
	release, upstream := resp.Header.Get(headerRelease), resp.Header.Get(headerUpstream)
	failure := &ProbeError{Server: t.host, Address: t.address, Status: resp.StatusCode}
	if release != "" && release != p.hash {
		failure.Reason = "answered by release " + release
		return false, failure
	}
	switch {
	case resp.StatusCode < http.StatusInternalServerError, t.stated[resp.StatusCode]:
		return false, nil
	case upstream != "" && upstream != "-":
		return false, nil // the media server's own
	case upstream == "" && t.unfiltered && (resp.StatusCode == http.StatusBadGateway || resp.StatusCode == http.StatusGatewayTimeout):
		return false, nil // nginx's word for a media server that is away, where no filter of ours could say so
	}
	failure.Reason = fmt.Sprintf("the access chain answers %d", resp.StatusCode)
	return release != "", failure
}

func (p *prober) ask(ctx context.Context, t target) (*http.Response, error) {
	scheme := "http"
	if t.tls {
		scheme = "https"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://probe/", nil)
	if err != nil {
		return nil, err
	}
	req.Host = t.host
	req.Header.Set(headerProbe, p.key)
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			conn, err := d.DialContext(ctx, t.network, t.address)
			if err == nil && t.proxyProtocol {
				_, err = io.WriteString(conn, "PROXY UNKNOWN\r\n")
			}
			return conn, err
		},
		// The probe asks its own nginx over loopback or a socket of its own: there is nobody to
		// impersonate, and a certificate that has expired must not keep a configuration from being
		// applied; the watch package reports expiry.
		TLSClientConfig: &tls.Config{ServerName: t.host, InsecureSkipVerify: true}, //nolint:gosec // see above
	}
	return transport.RoundTrip(req)
}

// judgeSilence decides about a probe that got no answer. One that ran into its own timeout while a worker
// is well has passed the chain and waits for a media server.
func (p *prober) judgeSilence(ctx context.Context, t target, err error) error {
	switch {
	case t.optional && errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil
	case t.stated[444]: // nginx's status for closing without an answer
		return nil
	case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		asking, cancel := context.WithTimeout(ctx, p.timeout)
		defer cancel()
		if p.alive(asking) == nil {
			return nil
		}
		err = errors.New("the worker hangs")
	}
	return &ProbeError{Server: t.host, Address: t.address, Reason: "no answer: " + err.Error()}
}
