package mediaserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	// askTimeout bounds one request.
	askTimeout = 3 * time.Second
	// questionsAtATime bounds what runs at one server: a flood of made-up tokens must not become one of questions.
	questionsAtATime = 4
	maxAnswer        = 4 << 20 // Sessions with queues of items are long
)

// Errors of a question.
var (
	// ErrUnknown: the server knows no user for this token now.
	ErrUnknown = errors.New("the media server knows no user of this token")
	// ErrNotYet: Emby has seen no request of this device since the question was first asked.
	ErrNotYet = errors.New("the media server has not seen this device since")
	// ErrBusy: too many questions run, or the server is left alone after failures.
	ErrBusy = errors.New("the media server is not asked now")
)

// server is one media server.
type server struct {
	scope   string
	address Address
	agent   string
	http    *http.Client
	slots   chan struct{}
	breaker breaker
	log     *slog.Logger
	metrics *metrics

	mu       sync.Mutex // guards what follows
	jellyfin bool       // what it says to be
	known    bool       // that it has said so
	refused  bool       // the key, and that was logged
}

func (d *Directory) newServer(scope string, address Address) *server {
	return &server{
		scope: scope, address: address, agent: d.cfg.UserAgent, log: d.cfg.Log, metrics: d.metrics,
		slots: make(chan struct{}, questionsAtATime), breaker: breaker{now: d.cfg.Now},
		http: &http.Client{
			Timeout: askTimeout,
			Transport: &http.Transport{
				DialContext:         (&net.Dialer{Timeout: askTimeout}).DialContext,
				MaxIdleConnsPerHost: questionsAtATime,
				IdleConnTimeout:     time.Minute,
			},
			// The token goes where the operator said, and nowhere else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// answer is one that the server gave.
type answer struct {
	status int
	body   []byte
	date   time.Time // the server's clock, to the second; zero when it does not say
}

// ask sends one request with a token or key. Errors are failures of the server, counted, or ErrBusy; a 4xx is an
// answer.
func (s *server) ask(ctx context.Context, call, method, path, token string) (answer, error) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		s.metrics.requests.WithLabelValues(call, "busy").Inc()
		return answer{}, ErrBusy
	}
	if !s.breaker.allow() {
		s.metrics.requests.WithLabelValues(call, "left_alone").Inc()
		return answer{}, ErrBusy
	}
	began := time.Now()
	a, err := s.exchange(ctx, method, path, token)
	s.metrics.seconds.WithLabelValues(call).Observe(time.Since(began).Seconds())
	if errors.Is(ctx.Err(), context.Canceled) { // we are ending
		s.breaker.dropped()
		return answer{}, ctx.Err()
	}
	s.metrics.requests.WithLabelValues(call, resultOf(a.status, err)).Inc()
	opened, closed := s.breaker.done(err)
	switch {
	case opened:
		s.metrics.available.WithLabelValues(s.scope).Set(0)
		s.log.Warn("Media server does not answer: users of unknown tokens stay unknown, and kicked playbacks are cut only", "server_id", s.scope, "error", err)
	case closed:
		s.log.Info("Media server answers again", "server_id", s.scope)
	}
	if err == nil {
		s.metrics.available.WithLabelValues(s.scope).Set(1)
	}
	return a, err
}

func (s *server) exchange(ctx context.Context, method, path, token string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.address.URL+path, nil)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", s.agent)
	if token != "" {
		// Jellyfin 12 takes the first form only, Emby takes either. No client or device: both servers would take
		// the token's device to be called so from now on.
		req.Header.Set("Authorization", `MediaBrowser Token="`+url.QueryEscape(token)+`"`)
		req.Header.Set("X-Emby-Token", token)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return answer{}, withoutURL(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return answer{}, fmt.Errorf("read answer: %w", err)
	}
	if len(body) > maxAnswer {
		return answer{}, fmt.Errorf("answer of more than %d bytes", maxAnswer)
	}
	if resp.StatusCode >= http.StatusInternalServerError || resp.StatusCode/100 == 3 {
		return answer{status: resp.StatusCode}, fmt.Errorf("%s %s: %s", method, pathOnly(path), resp.Status)
	}
	date, _ := http.ParseTime(resp.Header.Get("Date")) // zero when it is none
	return answer{resp.StatusCode, body, date}, nil
}

// withoutURL leaves out the address, which may hold a password.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

func pathOnly(path string) string {
	path, _, _ = strings.Cut(path, "?")
	return path
}

// isJellyfin asks the server, until it has answered once, what it is. Of the two only Jellyfin names its product.
func (s *server) isJellyfin(ctx context.Context) (bool, error) {
	s.mu.Lock()
	known, jellyfin := s.known, s.jellyfin
	s.mu.Unlock()
	if known {
		return jellyfin, nil
	}
	a, err := s.ask(ctx, "info", http.MethodGet, "/System/Info/Public", "")
	if err != nil {
		return false, err
	}
	var info struct{ ProductName, Version string }
	if a.status != http.StatusOK || json.Unmarshal(a.body, &info) != nil || info.Version == "" {
		return false, fmt.Errorf("GET /System/Info/Public: status %d, and no Emby or Jellyfin: check EMBY_SERVER_URL", a.status)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known, s.jellyfin = true, strings.Contains(info.ProductName, "Jellyfin")
	return s.jellyfin, nil
}

// keyAnswered looks at the status of an answer to EMBY_API_KEY, and says once when it was refused.
func (s *server) keyAnswered(status int) error {
	refused := status == http.StatusUnauthorized || status == http.StatusForbidden
	s.mu.Lock()
	first := refused && !s.refused
	s.refused = refused
	s.mu.Unlock()
	if first {
		s.log.Error("Media server refuses EMBY_API_KEY: make a new key in its dashboard", "server_id", s.scope, "status", status)
	}
	if refused {
		s.metrics.keyRefused.Inc()
		return fmt.Errorf("EMBY_API_KEY was refused with status %d", status)
	}
	return nil
}
