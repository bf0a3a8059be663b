// Package httpserver runs an HTTP server for a context's life, and serves what monitors ask of either
// program: /metrics, /healthz and /readyz.
package httpserver

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Config of one server.
type Config struct {
	Listener net.Listener
	Handler  http.Handler
	TLS      *tls.Config   // nil: plain HTTP
	Grace    time.Duration // how long running requests may take to end; 0: 10 s
	MaxConns int           // connections at a time; 0: any number
	Metrics  *Metrics      // nil: none
	Log      *slog.Logger
}

// Listen opens addr, as in ":8000". The error names the variable that addr came from.
func Listen(ctx context.Context, variable, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s is %q: %w", variable, addr, err)
	}
	return ln, nil
}

// Serve answers requests until ctx ends; then it closes the listener and gives running requests, and
// those that are parked, Grace to end. Headers must come within 10 s and idle connections are closed after
// 2 minutes; there is no write timeout, since slaves wait up to 60 s for an answer. With TLS it speaks
// HTTP/1.1 alone: a waiting request of HTTP/2 cannot be parked.
func Serve(ctx context.Context, cfg Config) error {
	answers, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	l := &lot{ctx: answers, log: cfg.Log, back: make(chan net.Conn), stopping: make(chan struct{})}
	ln := newListener(cfg.listen(), l)
	defer ln.accepting.Wait()
	silent := silentConns{}
	srv := &http.Server{
		Handler:           cfg.Handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
		ConnContext:       func(ctx context.Context, _ net.Conn) context.Context { return context.WithValue(ctx, lotKey{}, l) },
		ConnState:         silent.note,
	}
	var served error
	done := make(chan struct{})
	go func() {
		defer close(done)
		served = srv.Serve(ln)
	}()
	select {
	case <-done:
		close(l.stopping)
		giveUp()
		l.parked.Wait()
		return fmt.Errorf("serve %s: %w", cfg.Listener.Addr(), served)
	case <-ctx.Done():
	}
	close(l.stopping)
	stop, cancel := context.WithTimeout(answers, cmp.Or(cfg.Grace, 10*time.Second))
	defer cancel()
	defer context.AfterFunc(stop, giveUp)() // parked answers end with the grace
	closed := make(chan error, 1)
	go func() { closed <- srv.Shutdown(stop) }()
	<-done // no connection is new from here on
	silent.close()
	err := <-closed
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close()
	}
	l.parked.Wait()
	return err
}

// listen puts the limit of connections and TLS on the listener.
func (cfg *Config) listen() net.Listener {
	metrics := cfg.Metrics
	if metrics == nil {
		metrics = NewMetrics()
	}
	ln := net.Listener(&counting{Listener: cfg.Listener, most: int64(cfg.MaxConns), metrics: metrics})
	if cfg.TLS == nil {
		return ln
	}
	overTLS := cfg.TLS.Clone()
	overTLS.NextProtos = []string{"http/1.1"}
	return tls.NewListener(ln, overTLS)
}

// silentConns are connections on which nothing was asked since they were accepted, or came back from the
// lot. Shutdown would wait five seconds for each.
type silentConns struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

func (s *silentConns) note(conn net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state != http.StateNew {
		delete(s.conns, conn)
		return
	}
	if s.conns == nil {
		s.conns = map[net.Conn]struct{}{}
	}
	s.conns[conn] = struct{}{}
}

func (s *silentConns) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		_ = conn.Close()
	}
}

// Monitoring returns a mux with /metrics from reg, /healthz (200 while the process answers) and /readyz
// (503 with the reason while ready returns one). Callers add to it.
func Monitoring(reg *prometheus.Registry, ready func() error) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeLine(w, http.StatusOK, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			writeLine(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		writeLine(w, http.StatusOK, "ready")
	})
	return mux
}

func writeLine(w http.ResponseWriter, status int, line string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, line) // a monitor that went away needs no answer
}
