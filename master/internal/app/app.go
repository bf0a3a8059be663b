// Package app wires the master together and runs it: database, authenticators, slave API, admin API, and
// the servers that offer them.
package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/uhdadmin/media-gateway/master/internal/adminapi"
	"github.com/uhdadmin/media-gateway/master/internal/analytics"
	"github.com/uhdadmin/media-gateway/master/internal/audit"
	"github.com/uhdadmin/media-gateway/master/internal/auth"
	"github.com/uhdadmin/media-gateway/master/internal/conductor"
	"github.com/uhdadmin/media-gateway/master/internal/draft"
	"github.com/uhdadmin/media-gateway/master/internal/erasure"
	"github.com/uhdadmin/media-gateway/master/internal/events"
	"github.com/uhdadmin/media-gateway/master/internal/hindsight"
	"github.com/uhdadmin/media-gateway/master/internal/limits"
	"github.com/uhdadmin/media-gateway/master/internal/pages"
	"github.com/uhdadmin/media-gateway/master/internal/preflight"
	"github.com/uhdadmin/media-gateway/master/internal/privacy"
	"github.com/uhdadmin/media-gateway/master/internal/publish"
	"github.com/uhdadmin/media-gateway/master/internal/quota"
	"github.com/uhdadmin/media-gateway/master/internal/sessions"
	"github.com/uhdadmin/media-gateway/master/internal/settings"
	"github.com/uhdadmin/media-gateway/master/internal/slaveapi"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
	"github.com/uhdadmin/media-gateway/shared/buildinfo"
	"github.com/uhdadmin/media-gateway/shared/httpserver"
)

// App is a master that is ready to run: everything that can fail at start has not.
type App struct {
	cfg         settings.Settings
	log         *slog.Logger
	firstAdmin  *FirstAdmin
	store       *store.Store
	admins      *auth.Admins
	slaves      *auth.Slaves
	board       *publish.Board
	limits      *limits.Board
	sessions    *sessions.Desk
	quotas      *quota.Keeper
	telemetry   telemetry.Database
	privacy     *privacy.Policy
	eraser      *erasure.Eraser
	conductor   *conductor.Conductor
	events      *events.Hub
	ingester    *telemetry.Ingester
	janitor     *telemetry.Janitor
	audit       *audit.Janitor
	listener    net.Listener
	handler     http.Handler
	tls         *tls.Config // nil: plain HTTP
	connections *httpserver.Metrics
	monitoring  net.Listener
	monitor     http.Handler
	cleanup     []func() error // undone in reverse
}

// New opens the database and the listeners, and makes the first admin when there is no user. Errors that
// a setting causes name its variable.
func New(ctx context.Context, cfg settings.Settings, log *slog.Logger) (_ *App, err error) {
	a := &App{cfg: cfg, log: log}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	if a.store, err = store.Open(ctx, cfg.DatabaseURL, log); err != nil {
		return nil, err
	}
	a.onClose(a.store.Close)
	if added, err := a.store.AddStartingSet(ctx, cfg.StartingSet); err != nil {
		return nil, err
	} else if added {
		log.Info("Library filled with the usual players and rules")
	}
	passwords := auth.NewPasswords(cfg.MaxLogins)
	if a.firstAdmin, err = ensureAdmin(ctx, a.store, passwords, cfg); err != nil {
		return nil, err
	}
	a.admins = auth.NewAdmins(a.store, passwords, cfg.Secure(), log)
	a.slaves = auth.NewSlaves(a.store, log)

	if a.board, err = publish.LoadBoard(ctx, a.store); err != nil {
		return nil, err
	}
	if a.limits, err = limits.Load(ctx, a.store); err != nil {
		return nil, err
	}

	reg := prometheus.NewRegistry()
	a.store.Register(reg)
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		buildinfo.Metric(), httpserver.Ready(a.ready))
	if a.telemetry, err = telemetry.Open(ctx, cfg.DatabaseURL, log); err != nil {
		return nil, err
	}
	a.onClose(a.telemetry.Close)
	a.privacy, err = privacy.LoadPolicy(ctx, func(ctx context.Context) (privacy.Addresses, error) {
		s, err := a.store.ReadSettings(ctx)
		return s.TelemetryAddresses, err
	}, log)
	if err != nil {
		return nil, err
	}
	reported := telemetry.Config{Database: a.telemetry, Alone: a.store.Alone, Address: a.privacy.Address, Log: log, Registry: reg}
	a.ingester, a.janitor = telemetry.NewIngester(reported), telemetry.NewJanitor(reported, cfg.Retention)
	a.audit = audit.New(audit.Config{Store: a.store, Keep: cfg.AuditKept, Log: log, Registry: reg})
	reg.MustRegister(a.limits)
	a.sessions = sessions.New(sessions.Config{Store: a.store, Limits: a.limits, Published: a.board, Log: log, Registry: reg})
	a.quotas = quota.New(quota.Config{Store: a.store, Limits: a.limits, Log: log, Registry: reg})
	a.eraser = erasure.New(erasure.Config{Database: a.telemetry, Log: log, Registry: reg})
	publisher := publish.New(publish.Config{
		Store: a.store, Board: a.board, SigningKeys: cfg.SigningKeys, Registry: reg, Log: log,
		Preflight: preflight.New(preflight.Config{Bin: cfg.NginxBin, Mode: cfg.Preflight, Registry: reg, Log: log}),
	})
	a.conductor = conductor.New(conductor.Config{Store: a.store, Publisher: publisher, Telemetry: a.telemetry.Reader(), Registry: reg, Log: log})
	a.events = events.New(events.Config{Pulse: a.store.Pulse, Log: log})
	admin, err := adminapi.New(adminapi.Config{
		Store: a.store, Admins: a.admins, Passwords: passwords, Slaves: a.slaves,
		Sessions: a.sessions, Quotas: a.quotas, Events: a.events,
		Publisher: publisher, Conductor: a.conductor, Drafts: &draft.Desk{Store: a.store, Publisher: publisher},
		Hindsight: hindsight.New(hindsight.Config{DB: a.telemetry.Reader(), Counters: a.store}),
		Analytics: analytics.New(analytics.Config{DB: a.telemetry.Reader(), HoursKept: cfg.RollupsHourly}), Privacy: a.privacy, Eraser: a.eraser,
		PublicURL: cfg.PublicURL, Registry: reg, Log: log,
	})
	if err != nil {
		return nil, err
	}
	operators, err := pages.New(pages.Config{API: admin, PublicURL: cfg.PublicURL, Secure: cfg.Secure(), Log: log})
	if err != nil {
		return nil, err
	}
	monitor := httpserver.Monitoring(reg, a.ready)
	a.monitor = monitor
	a.handler = routes(log, admin, monitor, operators, slaveapi.New(slaveapi.Config{
		Store: a.store, Board: a.board, Limits: a.limits, Sessions: a.sessions, Quotas: a.quotas, Slaves: a.slaves, Telemetry: a.ingester, Log: log, Registry: reg,
		MaxConfigs: cfg.MaxConfigs, MaxReports: cfg.MaxReports,
	}))

	a.connections = httpserver.NewMetrics()
	reg.MustRegister(a.connections)
	if cfg.TLS() {
		a.tls = tlsConfig(cfg.TLSCertFile, cfg.TLSKeyFile, log)
	}
	if a.listener, err = httpserver.Listen(ctx, "LISTEN_ADDR", cfg.ListenAddr); err != nil {
		return nil, err
	}
	a.onClose(closeListener(a.listener))
	if a.monitoring, err = httpserver.Listen(ctx, "METRICS_ADDR", cfg.MetricsAddr); err != nil {
		return nil, err
	}
	a.onClose(closeListener(a.monitoring))
	return a, nil
}

// Addr is where the APIs are served.
func (a *App) Addr() net.Addr { return a.listener.Addr() }

// MetricsAddr is where /metrics is served.
func (a *App) MetricsAddr() net.Addr { return a.monitoring.Addr() }

// FirstAdmin is who was made because there was no user; nil when there were users already.
func (a *App) FirstAdmin() *FirstAdmin { return a.firstAdmin }

// Run serves until ctx ends, then lets running requests end and closes everything that New opened.
func (a *App) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.slaves.Run(ctx) })
	group.Go(func() error { return a.admins.Run(ctx) })
	group.Go(func() error { return a.store.Watch(ctx, a.changed) })
	group.Go(func() error { return a.limits.Run(ctx, a.log) })
	group.Go(func() error { return a.sessions.Run(ctx) })
	group.Go(func() error { return a.quotas.Run(ctx) })
	group.Go(func() error { return a.privacy.Run(ctx) })
	group.Go(func() error { return a.eraser.Run(ctx) })
	group.Go(func() error { return a.conductor.Run(ctx) })
	group.Go(func() error { return a.events.Run(ctx) })
	group.Go(func() error { return a.ingester.Run(ctx) })
	group.Go(func() error { return a.janitor.Run(ctx) })
	group.Go(func() error { return a.audit.Run(ctx) })
	group.Go(func() error { // lets go of the slaves that wait for a publish, or Serve would wait for them
		<-ctx.Done()
		a.board.Close()
		return nil
	})
	group.Go(func() error {
		return httpserver.Serve(ctx, httpserver.Config{
			Listener: a.listener, Handler: a.handler, TLS: a.tls, MaxConns: connections(a.cfg.MaxConnections, a.log), Metrics: a.connections, Log: a.log,
		})
	})
	group.Go(func() error {
		return httpserver.Serve(ctx, httpserver.Config{Listener: a.monitoring, Handler: a.monitor, Log: a.log})
	})
	a.log.Info("Master started", "address", a.Addr().String(), "metrics", a.MetricsAddr().String(), "tls", a.tls != nil)
	err := group.Wait()
	a.log.Info("Master stopped")
	return errors.Join(err, a.close())
}

// changed renews what this process keeps in memory of what any replica has changed.
func (a *App) changed(ctx context.Context, c store.Change) error {
	switch c {
	case store.ChangePublished:
		a.conductor.Changed()
		return a.board.Refresh(ctx)
	case store.ChangeRollouts:
		a.conductor.Changed()
	case store.ChangeSlaves:
		a.slaves.Invalidate()
	case store.ChangeLimits:
		return a.limits.ReloadLimits(ctx)
	case store.ChangeKicks:
		return a.limits.ReloadKicks(ctx)
	}
	return nil
}

// ready says why the master cannot answer, or nil.
func (a *App) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return a.store.Ping(ctx)
}

func (a *App) onClose(f func() error) { a.cleanup = append(a.cleanup, f) }

func (a *App) close() error {
	var errs []error
	for _, f := range slices.Backward(a.cleanup) {
		errs = append(errs, f())
	}
	a.cleanup = nil
	return errors.Join(errs...)
}

// closeListener closes a listener that its server may have closed already.
func closeListener(ln net.Listener) func() error {
	return func() error {
		if err := ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("close %s: %w", ln.Addr(), err)
		}
		return nil
	}
}
