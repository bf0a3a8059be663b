// Package app puts the supervisor together and runs it: the parts, in the order they need each other,
// and what monitors may ask.
package app

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
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	luatree "github.com/uhdadmin/media-gateway/lua"
	templates "github.com/uhdadmin/media-gateway/nginx"
	"github.com/uhdadmin/media-gateway/shared/buildinfo"
	"github.com/uhdadmin/media-gateway/shared/httpserver"
	"github.com/uhdadmin/media-gateway/supervisor/internal/agent"
	"github.com/uhdadmin/media-gateway/supervisor/internal/decision"
	"github.com/uhdadmin/media-gateway/supervisor/internal/identity"
	"github.com/uhdadmin/media-gateway/supervisor/internal/limits"
	"github.com/uhdadmin/media-gateway/supervisor/internal/localapi"
	"github.com/uhdadmin/media-gateway/supervisor/internal/masterclient"
	"github.com/uhdadmin/media-gateway/supervisor/internal/mediaserver"
	"github.com/uhdadmin/media-gateway/supervisor/internal/names"
	"github.com/uhdadmin/media-gateway/supervisor/internal/nginx"
	"github.com/uhdadmin/media-gateway/supervisor/internal/release"
	"github.com/uhdadmin/media-gateway/supervisor/internal/session"
	"github.com/uhdadmin/media-gateway/supervisor/internal/settings"
	"github.com/uhdadmin/media-gateway/supervisor/internal/spool"
	"github.com/uhdadmin/media-gateway/supervisor/internal/telemetry"
	"github.com/uhdadmin/media-gateway/supervisor/internal/transfer"
	"github.com/uhdadmin/media-gateway/supervisor/internal/usage"
	"github.com/uhdadmin/media-gateway/supervisor/internal/watch"
)

// patience is how long a start waits for nginx before it goes on without: the master's next configuration
// may be the cure.
const patience = 15 * time.Second

// App is one slave's supervisor.
type App struct {
	log      *slog.Logger
	registry *prometheus.Registry
	listener net.Listener
	nginx    *nginx.Server
	releases *release.Store
	agent    *agent.Agent
	watcher  *watch.Watcher

	// What nginx's workers ask and are told.
	local      *localapi.Server
	sessions   *session.Desk
	identities *identity.Book
	decisions  *decision.Set
	media      *mediaserver.Directory
	redis      redis.UniversalClient // nil: none
	spool      *spool.Spool

	// What becomes of the logs.
	signs     *spool.Reader // of life of sessions
	transfers *transfer.Collector
	telemetry *telemetry.Shipper
	usage     *usage.Counter

	limits *limits.Book
	names  *names.Server // nil: its address cannot be had
}

// New makes the parts and opens what they need; nothing runs yet. Close when it is not Run.
func New(ctx context.Context, s settings.Settings, log *slog.Logger) (*App, error) {
	a := &App{log: log, registry: newRegistry()}
	if err := a.assemble(ctx, s); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *App) assemble(ctx context.Context, s settings.Settings) (err error) {
	unix.Umask(0o022) // nginx's workers, of another user, read releases and Lua
	root, err := filepath.Abs(s.Root)
	if err != nil {
		return fmt.Errorf("SLAVE_ROOT: %w", err)
	}
	if a.listener, err = httpserver.Listen(ctx, "METRICS_ADDR", s.MetricsAddr); err != nil {
		return err
	}
	a.nginx, err = nginx.New(nginx.Config{
		Bin: s.NginxBin, Root: root, User: s.NginxUser, Started: a.nginxStarted, Ending: a.nginxEnding,
		DrainTimeout: s.DrainTimeout, Log: a.log, Registerer: a.registry,
	})
	if err != nil {
		return err
	}
	a.answerNames(ctx, root)
	if a.releases, err = a.openReleases(ctx, root, s); err != nil {
		return err
	}
	if os.Geteuid() == 0 && s.NginxUser == "" {
		a.warnClosed(root)
	}
	if a.watcher, err = a.newWatcher(); err != nil {
		return err
	}
	master, err := masterclient.New(masterclient.Config{
		Base: s.APIBase, Token: s.AppToken, UserAgent: "uhd-supervisor/" + buildinfo.Version(),
	})
	if err != nil {
		return err
	}
	if err := a.connectRedis(s); err != nil {
		return err
	}
	if err := a.serveWorkers(ctx, root, s, master); err != nil {
		return err
	}
	if err := a.followLogs(root, s, master); err != nil {
		return err
	}
	a.limits = limits.Open(limits.Config{Path: filepath.Join(root, "state", "limits.json"), Changed: a.limitsChanged, Log: a.log})
	a.agent, err = agent.New(agent.Config{
		Master: master, Releases: a.releases, Nginx: a.nginx, Limits: a.limits, Kicks: a.sessions.Kick,
		Version: buildinfo.Version(), Token: s.AppToken, PublicKeys: s.PublicKeys,
		PullInterval: s.PullInterval, HeartbeatInterval: s.HeartbeatInterval, ReloadMinInterval: s.ReloadMinInterval,
		KeepDrift: s.DriftPolicy == settings.DriftKeep, Serving: a.serving, Metadata: a.heartbeatMetadata,
		Log: a.log, Registerer: a.registry,
	})
	if err != nil {
		return err
	}
	return a.registry.Register(httpserver.Ready(a.ready))
}

func newRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), buildinfo.Metric())
	return registry
}

func (a *App) openReleases(ctx context.Context, root string, s settings.Settings) (*release.Store, error) {
	params := templates.Params{Root: root}
	if a.names != nil {
		params.Resolver = a.names.Addr()
	}
	if os.Geteuid() == 0 { // else nginx warns that the directive has no meaning
		params.User = s.NginxUser
	}
	conf, err := templates.Render(params)
	if err != nil {
		return nil, fmt.Errorf("SLAVE_ROOT: %w", err)
	}
	var tree fs.FS = luatree.Files
	if s.LuaDir != "" {
		tree = os.DirFS(s.LuaDir)
	}
	return release.Open(release.Config{
		Root: root, Lua: tree, NginxConf: conf, Log: a.log,
		Placeholder: templates.Placeholder(a.placeholderListen(ctx, root, s.PlaceholderListen)),
	})
}

// Run serves until ctx ends and then drains: running transfers get DRAIN_TIMEOUT. It returns an error
// when the supervisor cannot do its work.
func (a *App) Run(ctx context.Context) error {
	defer func() { _ = a.Close() }()
	if err := a.agent.Boot(ctx); err != nil {
		return fmt.Errorf("boot: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	// nginx drains after ctx has ended, and its workers go on asking, telling and logging.
	serving, nginxGone := context.WithCancel(context.WithoutCancel(ctx))
	for _, run := range []func(context.Context) error{
		a.local.Serve, a.identities.Run, a.decisions.Run, a.spool.Run, a.transfers.Run, a.telemetry.Run, a.usage.Run,
		a.media.Run, a.sessions.Run, a.followSigns, a.serveNames,
	} {
		group.Go(func() error { return run(serving) })
	}
	group.Go(func() error {
		defer nginxGone()
		return a.nginx.Run(ctx)
	})
	group.Go(func() error { return a.watcher.Run(ctx) })
	group.Go(func() error {
		return httpserver.Serve(ctx, httpserver.Config{Listener: a.listener, Handler: a.handler(), Grace: time.Second, Log: a.log})
	})
	group.Go(func() error {
		ready, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := a.nginx.WaitReady(ready); err != nil && ctx.Err() == nil {
			a.log.Error("Nginx is not ready, going on without it", "error", err)
		}
		return a.agent.Run(ctx)
	})
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// Close releases what New opened.
func (a *App) Close() error {
	var errs []error
	if a.names != nil {
		errs = append(errs, a.names.Close())
	}
	if a.local != nil {
		errs = append(errs, a.local.Close())
	}
	if a.releases != nil {
		errs = append(errs, a.releases.Close())
	}
	if a.redis != nil {
		errs = append(errs, ignoreRedisClosed(a.redis.Close()))
	}
	if a.listener != nil {
		errs = append(errs, ignoreClosed(a.listener.Close()))
	}
	return errors.Join(errs...)
}

func ignoreRedisClosed(err error) error {
	if errors.Is(err, redis.ErrClosed) {
		return nil
	}
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Pull makes the slave ask its master now.
func (a *App) Pull() { a.agent.Pull() }

// ReopenLogs makes nginx open its logs anew.
func (a *App) ReopenLogs() {
	if err := a.nginx.ReopenLogs(); err != nil {
		a.log.Error("Logs not reopened", "error", err)
	}
}

// ready says why players cannot be served, or nil.
func (a *App) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return a.agent.Ready(ctx)
}

// handler answers /metrics, /healthz, /readyz and /status.
func (a *App) handler() http.Handler {
	mux := httpserver.Monitoring(a.registry, a.ready)
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		_ = e.Encode(a.status(r.Context())) // the client went away
	})
	return mux
}
