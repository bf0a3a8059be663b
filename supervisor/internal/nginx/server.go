// Package nginx owns the nginx process of a slave: it starts it, tests and rehearses configurations
// before nginx sees them, reloads it, and proves that what was asked for is what serves.
//
// It exists because nginx reports little of that itself. A signal is not an answer: a reload that nginx
// refuses leaves the old workers in place and says so only in the error log; `nginx -t` accepts
// configurations whose Lua answers 500; a master that is killed leaves workers that hold the ports. So
// every step here ends in an observation (a state read from the admin socket, a probe's answer, a
// process that is gone), never in a time.
package nginx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config is what a Server needs.
type Config struct {
	Bin          string                // nginx or openresty; "": the first of openresty and nginx on PATH
	Root         string                // SLAVE_ROOT: holds conf, lua, run, state; absolute
	User         string                // of the workers, as nginx.conf has it; "": nginx's compiled-in one
	Ending       func(context.Context) // called before an nginx that has served is ended, ours or one that was left behind: it still answers on its admin socket; may be nil
	Started      func()                // called when an nginx answers that was started, not reloaded: its shared dicts are empty; must not block; may be nil
	DrainTimeout time.Duration         // how long running transfers may go on once Run is told to end; 0: 60 s
	Stderr       *os.File              // nginx's stdout and stderr; nil: os.Stderr. A file, so that no pump of ours can block nginx
	Log          *slog.Logger          // nil: discarded
	Registerer   prometheus.Registerer // nil: metrics are kept but not served
}

// Server is the nginx of one SLAVE_ROOT. All methods but Run may be called at any time, from any
// goroutine, and before Run has started anything.
type Server struct {
	cfg     Config
	paths   paths
	log     *slog.Logger
	admin   *adminClient
	metrics *metrics

	reloading  sync.Mutex    // one Reload, and the reading of its outcome, at a time
	rehearsing sync.Mutex    // one private root
	wake       chan struct{} // ends the wait before a restart early

	probeTimeout, minBackoff time.Duration // other in tests

	mu       sync.Mutex // guards what follows
	current  *instance  // nil while nginx is down
	lastExit error      // why the previous instance ended; nil once one has answered
	mark     logMark    // emerg lines before it belong to earlier changes
	leaving  map[int]time.Time
}

// instance is one life of an nginx master.
type instance struct {
	process process
	started time.Time
	ready   atomic.Bool   // it has answered, so that it handles signals
	exited  chan struct{} // closed when the master has been reaped

	generation atomic.Int64 // of the workers that the last reload brought; 0 before there was one
}

// New checks cfg and returns a Server that Run will bring to life.
func New(cfg Config) (*Server, error) {
	if cfg.Bin == "" {
		for _, name := range []string{"openresty", "nginx"} {
			if path, err := exec.LookPath(name); err == nil {
				cfg.Bin = path
				break
			}
		}
	}
	bin, err := exec.LookPath(cfg.Bin)
	if err != nil {
		return nil, fmt.Errorf("NGINX_BIN: no nginx to run: %w; install OpenResty, or nginx with the Lua module, or name its binary", err)
	}
	if cfg.Bin, err = filepath.Abs(bin); err != nil {
		return nil, fmt.Errorf("NGINX_BIN: %w", err)
	}
	if !filepath.IsAbs(cfg.Root) {
		return nil, fmt.Errorf("SLAVE_ROOT %q must be an absolute path", cfg.Root)
	}
	cfg.Root = filepath.Clean(cfg.Root)
	cfg.DrainTimeout = cmp.Or(cfg.DrainTimeout, 60*time.Second)
	cfg.Stderr = cmp.Or(cfg.Stderr, os.Stderr)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		cfg: cfg, paths: pathsOf(cfg.Root), log: cfg.Log,
		wake: make(chan struct{}, 1), leaving: map[int]time.Time{},
		probeTimeout: probeTimeout, minBackoff: minBackoff,
	}
	if err := s.paths.check(); err != nil {
		return nil, err
	}
	s.admin = newAdminClient(s.paths.adminSocket)
	s.metrics = newMetrics()
	if cfg.Registerer != nil {
		err := errors.Join(cfg.Registerer.Register(s.metrics), cfg.Registerer.Register(collector{s}))
		if err != nil {
			return nil, fmt.Errorf("register nginx metrics: %w", err)
		}
	}
	return s, nil
}

// instance returns the running nginx, nil while it is down.
func (s *Server) instance() *instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}
