// Package mediaserver speaks to the API of the Emby and Jellyfin servers behind this gateway: whose a token is that
// nobody has seen log in, and the stop of a playback that was kicked.
//
// A host may have several media servers, and the same device, user name or session id means something else on
// each: every question is about a scope and goes to that scope's server or to none. Which one that is, the
// operator says; one address for all holds only where the release that serves has a single scope.
//
// None of it is needed to serve. A media server that is slow or away costs questions that are answered with
// "unknown", of which few run at a time and, after some failures, none for a while.
package mediaserver

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Address is where a media server's API is, as this host reaches it.
type Address struct {
	URL string // without a trailing slash
	Key string // an API key, made in the server's dashboard; "" for none
}

// Config of a Directory.
type Config struct {
	Servers    map[string]Address // by scope; under "" the one of a host that has a single scope
	UserAgent  string
	Now        func() time.Time // nil: time.Now
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Directory finds the media server of a scope. Its methods may be called from any goroutine.
type Directory struct {
	cfg     Config
	metrics *metrics
	stops   chan stop

	mu      sync.RWMutex // guards what follows
	servers map[string]*server
	warned  bool // that the one address is not used
}

// New returns a Directory that knows no scope of a release yet; see Serving.
func New(cfg Config) (*Directory, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	d := &Directory{cfg: cfg, stops: make(chan stop, waitingStops), servers: map[string]*server{}}
	d.metrics = newMetrics()
	if err := cfg.Registerer.Register(d.metrics); err != nil {
		return nil, fmt.Errorf("register media server metrics: %w", err)
	}
	for scope, address := range cfg.Servers {
		if scope != "" {
			d.servers[scope] = d.newServer(scope, address)
		}
	}
	return d, nil
}

// Serving says which scopes the release has that serves now. With several of them, the one address of all is of
// no use: a token of one server must never be asked about at another.
func (d *Directory) Serving(scopes []string) {
	address, one := d.cfg.Servers[""]
	if !one {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(scopes) == 1 {
		if d.servers[scopes[0]] == nil {
			d.servers = map[string]*server{scopes[0]: d.newServer(scopes[0], address)}
		}
		d.warned = false
		return
	}
	d.servers = map[string]*server{}
	if len(scopes) > 1 && !d.warned {
		d.warned = true
		slices.Sort(scopes)
		d.cfg.Log.Warn("EMBY_SERVER_URL is not used: it does not say which media server of this host it is of; write server id=URL for each, separated by commas",
			"server_ids", strings.Join(scopes, ","))
	}
}

// Resolves reports whether UserOf can be asked about tokens of a scope.
func (d *Directory) Resolves(scope string) bool { return d.of(scope) != nil }

func (d *Directory) of(scope string) *server {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.servers[scope]
}

// Run carries out stops until ctx ends.
func (d *Directory) Run(ctx context.Context) error {
	var working sync.WaitGroup
	for range stopsAtATime {
		working.Go(func() { d.keepStopping(ctx) })
	}
	working.Wait()
	return nil
}

// Status is what /status shows: by scope, whether the media server answers.
type Status map[string]string

// Status returns "answers", "not asked yet", or since when and why a server is left alone.
func (d *Directory) Status() Status {
	d.mu.RLock()
	defer d.mu.RUnlock()
	status := make(Status, len(d.servers))
	for scope, s := range d.servers {
		status[scope] = s.breaker.status()
	}
	return status
}
