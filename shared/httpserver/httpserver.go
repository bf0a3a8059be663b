// Package httpserver runs an HTTP server for a context's life, and serves what monitors ask of either
// program: /metrics, /healthz and /readyz.
package httpserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
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

// Serve answers requests until ctx ends; then it closes the listener and gives running requests Grace
// to end. Headers must come within 10 s and idle connections are closed after 2 minutes; there is no
// write timeout, since slaves wait up to 60 s for an answer.
func Serve(ctx context.Context, cfg Config) error {
	srv := &http.Server{
		Handler:           cfg.Handler,
		TLSConfig:         cfg.TLS,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
	}
	var served error
	done := make(chan struct{})
	go func() {
		defer close(done)
		if cfg.TLS != nil {
			served = srv.ServeTLS(cfg.Listener, "", "")
			return
		}
		served = srv.Serve(cfg.Listener)
	}()
	select {
	case <-done:
		return fmt.Errorf("serve %s: %w", cfg.Listener.Addr(), served)
	case <-ctx.Done():
	}
	grace := cfg.Grace
	if grace == 0 {
		grace = 10 * time.Second
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := srv.Shutdown(stop)
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close()
	}
	<-done
	return err
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
