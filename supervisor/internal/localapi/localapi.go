// Package localapi is the supervisor's end of SLAVE_ROOT/run/supervisor.sock: what nginx's workers ask once per
// playback or unknown token, and what they tell. docs/architecture.md, "The supervisor's socket", has the
// calls.
//
// Players wait for its answers, so it decides from memory; only a check-in may wait for the master, for
// 250 ms, and a token that nobody knows for the media server, for 200. A 5xx makes workers leave it alone for a
// while: what a caller does wrong is a 4xx.
package localapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/shared/httpserver"
	"github.com/uhdadmin/media-gateway/supervisor/internal/identity"
	"github.com/uhdadmin/media-gateway/supervisor/internal/mediaserver"
	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
	"github.com/uhdadmin/media-gateway/supervisor/internal/session"
)

// maxBody bounds a request's body; the largest that workers send has about 1 KB.
const maxBody = 16 << 10

// Sessions decides about playbacks; see session.
type Sessions interface {
	CheckIn(ctx context.Context, in session.CheckIn) session.Answer
	Ended(end session.End)
}

// Identities knows whose tokens are; see identity.
type Identities interface {
	Learn(u nginx.User) error
	Find(ctx context.Context, scope, tokenHash string) (userID string, known bool)
	Resolvable(scope, tokenHash string) bool
	Resolve(ctx context.Context, scope string, q mediaserver.Question) (identity.Found, bool)
}

// Config of a Server.
type Config struct {
	Path       string // of the socket
	Owner      int    // user id of nginx's workers: they and root may connect, nobody else
	Sessions   Sessions
	Identities Identities
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Server answers on the socket.
type Server struct {
	cfg      Config
	listener net.Listener
	metrics  *metrics
}

// Listen opens the socket, in place of one that an earlier supervisor left; the caller sees to it that there is no
// other one now. Connections wait until Serve.
func Listen(ctx context.Context, cfg Config) (*Server, error) {
	s := &Server{cfg: cfg, metrics: newMetrics()}
	if err := cfg.Registerer.Register(s.metrics); err != nil {
		return nil, fmt.Errorf("register metrics of the local API: %w", err)
	}
	if err := os.Remove(cfg.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove stale socket: %w", err)
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "unix", cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("listen for nginx's workers: %w", err)
	}
	// Connecting takes the right to write: the umask has kept it from others so far.
	if err := os.Chmod(cfg.Path, 0o600); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	if err := os.Chown(cfg.Path, cfg.Owner, -1); err != nil {
		return nil, errors.Join(fmt.Errorf("give the socket to nginx's workers: %w", err), ln.Close())
	}
	s.listener = ln
	return s, nil
}

// Close closes the socket of a server that does not Serve.
func (s *Server) Close() error {
	if err := s.listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Serve answers until ctx ends.
func (s *Server) Serve(ctx context.Context) error {
	return httpserver.Serve(ctx, httpserver.Config{
		Listener: s.listener, Handler: s.Handler(), Grace: time.Second, Log: s.cfg.Log,
	})
}

// Handler is what answers.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /sessions/checkin", s.checkIn)
	mux.HandleFunc("POST /sessions/end", s.end)
	mux.HandleFunc("POST /logins", s.login)
	mux.HandleFunc("POST /users/resolve", s.resolve)
	mux.HandleFunc("GET /users", s.user)
	return s.metrics.measure(mux)
}

// decode reads a JSON body into v, or answers why not.
func decode(w http.ResponseWriter, r *http.Request, v any) bool {
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(v)
	if err == nil {
		return true
	}
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		refuse(w, http.StatusRequestEntityTooLarge, err)
		return false
	}
	refuse(w, http.StatusBadRequest, err)
	return false
}

func refuse(w http.ResponseWriter, status int, err error) {
	answer(w, status, map[string]string{"error": err.Error()})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a worker that went away has its timeout
}
