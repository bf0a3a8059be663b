// Package masterclient speaks the slave API to a master of any age: one that knows waiting requests,
// hashes and Bearer tokens, or one that answers in envelopes and takes `Authorization: App` only.
package masterclient

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// Config of a Client.
type Config struct {
	Base      string // API_BASE without a trailing slash
	Token     string // APP_TOKEN
	UserAgent string
	MaxBody   int64 // bytes of one decoded answer; 0: 32 MiB
}

// Client calls one master. Its methods may be called from any goroutine.
type Client struct {
	cfg    Config
	origin *url.URL
	once   *retryablehttp.Client // one attempt: the caller has its own pace
	retry  *retryablehttp.Client // a few attempts, for answers that matter once
	app    atomic.Bool           // this master took the App scheme
}

// Times of one call.
const (
	dialTimeout   = 10 * time.Second
	answerTimeout = 15 * time.Second // beyond what the call asks the master to wait
	configTimeout = 2 * time.Minute  // a large configuration on a slow line
	longestWait   = 10 * time.Second // between attempts of one call
	retries       = 3
	maxBody       = 32 << 20
)

// New returns a client; it does not call the master yet.
func New(cfg Config) (*Client, error) {
	origin, err := url.Parse(cfg.Base)
	if err != nil {
		return nil, fmt.Errorf("API_BASE: %w", err)
	}
	cfg.MaxBody = cmp.Or(cfg.MaxBody, maxBody)
	c := &Client{cfg: cfg, origin: origin}
	plain := &http.Client{Transport: transport(), CheckRedirect: c.checkRedirect}
	c.once, c.retry = retrying(plain, 0), retrying(plain, retries)
	return c, nil
}

// transport asks for gzip and decodes it. A proxy comes from the environment, as usual.
func transport() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: dialTimeout,
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        16, // a check-in has no time for a handshake
		MaxIdleConnsPerHost: 16,
		IdleConnTimeout:     2 * time.Minute,
	}
}

func retrying(plain *http.Client, retries int) *retryablehttp.Client {
	return &retryablehttp.Client{
		HTTPClient:   plain,
		RetryMax:     retries,
		RetryWaitMin: 500 * time.Millisecond,
		RetryWaitMax: longestWait,
		CheckRetry:   retryable,
		Backoff:      backoff,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
}

// checkRedirect follows redirects within the master only: another host would get the token.
func (c *Client) checkRedirect(req *http.Request, via []*http.Request) error {
	if req.URL.Host != c.origin.Host || req.URL.Scheme != c.origin.Scheme {
		return fmt.Errorf("redirected to %s://%s, which does not get the token: check API_BASE", req.URL.Scheme, req.URL.Host)
	}
	if len(via) >= 5 {
		return errors.New("too many redirects: check API_BASE")
	}
	return nil
}

// call does one request of the slave API and returns the document in the answer, out of its envelope.
// A refused token is offered once more in the other scheme, and what worked is remembered. Errors are
// *StatusError for an answer other than 200.
func (c *Client) call(ctx context.Context, hc *retryablehttp.Client, method, path string, body any) (json.RawMessage, error) {
	r := request{method: method, path: path, header: http.Header{}}
	if body != nil {
		var err error
		if r.payload, err = json.Marshal(body); err != nil {
			return nil, err
		}
		r.header.Set("Content-Type", "application/json")
	}
	return c.send(ctx, hc, r)
}

// request is one call, as it goes out but for what every request has.
type request struct {
	method, path string
	header       http.Header
	payload      []byte // nil: none
}

// send is call with a body of any kind.
func (c *Client) send(ctx context.Context, hc *retryablehttp.Client, r request) (json.RawMessage, error) {
	app := c.app.Load()
	answer, err := c.try(ctx, hc, r, app)
	if !errors.Is(err, api.ErrUnauthorized) {
		return answer, err
	}
	other, otherErr := c.try(ctx, hc, r, !app)
	if errors.Is(otherErr, api.ErrUnauthorized) {
		return nil, err
	}
	c.app.Store(!app)
	return other, otherErr
}

func (c *Client) try(ctx context.Context, hc *retryablehttp.Client, r request, app bool) (json.RawMessage, error) {
	var body any
	if r.payload != nil {
		body = r.payload
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, r.method, c.cfg.Base+r.path, body)
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, r.header)
	scheme := "Bearer "
	if app {
		scheme = "App "
	}
	req.Header.Set("Authorization", scheme+c.cfg.Token)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	resp, err := hc.Do(req)
	if err != nil {
		return nil, connectError(err) // what came with it, a refused redirect, is closed already
	}
	defer func() { _ = resp.Body.Close() }()
	return c.read(resp)
}

// read returns the document in an answer. A body that ends early is io.ErrUnexpectedEOF, with
// Content-Length, chunks and gzip alike; without any of them the JSON does not parse.
func (c *Client) read(resp *http.Response) (json.RawMessage, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, c.cfg.MaxBody+1))
	if resp.StatusCode != http.StatusOK {
		return nil, statusError(resp, body)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: read answer: %w", ErrBadAnswer, err)
	}
	if int64(len(body)) > c.cfg.MaxBody {
		return nil, fmt.Errorf("%w: over %d bytes", ErrBadAnswer, c.cfg.MaxBody)
	}
	document, err := api.Unwrap(body)
	if problem, ok := errors.AsType[*api.Problem](err); ok {
		return nil, &StatusError{Problem: problem}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadAnswer, err)
	}
	if trimmed := bytes.TrimSpace(document); len(trimmed) == 0 || trimmed[0] != '{' {
		return nil, fmt.Errorf("%w: not a JSON object", ErrBadAnswer)
	}
	return document, nil
}
