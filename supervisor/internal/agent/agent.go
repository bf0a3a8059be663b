// Package agent keeps a slave on the configuration that its master wants: it polls, and takes each
// configuration through one pipeline
//
//	poll → fetch → check → stage → test → rehearse → commit → push | reload → verify → ack
//
// of which everything up to commit leaves what serves untouched, and everything after goes back to the
// last proven release when it fails. It boots from disk, and goes on without a master for as long as it
// takes.
package agent

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/uhdadmin/media-gateway/shared/api"
	"github.com/uhdadmin/media-gateway/supervisor/internal/masterclient"
	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
	"github.com/uhdadmin/media-gateway/supervisor/internal/release"
)

// Config of an Agent. All of it is needed but for the fields that say otherwise.
type Config struct {
	Master   *masterclient.Client
	Releases *release.Store
	Nginx    *nginx.Server

	Version           string              // of this program, for heartbeats
	Token             string              // its hash is this slave's phase among the fleet
	PublicKeys        []ed25519.PublicKey // one of which has signed; none: configurations need no signature
	PullInterval      time.Duration       // between polls of a master that does not let requests wait
	HeartbeatInterval time.Duration
	ReloadMinInterval time.Duration // least time between two reloads; 0: none
	KeepDrift         bool          // leave edits of managed files alone

	Serving  func(*release.Release) // told what serves, at boot and after each change; may be nil
	Metadata func() map[string]any  // more of what heartbeats tell the master; may be nil
	Limits   Limits                 // nil: those of the release alone
	Kicks    func([]api.Kick)       // told which sessions the master ends; may be nil

	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Agent runs one slave. One goroutine, that of Run, makes all changes.
type Agent struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	wake    chan struct{} // ends a wait: something was asked for

	pullNow      atomic.Bool // asked for by Pull
	certificates atomic.Bool // asked for by CertificatesChanged
	drifted      atomic.Bool // asked for by FilesChanged
	nginxStarted atomic.Bool // said by NginxStarted
	limitsDue    atomic.Bool // live limits are to be pushed again

	// What Run's goroutine alone uses.
	running     *release.Release // what nginx serves
	seen        api.Version      // the master's last answer that was dealt with
	pace        masterclient.Pace
	stuck       bool   // a rollback failed: nginx may serve something else than running
	overlay     string // hash of the rules with live limits that nginx has; "": it has the release's
	acked       int64  // the snapshot whose ack this process has made
	lastReload  time.Time
	lastRetry   time.Time
	generations map[int]int64 // of nginx's workers by pid, to count the old ones

	board board // what others may look at
}

// New returns an agent; Boot and then Run bring it to life.
func New(cfg Config) (*Agent, error) {
	a := &Agent{
		cfg: cfg, log: cfg.Log, metrics: newMetrics(), wake: make(chan struct{}, 1),
		pace:        masterclient.Pace{Interval: cfg.PullInterval, Token: cfg.Token},
		generations: map[int]int64{}, board: board{begun: time.Now()},
	}
	if err := cfg.Registerer.Register(a.metrics); err != nil {
		return nil, fmt.Errorf("register agent metrics: %w", err)
	}
	return a, nil
}

// Run follows the master until ctx ends. nginx must be running, with what Boot chose.
func (a *Agent) Run(ctx context.Context) error {
	a.board.start()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.follow(ctx) })
	group.Go(func() error { return a.beat(ctx) })
	err := group.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// Pull makes the agent poll now, and try again what is in quarantine.
func (a *Agent) Pull() { a.ask(&a.pullNow) }

// CertificatesChanged makes nginx read its certificates again, once they pass a test.
func (a *Agent) CertificatesChanged() { a.ask(&a.certificates) }

// FilesChanged makes the agent compare the managed files with what they should be.
func (a *Agent) FilesChanged() { a.ask(&a.drifted) }

func (a *Agent) ask(flag *atomic.Bool) {
	flag.Store(true)
	select {
	case a.wake <- struct{}{}:
	default: // it will see the flag
	}
}

// follow deals with what is asked for and with what the master wants, in turns.
func (a *Agent) follow(ctx context.Context) error {
	a.recall()
	for {
		a.answerRequests(ctx)
		a.mendRollback(ctx)
		a.pushLimits(ctx)
		pause := a.turn(ctx)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-a.wake:
		case <-time.After(pause):
		}
	}
}
