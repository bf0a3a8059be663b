package httpserver_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/shared/httpserver"
)

// TestServe: monitors see the reason while the program is not ready, and a request that runs when the
// server is told to stop gets its answer.
func TestServe(t *testing.T) {
	ln, err := httpserver.Listen(t.Context(), "METRICS_ADDR", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	notReady := errors.New("no release yet")
	mux := httpserver.Monitoring(prometheus.NewRegistry(), func() error { return notReady })
	entered, release := make(chan struct{}), make(chan struct{})
	mux.HandleFunc("GET /slow", func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		_, _ = io.WriteString(w, "done")
	})
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- httpserver.Serve(ctx, httpserver.Config{Listener: ln, Handler: mux, Log: slog.New(slog.DiscardHandler)})
	}()
	base := "http://" + ln.Addr().String()

	if status, body := get(t, base+"/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "no release yet") {
		t.Errorf("/readyz = %d %q, want 503 with the reason", status, body)
	}
	if status, _ := get(t, base+"/healthz"); status != http.StatusOK {
		t.Errorf("/healthz = %d, want 200", status)
	}

	answer := make(chan string, 1)
	go func() {
		_, body := get(t, base+"/slow")
		answer <- body
	}()
	<-entered
	stop()
	close(release)
	if body := <-answer; body != "done" {
		t.Errorf("running request got %q, want its answer", body)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve = %v, want nil after stop", err)
	}
}

func TestListenNamesTheVariable(t *testing.T) {
	_, err := httpserver.Listen(t.Context(), "METRICS_ADDR", "nowhere:x")
	if err == nil || !strings.HasPrefix(err.Error(), `METRICS_ADDR is "nowhere:x"`) {
		t.Errorf("error = %v, want it to name METRICS_ADDR", err)
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return res.StatusCode, string(body)
}
